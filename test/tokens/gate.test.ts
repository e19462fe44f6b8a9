import t, { type Test } from 'tap'
import type { Response as Answer } from 'light-my-request'
import { Once } from '../../lib/tokens/once.ts'
import { admin, crafted, kid, other, owner, secretOf } from './craft.ts'
import { bearer, gatedApp, listen, sendRaw, token, tokenStore } from './gated-app.ts'

const unauthorized = { statusCode: 401, code: 'FMS_ERR_TOKEN', error: 'Unauthorized', message: 'a valid token is needed' }
const manager = `${owner}.manage`

function isUnauthorized (t: Test, answer: Answer, message = ''): void {
  t.strictSame([answer.statusCode, answer.headers['www-authenticate'], answer.json()], [401, 'Bearer', unauthorized], message)
}

t.test('a call with a token is let in once; without, where none is required', async t => {
  const cases = [['required', 401], ['optional', 200], ['off', 200]] as const
  for (const [tokens, without] of cases) {
    const app = gatedApp(t, { tokens })
    t.equal((await app.inject('/call')).statusCode, without, tokens)
    const headers = bearer(await token('/call'))
    const answer = await app.inject({ url: '/call', headers })
    t.strictSame([answer.statusCode, answer.json().kid], [200, tokens === 'off' ? null : kid], tokens)
    const again = await app.inject({ url: '/call', headers })
    if (tokens === 'off') t.equal(again.statusCode, 200)
    else isUnauthorized(t, again, tokens)
  }
})

t.test('a token is known by its key and its name', async t => {
  const app = gatedApp(t)
  const iat = Math.floor(Date.now() / 1000)
  const claims = { iat, exp: iat + 30, jti: 'same', htm: 'GET', htu: 'http://localhost/call' }
  const tokens = [kid, manager].map(kid => crafted({ header: { alg: 'dir', enc: 'A256GCM', kid }, secret: secretOf(kid), claims }))
  for (const token of tokens) t.equal((await app.inject({ url: '/call', headers: bearer(token) })).statusCode, 200)
  for (const token of [...tokens, crafted({ claims })]) isUnauthorized(t, await app.inject({ url: '/call', headers: bearer(token) }), 'also where another token has it')
})

t.test('management always takes a token, of its owner\'s key for it or of that owner\'s admin\'s', async t => {
  for (const tokens of ['required', 'optional', 'off'] as const) {
    const app = gatedApp(t, { tokens })
    const ask = async (options?: Parameters<typeof token>[1]) => app.inject({ url: '/manage?a=1', headers: bearer(await token('/manage?a=1', options)) })
    isUnauthorized(t, await app.inject('/manage?a=1'), 'none')
    t.match((await ask({ kid: manager, manage: true })).json(), { kid: manager })
    isUnauthorized(t, await ask({ kid: manager }), 'without body and query')
    isUnauthorized(t, await ask({ kid, manage: true }), 'a key for calls')
    t.match((await ask({ kid: `${admin}.first`, manage: true })).json(), { kid: `${admin}.first` }, 'its admin\'s')
    isUnauthorized(t, await ask({ kid: `${other}.manage`, manage: true }), 'another one\'s')
  }
})

t.test('a tenant\'s endpoints open to its own keys and to its admin\'s', async t => {
  const cases = [[kid, 200], [manager, 200], [`${admin}.first`, 200], [`${other}.call`, 401], [`${other}.manage`, 401]] as const
  for (const tokens of ['required', 'optional'] as const) {
    const app = gatedApp(t, { tokens })
    for (const [kid, status] of cases) {
      t.equal((await app.inject({ url: '/call', headers: bearer(await token('/call', { kid })) })).statusCode, status, kid)
    }
    const ownerless = gatedApp(t, { tokens, target: { owner: admin, admin: undefined } })
    for (const [kid, status] of [[manager, 401], [`${admin}.first`, 200]] as const) {
      t.equal((await ownerless.inject({ url: '/call', headers: bearer(await token('/call', { kid })) })).statusCode, status, `${kid} at the admin's`)
    }
  }
})

t.test('a restart lets no used one in again', async t => {
  const store = tokenStore()
  const headers = bearer(await token('/call'))
  const first = gatedApp(t, { once: new Once(store) })
  t.equal((await first.inject({ url: '/call', headers })).statusCode, 200)
  await first.close()
  isUnauthorized(t, await gatedApp(t, { once: new Once(store) }).inject({ url: '/call', headers }))
})

t.test('where the store cannot say, nobody is let in, and may come again', async t => {
  const app = gatedApp(t, { tokens: 'optional', once: new Once({ consume: async () => { throw new Error('no server') } }) })
  const answer = await app.inject({ url: '/call', headers: bearer(await token('/call')) })
  t.match([answer.statusCode, answer.headers['retry-after'], answer.json().code], [503, '1', 'FMS_ERR_UNAVAILABLE'])
  t.equal((await app.inject('/call')).statusCode, 200, 'who has no token needs no store')
  isUnauthorized(t, await app.inject({ url: '/call', headers: bearer('x') }), 'nor does who has none that fits')
})

t.test('the token is that of the one Authorization header, of the scheme Bearer', async t => {
  const optional = await listen(gatedApp(t, { tokens: 'optional' }))
  const required = await listen(gatedApp(t))
  const off = await listen(gatedApp(t, { tokens: 'off' }))
  const make = (base: string) => token('', { url: `${base}/call` })
  const send = async (base: string, ...headers: string[]) => sendRaw(base, ['GET /call HTTP/1.1', `Host: ${new URL(base).host}`, 'Connection: close', ...headers])
  for (const base of [optional, required]) {
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'BeArEr  ']) t.equal(await send(base, `authorization:${scheme} ${await make(base)}\t`), 200, scheme)
    const wrong = ['Bearer', 'Bearer ', 'bearer', 'Bearer,', 'Bearer\t$', 'Bearer $ $', 'Bearer $,$', 'Bearer $, Basic eDp5', 'Bearer "$"', 'Bearer token=$', 'Bearer Bearer $', 'Bearer $;', 'Bearer =', 'Bearer é']
    for (const value of wrong) t.equal(await send(base, `Authorization: ${value.replaceAll('$', await make(base))}`), 401, value)
    t.equal(await send(base, `Authorization: Bearer ${await make(base)}`, `Authorization: Bearer ${await make(base)}`), 401, 'two')
    t.equal(await send(base, `Authorization: Bearer ${await make(base)}`, 'AUTHORIZATION: Basic eDp5'), 401, 'two of two schemes')
    t.equal(await send(base, 'Authorization: Basic eDp5', `authorization: Bearer ${await make(base)}`), 401, 'whichever comes first')
    const none = base === optional ? 200 : 401
    for (const value of ['Basic eDp5', 'Digest x', 'Bear $', 'BearerX $', 'DPoP $', '$', '']) t.equal(await send(base, `Authorization: ${value.replace('$', await make(base))}`), none, `another scheme: ${value}`)
    t.equal(await send(base, `Cookie: token=${await make(base)}`, `X-Authorization: Bearer ${await make(base)}`, `Proxy-Authorization: Bearer ${await make(base)}`), none, 'elsewhere')
  }
  t.equal(await send(off, 'Authorization: Bearer x', 'Authorization: Bearer y'), 200, 'off is off')
})

t.test('a token is for one URL and one method', async t => {
  const base = await listen(gatedApp(t))
  const { host } = new URL(base)
  const send = (target: string, token: string, { method = 'GET', host: name = host } = {}) =>
    sendRaw(base, [`${method} ${target} HTTP/1.1`, `Host: ${name}`, `Authorization: Bearer ${token}`, 'Connection: close'])
  const make = (path: string, method = 'GET') => token('', { url: `${base}${path}`, method })

  for (const target of ['/call', '/call?a=1', '/call?', `${base}/call`, `HTTP://${host}/call?x`, '/c%61ll']) t.equal(await send(target, await make('/call')), 200, target)
  for (const target of ['/call/', '/callx', '/call/../call', '/call/.', '/call/%2e', '/call%2F', '/call%00', '/call//', '/call/..\\call', `${base}/call/x`]) {
    t.equal(await send(target, await make('/call')), 401, target)
  }
  for (const name of ['localhost', 'evil.example', '127.0.0.1', `${host}0`, `user@${host}`, `${host}/call`, `${host}?`, '', 'a b', `${host},evil.example`]) {
    t.equal(await send('/call', await make('/call'), { host: name }), 401, `Host: ${name}`)
  }
  t.equal(await send('/call', await token('', { url: `${base.replace('http', 'https')}/call` })), 401, 'https')
  for (const [htm, method, status] of [['GET', 'HEAD', 401], ['HEAD', 'HEAD', 200], ['HEAD', 'GET', 401], ['GET', 'DELETE', 401], ['DELETE', 'DELETE', 200], ['POST', 'PUT', 401]] as const) {
    t.equal(await send('/call', await make('/call', htm), { method }), status, `${htm} for ${method}`)
  }
  const noHost = await sendRaw(base, ['GET /call HTTP/1.0', `Authorization: Bearer ${await token('', { url: 'http://call/' })}`])
  t.equal(noHost, 401, 'no host is no other one')
})

t.test('the public URL counts, where there is one, with the path that a proxy takes off', async t => {
  for (const publicUrl of ['https://API.example.com/base', 'https://api.example.com:443/base/', 'https://api.example.com/base//']) {
    const app = gatedApp(t, { publicUrl })
    const ask = async (url: string) => (await app.inject({ url: '/call?x=1', headers: bearer(await token('', { url })) })).statusCode
    t.equal(await ask('https://api.example.com/base/call'), 200)
    for (const url of ['https://api.example.com/call', 'http://localhost/call', 'http://api.example.com/base/call', 'https://api.example.com/base//call']) t.equal(await ask(url), 401, url)
  }
  const root = gatedApp(t, { publicUrl: 'https://api.example.com' })
  t.equal((await root.inject({ url: '/call', headers: bearer(await token('', { url: 'https://api.example.com/call' })) })).statusCode, 200)
})

t.test('behind a trusted proxy, what that says of the host counts; else nothing does', async t => {
  const forwarded = { 'x-forwarded-host': 'api.example.com', 'x-forwarded-proto': 'https' }
  for (const trustProxy of [true, false]) {
    const app = gatedApp(t, { fastify: { trustProxy } })
    const ask = async (url: string) => (await app.inject({ url: '/call', headers: { ...forwarded, ...bearer(await token('', { url })) } })).statusCode
    t.equal(await ask('https://api.example.com/call'), trustProxy ? 200 : 401)
    t.equal(await ask('http://localhost/call'), trustProxy ? 401 : 200)
  }
})

t.test('the path is the one that was sent, before the host\'s app rewrote it', async t => {
  const app = gatedApp(t, { fastify: { rewriteUrl: ({ url = '' }) => url.replace('/old', '/call') } })
  const ask = async (path: string) => (await app.inject({ url: '/old', headers: bearer(await token(path)) })).statusCode
  t.equal(await ask('/old'), 200)
  t.equal(await ask('/call'), 401)
})

t.test('a clock that is wrong by more than five seconds, and a token for too long, are refused', async t => {
  const app = gatedApp(t, { ttlSecs: 40 })
  const ask = async (options: Parameters<typeof token>[1]) => (await app.inject({ url: '/call', headers: bearer(await token('/call', options)) })).statusCode
  const now = Date.now()
  for (const [options, status] of [
    [{ now: now + 3000 }, 200], [{ now: now - 31_000 }, 200], [{ now: now + 10_000 }, 401], [{ now: now - 37_000 }, 401], [{ ttlSecs: 40 }, 200], [{ ttlSecs: 41 }, 401]
  ] as const) t.equal(await ask(options), status, JSON.stringify(options))
})
