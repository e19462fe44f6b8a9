import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { temporaryDirectory } from '../helper.ts'
import { Program, run, WITHIN_MS } from './program.ts'

/** Any free port; and it would write where the test is. */
const quiet = { PORT: '0', LOG_LEVEL: 'warn' }

const greeter = (word: string) => `import { endpoint } from 'fastify-microservices'\nexport const greet = endpoint({}, () => '${word}')\n`

/** A working directory with a module in `plugins`. */
function place (t: Test, folder = 'plugins'): string {
  const directory = temporaryDirectory(t)
  mkdirSync(join(directory, folder))
  writeFileSync(join(directory, folder, 'greeter.mjs'), greeter('hello'))
  return directory
}

/** Where it says that it serves. */
async function urlOf (program: Program): Promise<string> {
  return /at (http:\S+)/.exec(await program.writes('stdout', /Ctrl\+C ends it/))![1]!
}

async function get (url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(WITHIN_MS) })
  return await response.json()
}

t.test('start serves ./plugins, says where, serves what is changed, and ends with its signal', async t => {
  const directory = place(t)
  const program = new Program(t, ['start'], { directory, environment: quiet })
  const url = await urlOf(program)
  t.match(await program.writes('stdout', /Modules: greeter\. Ctrl/), `Serving ${join(directory, 'plugins')} at http://127.0.0.1:`)
  t.equal(await get(`${url}/greet`), 'hello')
  writeFileSync(join(directory, 'plugins', 'greeter.mjs'), greeter('hello again'))
  const until = Date.now() + WITHIN_MS
  while (await get(`${url}/greet`) !== 'hello again' && Date.now() < until) await wait(50)
  t.equal(await get(`${url}/greet`), 'hello again')
  program.child.kill('SIGTERM')
  t.match(await program.ended, { code: 0, stderr: '' })
})

t.test('start takes directories, and settings from .env', async t => {
  const directory = place(t, 'functions')
  writeFileSync(join(directory, '.env'), 'PORT=0\nLOG_LEVEL=silent\n')
  const program = new Program(t, ['start', 'functions', '--no-watch', '--json'], { directory })
  const told = JSON.parse(await program.writes('stdout', /\n/))
  t.match(told, { url: /^http:\/\/127\.0\.0\.1:\d+\/rest\/services$/, directories: [{ owner: 'local', path: join(directory, 'functions') }], modules: ['greeter'], problems: [] })
  t.equal(await get(`${told.url}/greet`), 'hello')
  program.child.kill('SIGINT')
  t.match(await program.ended, { code: 0 })
})

t.test('start waits for requests under way', async t => {
  const directory = place(t)
  writeFileSync(join(directory, 'plugins', 'slow.mjs'), `import { endpoint } from 'fastify-microservices'
    export const slow = endpoint({}, () => new Promise(resolve => { process.stderr.write('called'); process.once('SIGTERM', () => setTimeout(resolve, 100, 'done')) }))`)
  const program = new Program(t, ['start'], { directory, environment: quiet })
  const answer = get(`${await urlOf(program)}/slow`)
  await program.writes('stderr', /called/)
  program.child.kill('SIGTERM')
  t.equal(await answer, 'done')
  t.match(await program.ended, { code: 0 })
})

t.test('a broken module is told with file and line, and the others are served', async t => {
  const directory = place(t)
  writeFileSync(join(directory, 'plugins', 'broken.mjs'), '\nexport const broken = (\n')
  const program = new Program(t, ['start'], { directory, environment: { ...quiet, LOG_LEVEL: 'silent' } })
  const url = await urlOf(program)
  t.match(await program.writes('stderr', /\n/), /plugins\/broken\.mjs:3: .+/)
  t.equal(await get(`${url}/greet`), 'hello')
})

t.test('without a directory, it waits for modules to come', async t => {
  const program = new Program(t, ['start'], { directory: temporaryDirectory(t), environment: quiet })
  t.match(await program.writes('stdout', /Ctrl/), /No modules yet/)
})

t.test('what it cannot start with is told, and it ends', async t => {
  const directory = place(t)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const taken = String((server.address() as AddressInfo).port)
  const wrong: Array<[args: string[], environment: Record<string, string>, code: number, message: RegExp]> = [
    [[], { PORT: taken }, 1, new RegExp(`^Not started: port ${taken} is taken, .*: set PORT to another, or to 0 for any\\.\n$`)],
    [[], { HOST: '203.0.113.7' }, 1, /^Not started: 203\.0\.113\.7 is no address of this machine: set HOST/],
    [[], { PORT: 'http' }, 2, /^PORT: expected a number from 0 to 65535; found "http"\n$/],
    [[], { LOG_LEVEL: 'loud' }, 2, /^LOG_LEVEL: expected one of fatal, .*; found "loud"\n$/],
    [['nowhere'], {}, 2, /plugins: expected a directory that exists; found ".*nowhere"/],
    [[], { ADMIN_ID: 'me' }, 2, /ADMIN_ID: expected/],
    [['.'], {}, 2, /DATA_DIR: expected directories apart from one another/]
  ]
  await Promise.all(wrong.map(async ([args, environment, code, message]) => {
    t.match(await run(t, ['start', ...args], { directory, environment: { ...quiet, ...environment } }), { code, stdout: '', stderr: message }, args.join() + JSON.stringify(environment))
  }))
})
