import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { admin } from '../owners/owners.ts'
import { fakeServer, key, type Reply } from './fake.ts'
import { serve } from './owners.ts'
import { Program, run, WITHIN_MS } from './program.ts'

const entry = { id: 7, time: 0, level: 'info', module: 'orders', version: 'x', message: 'hello' }

t.test('logs shows what modules wrote and how calls ended, and goes on with --follow', async t => {
  const { url, place } = await serve(t)
  mkdirSync(join(place.directory, 'noisy'))
  writeFileSync(join(place.directory, 'noisy', 'index.js'), `import { endpoint, fail } from 'fastify-microservices'
export const say = endpoint({}, () => 'said')
export const refuse = endpoint({}, () => fail(418, 'I am a \u009b31mteapot'))\n`)
  t.match(await run(t, ['deploy', 'noisy'], place), { code: 0 })
  const call = async (api: string) => await fetch(`${url}/${admin}/noisy/${api}`, { signal: AbortSignal.timeout(WITHIN_MS) })
  await call('say')
  const shown = await run(t, ['logs'], place)
  t.match(shown, { code: 0, stdout: /^\d{4}-\S+Z info +noisy\/say GET say: 200 \(\d+\.\d ms\)$/m, stderr: '' })
  t.match(await run(t, ['logs', 'other'], place), { code: 0, stdout: 'Nothing yet.\n' })

  const program = new Program(t, ['logs', 'noisy', '--follow', '--limit', '1'], place)
  await program.writes('stdout', /noisy\/say GET say: 200/)
  await call('refuse')
  t.match(await program.writes('stdout', /GET refuse: 418.*\n/), /GET refuse: 418 I am a teapot \(/, 'without what a terminal obeys')
  program.child.kill('SIGINT')
  t.match(await program.ended, { code: 0, stderr: '' })
})

t.test('--follow goes on where it was when the stream ends, breaks or is refused for a while', async t => {
  let streams = 0
  const stream = (id: number): Reply => ({ headers: { 'content-type': 'text/event-stream' }, body: `: hello\n\nid: ${id}\ndata: ${JSON.stringify({ ...entry, id })}\n\n` })
  const { url, asked } = await fakeServer(t, ({ path }) => {
    if (path.endsWith('/versions')) return { body: { modules: [] } }
    streams++
    return streams === 2 ? { status: 503, body: { message: 'Service Unavailable' } } : stream(streams)
  }, {
    takes: request => request.url!.includes('/logs') && streams === 3 && ++streams > 0 && request.destroy() !== undefined
  })
  const program = new Program(t, ['logs', '--follow', '--json'], { environment: { MICROSERVICES_KEY: key, MICROSERVICES_URL: url } })
  const written = await program.writes('stdout', /"id":5/)
  t.strictSame(written.trim().split('\n').map(line => JSON.parse(line).id), [1, 3, 5])
  t.strictSame(asked.filter(({ path }) => path.endsWith('/logs')).map(({ query }) => query.get('after')), [null, '1', '1', '3'])
  program.child.kill('SIGTERM')
  t.match(await program.ended, { code: 0, stderr: /^The server refused \(503\).*Trying again for 30 s\.\nThe connection to .* was lost .*Trying again for 30 s\.\n$/s })
})

t.test('what is refused for good ends it', async t => {
  const { url } = await fakeServer(t, ({ path }) => path.endsWith('/versions') ? { body: { modules: [] } } : { status: 400, body: { message: 'no' } })
  t.match(await run(t, ['logs', '--follow'], { environment: { MICROSERVICES_KEY: key, MICROSERVICES_URL: url } }), { code: 1, stderr: 'The server refused (400): no\n' })
})
