import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { moduleSource } from '../helper.ts'
import { buildTenants, other, tenant } from './tenancy.ts'

const files = (endpoints: Record<string, string>, more = '') => ({ [tenant]: { 'm.ts': moduleSource(endpoints, more) } })
const wait = '{}, ({ ms }) => new Promise(resolve => setTimeout(() => resolve(1), Number(ms)))'

t.test('calls at once beyond the tenant\'s number wait, and beyond the line are a 429', async t => {
  const { app, own, url } = await buildTenants(t, {
    tenantFiles: { ...files({ wait, quick: '{}, () => 2' }), [other]: { 'm.ts': moduleSource({ quick: '{}, () => 2' }) } },
    tenants: { [tenant]: { limits: { concurrency: 2, waiting: 2 } } }
  })
  await app.inject(own('/quick'))
  const waiting = Promise.all(Array.from({ length: 4 }, () => app.inject(own('/wait?ms=300'))))
  const refused = await app.inject(own('/quick'))
  t.match(refused.json(), { statusCode: 429, code: 'FMS_ERR_BUSY' })
  t.equal(refused.headers['retry-after'], '1')
  t.equal((await app.inject(url(`/${other}/quick`))).body, '2', 'a neighbour does not wait')
  t.strictSame((await waiting).map(({ body }) => body), ['1', '1', '1', '1'])
  t.equal((await app.inject(own('/quick'))).body, '2')
  const [reason, refusal] = app.microservices.logs(tenant).filter(({ code }) => code !== undefined)
  t.match([reason, refusal], [{ code: 'FMS_ERR_BUSY', api: 'quick', level: 'error' }, { code: 'FMS_ERR_BUSY', api: 'quick', status: 429, requestId: reason?.requestId }])
})

t.test('a function that does not answer in time is a 504, and its signal is aborted', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: files({
      wait,
      limited: "{ timeoutSecs: 1 }, (args, { signal }) => new Promise(resolve => signal.addEventListener('abort', () => { aborted = true; resolve(1) }))",
      state: '{}, () => aborted'
    }, 'let aborted = false'),
    tenants: { [tenant]: { limits: { timeoutSecs: 2 } } }
  })
  // A cold start counts too, and might take all of it.
  await app.inject(own('/state'))
  t.match((await app.inject(own('/wait?ms=60000'))).json(), { statusCode: 504, code: 'FMS_ERR_TIMEOUT', message: 'Gateway Timeout' })
  t.match((await app.inject(own('/limited'))).json(), { statusCode: 504, code: 'FMS_ERR_TIMEOUT' })
  while ((await app.inject(own('/state'))).body !== 'true') await new Promise(resolve => setImmediate(resolve))
  const failed = app.microservices.logs(tenant).filter(({ api, code }) => api !== 'state' && code === 'FMS_ERR_TIMEOUT').map(({ api, status }) => [api, status])
  t.strictSame(failed, [['wait', undefined], ['wait', 504], ['limited', undefined], ['limited', 504]])
})

t.test('when the client leaves, the signal of its call is aborted', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: files({
      wait: "{}, (args, { signal }) => { started = true; return new Promise(resolve => signal.addEventListener('abort', () => { aborted = true; resolve(1) })) }",
      state: '{}, () => ({ started, aborted })'
    }, 'let started = false, aborted = false')
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const client = request({ host: '127.0.0.1', port, path: own('/wait') }).on('error', () => {}).end()
  const until = async (name: 'started' | 'aborted') => {
    while ((await app.inject(own('/state'))).json()[name] !== true) await new Promise(resolve => setImmediate(resolve))
  }
  await until('started')
  client.destroy()
  if (!client.closed) await new Promise(resolve => client.once('close', resolve))
  await until('aborted')
  t.pass('it was aborted')
})

t.test('a turn that runs too long is a 504, and the module answers the next call', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: files({ spin: '{}, () => { for (;;); }', later: '{}, async () => { await 1; for (;;); }', fine: '{}, () => 1' }),
    tenants: { [tenant]: { limits: { turnMs: 100 } } }
  })
  for (const path of ['/spin', '/later']) {
    t.match((await app.inject(own(path))).json(), { statusCode: 504, code: 'FMS_ERR_TIMEOUT' }, path)
    t.equal((await app.inject(own('/fine'))).body, '1')
  }
  t.ok((app.microservices.status()?.kills.timeout ?? 0) >= 2)
})

t.test('memory beyond the limit is a 502, whatever it is made of', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: files({
      arrays: '{}, () => { const all = []; for (;;) all.push(new Array(100_000).fill(1.5)) }',
      buffers: '{}, () => { const all = []; for (;;) all.push(new Uint8Array(8_000_000).fill(1)) }',
      wasm: '{}, () => { const memory = new WebAssembly.Memory({ initial: 16, maximum: 65_536 }); for (;;) { const from = memory.buffer.byteLength; memory.grow(64); new Uint8Array(memory.buffer, from).fill(1) } }',
      fine: '{}, () => 1'
    }),
    tenants: { [tenant]: { limits: { memoryMb: 32, turnMs: 5_000 }, webAssembly: true } }
  })
  for (const path of ['/arrays', '/buffers', '/wasm']) {
    const answer = await app.inject(own(path))
    // WebAssembly and buffers may be refused to the program itself, which then throws.
    t.ok(['FMS_ERR_CRASH', 'FMS_ERR_FUNCTION'].includes(answer.json().code), `${path}: ${answer.body}`)
    t.equal((await app.inject(own('/fine'))).body, '1')
  }
})

t.test('an answer that is too large is a 502', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: files({
      text: "{}, ({ n }) => 'x'.repeat(Number(n))",
      response: "{}, ({ n }) => new Response('é'.repeat(Number(n)))"
    }),
    tenants: { [tenant]: { limits: { responseBytes: 1_000 } } }
  })
  t.equal((await app.inject(own('/text?n=998'))).statusCode, 200)
  t.match((await app.inject(own('/text?n=999'))).json(), { statusCode: 502, code: 'FMS_ERR_RESPONSE' })
  t.equal((await app.inject(own('/response?n=500'))).statusCode, 200)
  t.match((await app.inject(own('/response?n=501'))).json(), { statusCode: 502, code: 'FMS_ERR_RESPONSE' }, 'bytes count, not characters')
})

t.test('a log is cut, and only its end is kept', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: files({ talk: "{}, () => { for (let i = 0; i < 10_000; i++) console.log('line ' + i); return 1 }" }),
    tenants: { [tenant]: { limits: { logBytes: 1_000 } } }
  })
  for (let i = 0; i < 20; i++) t.equal((await app.inject(own('/talk'))).body, '1')
  const entries = app.microservices.logs(tenant).filter(({ status }) => status === undefined)
  t.ok(entries.length > 0 && entries.length < 100, `${entries.length} entries`)
  t.ok(entries.some(({ message }) => /cut/.test(message)), 'and says that it was cut')
})

t.test('a module whose script is too large is refused', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: { [tenant]: { 'm.ts': moduleSource({ a: '{}, () => text' }, `const text = '${'x'.repeat(20_000)}'`), 'n.ts': moduleSource({ b: '{}, () => 1' }) } },
    tenants: { [tenant]: { limits: { moduleBytes: 10_000 } } }
  })
  t.equal((await app.inject(own('/a'))).statusCode, 404)
  t.equal((await app.inject(own('/b'))).body, '1')
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_MODULE', file: /m\.ts$/, message: /moduleBytes/ }])
})

t.test('what a tenant asks for beyond the installation\'s limits it does not get', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: files({ text: "{}, () => 'x'.repeat(2_000)" }),
    sandbox: { limits: { responseBytes: 1_000 } },
    tenants: { [tenant]: { limits: { responseBytes: 1_000_000 } } }
  })
  t.equal((await app.inject(own('/text'))).statusCode, 502)
})
