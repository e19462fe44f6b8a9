import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../helper.ts'
import { Program, run, WITHIN_MS } from './program.ts'

const greet = (word: string) => `import { endpoint } from 'fastify-microservices'\nexport const greet = endpoint({}, () => '${word}')\n`

t.test('from nothing: init, start, register, deploy as the tenant, call with a token, replay, deploy again, roll back, stop', async t => {
  const directory = temporaryDirectory(t)
  const cli = async (...args: string[]) => {
    const ended = await run(t, args, { directory, environment })
    t.equal(ended.code, 0, `${args.join(' ')}: ${ended.stderr}`)
    return ended.stdout.trim()
  }
  let environment: Record<string, string> = {}
  await cli('init', '--multi-tenant')
  const server = new Program(t, ['start', '--json'], { directory, environment: { PORT: '0', LOG_LEVEL: 'warn' } })
  const { url } = JSON.parse(await server.writes('stdout', /\n/)) as { url: string }
  environment = { MICROSERVICES_URL: url }

  await cli('tenants', 'register', 'ada', '--save', 'ada.key')
  const { uuid } = JSON.parse(readFileSync(join(directory, 'ada.key'), 'utf8')) as { uuid: string }
  const call = async (token?: string): Promise<unknown> => {
    const response = await fetch(`${url}/${uuid}/greet`, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(WITHIN_MS) })
    return response.ok ? await response.json() : response.status
  }
  const source = join(directory, 'greeter.ts')
  writeFileSync(source, greet('hello'))
  t.match(await cli('deploy', 'greeter.ts', '--key-file', 'ada.key'), new RegExp(`^greeter \\w{12} .* is live at ${url}/${uuid}/greeter\\.`))
  const token = await cli('token', 'GET', `${url}/${uuid}/greet`, '--key-file', 'ada.key')
  t.equal(await call(token), 'hello')
  t.equal(await call(token), 401, 'a replay is refused')
  writeFileSync(source, greet('good day'))
  await cli('deploy', 'greeter.ts', '--key-file', 'ada.key')
  t.equal(await call(), 'good day')
  await cli('rollback', 'greeter', '--key-file', 'ada.key')
  t.equal(await call(), 'hello')
  t.match(await cli('logs', '--key-file', 'ada.key'), /greeter\/greet GET greet: 200/)

  server.child.kill('SIGINT')
  t.match(await server.ended, { code: 0 })
  t.equal(statSync(join(directory, 'data')).mode & 0o077, 0, 'the store is for its owner alone')
})
