import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { EncryptJWT } from 'jose'
import t, { type Test } from 'tap'
import { isPlatformError } from '../../lib/errors.ts'
import type { Claims } from '../../lib/tokens/profile.ts'
import { produce } from '../../lib/tokens/produce.ts'
import { verify, type Verified, type VerifyOptions } from '../../lib/tokens/verify.ts'
import { craft, crafted, keys, keyText, kid, other, owner, secretOf } from './craft.ts'
import { hostileTokens } from './hostile.ts'

const now = 1_800_000_000_000
const iat = now / 1000
const url = 'https://api.example.com/rest/services/hello-world'
const claims: Claims = { iat, exp: iat + 30, jti: 'abc', htm: 'GET', htu: url }
const manageKid = `${owner}.manage`

function check (token: string, options: Partial<VerifyOptions> = {}): Verified {
  return verify(token, { key: kid => keys[kid], method: 'GET', url, now, ...options })
}

/** Nothing else is to be seen of a refusal, whatever the token. */
const refusal = { name: 'FastifyError', code: 'FMS_ERR_TOKEN', message: 'a valid token is needed', statusCode: 401, headers: { 'www-authenticate': 'Bearer' } }

function isRefused (t: Test, token: string, message: string, options: Partial<VerifyOptions> = {}): void {
  t.strictSame(outcome(token, options), refusal, message)
}

function outcome (token: string, options: Partial<VerifyOptions> = {}): object {
  try {
    return check(token, options)
  } catch (error) {
    return isPlatformError(error) && error.cause === undefined ? { ...error } : { error }
  }
}

/** Those of many tokens that are not refused. */
function passed (tokens: Iterable<[name: string, token: string]>): Array<[string, object]> {
  return [...tokens].map(([name, token]): [string, object] => [name, outcome(token)]).filter(([, outcome]) => !isDeepStrictEqual(outcome, refusal))
}

t.test('a token says whose it is, and until when its use is to be remembered', async t => {
  t.strictSame(check(crafted({ claims })), { kid, owner, kind: 'call', jti: 'abc', expiresAt: now + 35_000 })
  t.strictSame(check(await produce({ kid, key: keyText(kid), method: 'GET', url, now })).expiresAt, now + 35_000, 'of our own as well')
})

t.test('a token that jose makes is one', async t => {
  const make = (kid: string, more: object = {}) => new EncryptJWT({ jti: 'j', htm: 'GET', htu: url, ...more }).setIssuedAt(iat).setExpirationTime(iat + 30)
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid }).encrypt(secretOf(kid))
  t.strictSame(check(await make(kid)), { kid, owner, kind: 'call', jti: 'j', expiresAt: now + 35_000 })
  const bod = 'A'.repeat(43)
  const qry = '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'
  t.strictSame(check(await make(manageKid, { bod, qry }), { manage: { query: '' } }), { kid: manageKid, owner, kind: 'manage', jti: 'j', expiresAt: now + 35_000, bod, qry })
})

t.test('what the profile leaves open is open', async t => {
  const members = { alg: 'dir', enc: 'A256GCM', kid }
  for (const order of [['alg', 'enc', 'kid'], ['alg', 'kid', 'enc'], ['enc', 'alg', 'kid'], ['enc', 'kid', 'alg'], ['kid', 'alg', 'enc'], ['kid', 'enc', 'alg']] as const) {
    const header = Object.fromEntries(order.map(name => [name, members[name]]))
    t.equal(check(crafted({ header, claims })).kid, kid, order.join())
  }
  t.equal(check(crafted({ header: ` {"alg": "dir",\n\t"enc": "A256GCM",\r "kid": "${kid}" }`, claims })).kid, kid, 'white space, as Python writes it')
  t.equal(check(crafted({ claims: { sub: 'me', ...claims, nbf: 0, aud: ['x'] } })).jti, 'abc', 'other claims')
  t.equal(check(crafted({ claims: { ...claims, iat: iat + 0.5, exp: iat + 20.25 } })).expiresAt, now + 25_250, 'fractions of a second')
  for (const jti of ['x', 'x'.repeat(64), '!~/+=', '6f9619ff-8b86-d011-b42d-00cf4fc964ff']) t.equal(check(crafted({ claims: { ...claims, jti } })).jti, jti)
  const length = crafted({ claims: { ...claims, pad: '' } }).length
  const most = crafted({ claims: { ...claims, pad: 'x'.repeat(Math.floor((4096 - length) * 3 / 4)) } })
  t.ok(most.length > 4090 && most.length <= 4096)
  t.equal(check(most).jti, 'abc', 'a token of 4 KB')
})

t.test('a hostile token is refused, always in the same words', async t => {
  const tokens = hostileTokens(claims)
  t.ok(tokens.length > 300)
  t.equal(check(crafted({ claims })).jti, 'abc', 'they are made of claims that fit')
  t.strictSame(passed(tokens), [])
})

t.test('a token that is cut anywhere is refused, and so are its ends', async t => {
  const token = crafted({ claims })
  const lengths = Array.from({ length: token.length - 1 }, (_, i) => i + 1)
  t.strictSame(passed(lengths.flatMap(i => [[`cut after ${i}`, token.slice(0, i)], [`cut before ${i}`, token.slice(i)]])), [])
})

t.test('a token with one bit changed is refused, whichever it is', async t => {
  const parts = craft({ claims })
  const tokens = parts.flatMap((part, i) => {
    const bytes = Buffer.from(part, 'base64url')
    return Array.from({ length: bytes.length * 8 }, (_, bit): [string, string] => {
      const changed = Buffer.from(bytes)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      return [`bit ${bit} of part ${i}`, parts.with(i, changed.toString('base64url')).join('.')]
    })
  })
  t.ok(tokens.length > 1000)
  t.strictSame(passed(tokens), [])
})

t.test('ten thousand random texts are refused', async t => {
  const parts = craft({ claims })
  const random = (bytes: number, i: number): string => randomBytes(bytes).toString((['base64url', 'latin1', 'utf8', 'hex'] as const)[i % 4])
  const kinds: ReadonlyArray<(i: number) => string> = [
    i => random(i % 400, i),
    i => parts.with(i % 5, random(1 + i % 400, i)).join('.'),
    () => parts.map((part, i) => i < 2 ? part : randomBytes(Buffer.from(part, 'base64url').length).toString('base64url')).join('.')
  ]
  t.strictSame(passed(Array.from({ length: 10_000 }, (_, i) => [`${i}`, kinds[i % 3]!(i)])), [])
})

t.test('what is no text is refused', async t => {
  for (const token of [undefined, null, 7, true, {}, [], [crafted({ claims })], Object(crafted({ claims })), Buffer.from(crafted({ claims }))]) {
    isRefused(t, token as string, String(token).slice(0, 20))
  }
})

t.test('clocks may be five seconds apart, either way', async t => {
  const token = crafted({ claims })
  for (const time of [now - 5000, now - 1, now, now + 30_000, now + 34_999]) t.equal(check(token, { now: time }).jti, 'abc', `at ${time - now} ms`)
  for (const time of [-Infinity, 0, now - 5001, now + 35_000, now + 1e9, Infinity, NaN]) isRefused(t, token, `at ${time - now} ms`, { now: time })
})

t.test('a token may be made for as long as ttlSecs says, and no longer', async t => {
  for (const [ttlSecs, most] of [[undefined, 60], [1, 1], [3600, 3600]] as const) {
    const options = ttlSecs === undefined ? {} : { ttlSecs }
    t.equal(check(crafted({ claims: { ...claims, exp: iat + most } }), options).jti, 'abc')
    isRefused(t, crafted({ claims: { ...claims, exp: iat + most + 1 } }), `${most + 1} s`, options)
  }
  isRefused(t, crafted({ claims }), 'a ttlSecs that is no number lets nothing through', { ttlSecs: NaN })
})

t.test('one URL may be spelled in several ways', async t => {
  const same: ReadonlyArray<[htu: string, url: string]> = [
    ['HTTPS://API.example.COM/rest', 'https://api.example.com/rest'],
    ['https://api.example.com:443/rest', 'https://api.example.com/rest'],
    ['http://api.example.com:80', 'http://api.example.com/'],
    ['https://api.example.com/a%7eb%2d', 'https://api.example.com/a~b-'],
    ['https://api.example.com/a%c3%a9', 'https://api.example.com/a%C3%A9'],
    ['https://api.example.com/é', 'https://api.example.com/%C3%A9'],
    ['https://api.example.com/{x}', 'https://api.example.com/%7bx%7d'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['https://[0:0::1]:8443/x', 'https://[::1]:8443/x'],
    ['https://api.example.com/a/.../..b/.c', 'https://api.example.com/a/%2e%2E./..b/.c'],
    ['https://api.example.com/rest', 'https://api.example.com/rest?htu=has#none']
  ]
  for (const [htu, url] of same) {
    t.equal(check(crafted({ claims: { ...claims, htu } }), { url }).jti, 'abc', `${htu} for ${url}`)
    if (!/[?#]/.test(url)) t.equal(check(crafted({ claims: { ...claims, htu: url } }), { url: htu }).jti, 'abc', `${url} for ${htu}`)
  }
})

t.test('paths that a client or a proxy would resolve are not the path that they lead to', async t => {
  const paths = ['/a/../rest', '/./rest', '/a/%2e%2e/rest', '/a/.%2e/rest', '/a\\..\\rest', '/rest/.', '/rest/a/..', '/%2E/rest', '/rest%2f', '//rest', '/rest/']
  for (const path of paths) isRefused(t, crafted({ claims: { ...claims, htu: 'https://h.example/rest' } }), path, { url: `https://h.example${path}` })
  const strange = [['https://h.example/a/../x', 'https://h.example/b/../y'], ['https://h.example/x?1', 'https://h.example/b/../y'], ['none', 'none either'], ['foo://a/x', 'foo://b/x'], ['ftp://h.example', 'ftp://h.example/']] as const
  for (const [htu, url] of strange) isRefused(t, crafted({ claims: { ...claims, htu } }), `${htu} for ${url}`, { url })
})

t.test('a method is compared letter by letter', async t => {
  isRefused(t, crafted({ claims }), 'HEAD is not GET', { method: 'HEAD' })
  t.equal(check(crafted({ claims: { ...claims, htm: 'HEAD' } }), { method: 'HEAD' }).jti, 'abc')
  isRefused(t, crafted({ claims: { ...claims, htm: undefined } }), 'none is not any', { method: undefined as never })
})

t.test('for management it takes a key for it, and the query that was signed', async t => {
  const manage = { query: 'a=1&b=%20' }
  const make = (query: string) => produce({ kid: manageKid, key: keyText(manageKid), method: 'GET', url: `${url}?${query}`, manage: true, now })
  const token = await make(manage.query)
  t.match(check(token, { manage }), { kid: manageKid, owner, kind: 'manage', bod: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU' })
  t.equal(check(token, { url: `${url}?${manage.query}` }).kind, 'manage', 'it opens calls as well')
  isRefused(t, token, 'a call with another query', { url: `${url}?a=2` })
  for (const query of ['', 'a=1', 'b=%20&a=1', 'a=1&b=+', 'a=1&b=%20&', 'A=1&b=%20', '?a=1&b=%20', 'a=1&b=%20#']) isRefused(t, token, query, { manage: { query } })
  t.equal(check(await make(''), { manage: { query: '' } }).kind, 'manage', 'none at all')
  const callToken = await produce({ kid, key: keyText(kid), method: 'GET', url: `${url}?a=1&b=%20`, manage: true, now })
  t.match(check(callToken, { url: `${url}?a=1&b=%20` }), { kind: 'call', bod: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU' }, 'so does one of a key for calls, for a sealed call')
  isRefused(t, callToken, 'a call without the query')
  isRefused(t, callToken, 'a key for calls', { manage })
  isRefused(t, await produce({ kid: manageKid, key: keyText(manageKid), method: 'GET', url, now }), 'no bod, no qry', { manage: { query: '' } })
  const signed = { ...claims, bod: 'A'.repeat(43), qry: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU' }
  const craftManage = (claims: object) => crafted({ header: { alg: 'dir', enc: 'A256GCM', kid: manageKid }, secret: secretOf(manageKid), claims })
  t.equal(check(craftManage(signed), { manage: { query: '' } }).kind, 'manage')
  for (const name of ['bod', 'qry'] as const) {
    for (const value of [undefined, null, 7, '', 'x', [signed[name]], `${signed[name]}=`, signed[name].replace(/./, 'é'), signed[name].slice(1)]) {
      isRefused(t, craftManage({ ...signed, [name]: value }), `${name} ${JSON.stringify(value)}`, { manage: { query: '' } })
    }
  }
})

t.test('keys are asked for by name, and only by one that can be', async t => {
  const asked: string[] = []
  const options = { key: (kid: string) => { asked.push(kid); return keys[kid] } }
  for (const [, token] of hostileTokens(claims)) outcome(token, options)
  t.strictSame([...new Set(asked)].toSorted(), [kid, 'local.nobody', `${owner}.nobody`].toSorted())
  t.throws(() => check(crafted({ claims }), { key: () => { throw new Error('no store') } }), { message: 'no store' }, 'what fails in finding one is no fault of the token')
  t.throws(() => check(crafted({ claims }), { key: () => ({ owner, kind: 'call', secret: keyText(kid) as never }) }), TypeError, 'nor is a key that is none')
})

t.test('two parties check each other, each with the other\'s keys', async t => {
  const parties = { [`${owner}.call`]: 'https://one.example/hook', [`${other}.call`]: 'https://two.example/hook' }
  for (const [kid, url] of Object.entries(parties)) {
    const token = await produce({ kid, key: keyText(kid), method: 'POST', url })
    t.equal(verify(token, { key: name => name === kid ? keys[kid] : undefined, method: 'POST', url }).kid, kid)
    t.throws(() => verify(token, { key: name => name === kid ? undefined : keys[name], method: 'POST', url }), { code: 'FMS_ERR_TOKEN' }, 'not known here')
  }
})
