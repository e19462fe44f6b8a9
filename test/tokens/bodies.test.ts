import { EventEmitter, once } from 'node:events'
import { Agent, request } from 'node:http'
import type { Readable, Transform } from 'node:stream'
import { createGunzip, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { Once } from '../../lib/tokens/once.ts'
import type { ProduceOptions } from '../../lib/tokens/produce.ts'
import { owner } from './craft.ts'
import { bearer, gatedApp, type GatedOptions, listen, sendRaw, token, tokenStore } from './gated-app.ts'

const manager = `${owner}.manage`
const json = { 'content-type': 'application/json' }

/** An app that listens, and requests to it with a token for another body or query than they have, or for the same. */
async function managed (t: Test, options: GatedOptions = {}) {
  const store = tokenStore()
  const base = await listen(gatedApp(t, { once: new Once(store), ...options }))
  const make = (options: Partial<ProduceOptions> = {}) => token('', { kid: manager, manage: true, method: 'POST', url: `${base}/manage`, ...options })
  const send = async (token: string, init: RequestInit & { path?: string } = {}) => {
    const answer = await fetch(`${base}${init.path ?? '/manage'}`, { method: 'POST', ...init, headers: { ...json, ...bearer(token), ...init.headers as object } })
    return { status: answer.status, body: (await answer.json() as { body: unknown }).body }
  }
  return { base, make, send, store }
}

t.test('a body is the one that was signed, byte by byte', async t => {
  const { make, send, store } = await managed(t)
  const body = '{"userid":"é","n":1}'
  const others = ['', ' ', '{}', `${body} `, ` ${body}`, '{"n":1,"userid":"é"}', '{"userid":"\\u00e9","n":1}', '{"userid":"é","n":1.0}', Buffer.from(body, 'latin1'), Buffer.from(body, 'utf16le'), `\uFEFF${body}`]
  const signed = await make({ body })
  for (const other of others) t.equal((await send(signed, { body: other })).status === 200, false, String(other))
  t.equal((await send(signed, { body: null })).status, 401, 'none')
  t.equal(store.used.size, 0, 'a token is used up by its own body only')
  t.strictSame(await send(signed, { body }), { status: 200, body: { userid: 'é', n: 1 } })
  t.equal((await send(signed, { body })).status, 401, 'once')
  t.equal((await send(await make({ body: '' }), { body })).status, 401, 'a body where none was signed')
  t.equal((await send(await make({ body: Buffer.from(body) }), { body })).status, 200, 'as bytes')
})

t.test('a large body comes through whole', async t => {
  const { make, send } = await managed(t)
  const body = JSON.stringify('é'.repeat(400_000))
  t.strictSame(await send(await make({ body }), { body }), { status: 200, body: JSON.parse(body) })
  t.equal((await send(await make({ body }), { body: body.replace('é"', 'è"') })).status, 401)
})

t.test('a body in chunks is hashed as it is put together', async t => {
  const { base, make } = await managed(t)
  const body = `{"x":"${'y'.repeat(1000)}"}`
  for (const [signed, status] of [[body, 200], [body.slice(1), 401], ['', 401]] as const) {
    const req = request(`${base}/manage`, { method: 'POST', headers: { ...json, ...bearer(await make({ body: signed })) } })
    for (let i = 0; i < body.length; i += 100) req.write(body.slice(i, i + 100))
    req.end()
    const [answer] = await once(req, 'response') as [Readable & { statusCode: number }]
    answer.resume()
    t.equal(answer.statusCode, status)
  }
})

t.test('no body is one of no bytes, however it is said', async t => {
  const { base, make } = await managed(t)
  const send = async (method: string, ...headers: string[]) => {
    const lines = [`${method} /manage HTTP/1.1`, `Host: ${new URL(base).host}`, 'Connection: close', `Authorization: Bearer ${await make({ method })}`, ...headers]
    return await sendRaw(base, lines, headers.some(header => header.startsWith('Transfer')) ? '0\r\n\r\n' : '')
  }
  for (const method of ['POST', 'PUT', 'DELETE']) {
    t.equal(await send(method), 200, method)
    t.equal(await send(method, 'Content-Length: 0'), 200, `${method}, length 0`)
    t.equal(await send(method, 'Content-Length: 0', 'Content-Type: application/json'), 200, `${method}, length 0, of a type`)
    t.equal(await send(method, 'Transfer-Encoding: chunked'), 200, `${method}, no chunk`)
    t.equal(await send(method, 'Transfer-Encoding: chunked', 'Content-Type: application/json'), 200, `${method}, no chunk, of a type`)
  }
  for (const method of ['GET', 'HEAD']) t.equal(await send(method), 200, method)
})

t.test('a body that nobody read is not one of no bytes', async t => {
  const { base, make } = await managed(t, {
    // As multipart parsers do, for whom the handler reads the request itself.
    before: app => { app.addContentTypeParser('multipart/form-data', (_request, _payload, done) => done(null)) }
  })
  const send = async (method: string, signed: string, ...headers: string[]) =>
    sendRaw(base, [`${method} /manage HTTP/1.1`, `Host: ${new URL(base).host}`, 'Connection: close', `Authorization: Bearer ${await make({ method, body: signed })}`, ...headers], headers.some(header => header.startsWith('Transfer')) ? '1\r\nx\r\n0\r\n\r\n' : 'x')
  for (const signed of ['', 'x']) {
    for (const length of ['Content-Length: 1', 'Transfer-Encoding: chunked']) {
      t.equal(await send('GET', signed, length), 401, `GET, ${length}`)
      t.equal(await send('POST', signed, length, 'Content-Type: multipart/form-data'), 401, `POST, ${length}`)
    }
  }
})

t.test('a query is the one that was signed, letter by letter', async t => {
  const { base, make, send } = await managed(t)
  const path = '/manage?limit=10&after=a%20b'
  for (const other of ['/manage', '/manage?', '/manage?limit=10', '/manage?after=a%20b&limit=10', '/manage?limit=10&after=a+b', '/manage?limit=11&after=a%20b', `${path}&`, `${path}&limit=10`, `${path}%20`, path.replace('limit', 'LIMIT')]) {
    t.equal((await send(await make({ url: `${base}${path}` }), { path: other })).status, 401, other)
    t.equal((await send(await make({ url: `${base}${other}` }), { path })).status, 401, `for ${other}`)
  }
  t.equal((await send(await make({ url: `${base}${path}` }), { path })).status, 200)
  t.equal((await send(await make({ url: `${base}/manage?` }), { path: '/manage' })).status, 200, 'an empty one is none')
  // A router takes what follows a `#` for a query.
  const lines = async (target: string) => [`GET ${target} HTTP/1.1`, `Host: ${new URL(base).host}`, 'Connection: close', `Authorization: Bearer ${await make({ method: 'GET' })}`]
  t.equal(await sendRaw(base, await lines('/manage#limit=10')), 401)
  t.equal(await sendRaw(base, await lines('/manage')), 200)
})

t.test('a call is held to a body and a query where its token names them, as for a sealed call', async t => {
  const { base, make, send } = await managed(t)
  const token = await make({ url: `${base}/call?x=1`, body: 'other' })
  t.match(await send(token, { path: '/call?y=2', body: '{"x":1}' }), { status: 401 })
  const good = await make({ url: `${base}/call?x=1`, body: '{"x":1}' })
  t.strictSame(await send(good, { path: '/call?x=1', body: '{"x":1}' }), { status: 200, body: { x: 1 } })
})

t.test('a body that the host\'s hooks unpack is the unpacked one, and its length is still right', async t => {
  const unpacked = '{"x":1}'
  const { make, send } = await managed(t, {
    before: app => {
      app.addHook('preParsing', async (request, _reply, payload) => {
        if (request.headers['content-encoding'] !== 'gzip') return payload
        const unpack: Transform & { receivedEncodedLength?: number } = createGunzip()
        payload.on('data', (chunk: Buffer) => { unpack.receivedEncodedLength = (unpack.receivedEncodedLength ?? 0) + chunk.length })
        return payload.pipe(unpack)
      })
    }
  })
  const init = { body: gzipSync(unpacked), headers: { 'content-encoding': 'gzip' } }
  t.strictSame(await send(await make({ body: unpacked }), init), { status: 200, body: { x: 1 } })
  t.equal((await send(await make({ body: init.body }), init)).status, 401)
})

t.test('limits and errors of bodies are Fastify\'s, and use no token up', async t => {
  const { make, send, store } = await managed(t, { fastify: { bodyLimit: 100_000 } })
  const large = JSON.stringify('x'.repeat(200_000))
  t.equal((await send(await make({ body: large }), { body: large })).status, 413)
  t.equal((await send(await make({ body: '{' }), { body: '{' })).status, 400)
  t.equal((await send(await make({ body: '{}' }), { body: '{}', headers: { 'content-type': 'x/y' } })).status, 415)
  t.equal((await send(await make({ body: '{"__proto__":1}' }), { body: '{"__proto__":1}' })).status, 400)
  t.equal(store.used.size, 0)
})

t.test('a client that leaves in the middle of a body takes nobody with it', async t => {
  const arrived = new EventEmitter()
  const { base, make, send, store } = await managed(t, {
    fastify: { bodyLimit: 100 },
    before: app => {
      app.addHook('onRequest', async ({ raw: { socket } }) => {
        arrived.emit('request')
        socket.once('close', () => arrived.emit('close'))
      })
    }
  })
  const body = JSON.stringify('x'.repeat(1000))
  const signal = AbortSignal.timeout(10_000)
  // The one is answered before the client leaves, as its body is too long; nobody reads on then.
  for (const [length, event] of [[200, 'response'], [50, 'request']] as const) {
    const req = request(`${base}/manage`, { method: 'POST', headers: { ...json, ...bearer(await make({ body })) } })
    req.on('error', () => {})
    const closed = once(arrived, 'close', { signal })
    const reached = once(event === 'request' ? arrived : req, event, { signal })
    req.write(body.slice(0, length))
    await reached
    req.destroy()
    await closed
  }
  const short = '{}'
  t.strictSame(await send(await make({ body: short }), { body: short }), { status: 200, body: {} }, 'the app answers on')
  t.equal(store.used.size, 1)
})

t.test('a connection serves on after a body that nobody read', async t => {
  const { base, make } = await managed(t)
  const body = 'x'.repeat(300_000)
  const { hostname, port } = new URL(base)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const ask = async (method: string, body: string, signed: string) => {
    const req = request({ agent, hostname, port, path: '/manage', method, headers: { ...bearer(await make({ method, body: signed })), 'content-length': body.length } })
    req.end(body)
    const [answer] = await once(req, 'response') as [Readable & { statusCode: number }]
    await once(answer.resume(), 'end')
    return answer.statusCode
  }
  t.equal(await ask('GET', body, body), 401)
  t.equal(await ask('GET', '', ''), 200)
  t.equal(await ask('GET', body, ''), 401)
  t.equal(await ask('GET', '', ''), 200)
})

t.test('a body that takes longer than its token is refused: the store may have forgotten it', async t => {
  const { base, make } = await managed(t)
  const signed = await make({ body: '{"x":1}', now: Date.now() - 34_000 })
  const req = request(`${base}/manage`, { method: 'POST', headers: { ...json, ...bearer(signed) } })
  req.write('{"x"')
  const expiry = (Math.floor((Date.now() - 34_000) / 1000) + 35) * 1000
  await new Promise(resolve => setTimeout(resolve, expiry + 1500 - Date.now()))
  req.end(':1}')
  const [answer] = await once(req, 'response') as [Readable & { statusCode: number }]
  answer.resume()
  t.equal(answer.statusCode, 401)
})
