import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { jwtDecrypt } from 'jose'
import t from 'tap'
import { importKey, produce, type ProduceOptions } from '../../lib/tokens/produce.ts'
import { verify } from '../../lib/tokens/verify.ts'
import { keys, keyText, kid, owner, secretOf } from './craft.ts'

const url = 'https://api.example.com/rest/services/hello-world?name=me&x=%20#part'
const key = keyText(kid)

async function claimsOf (options: Partial<ProduceOptions> = {}) {
  const token = await produce({ kid, key, method: 'GET', url, ...options })
  return await jwtDecrypt(token, secretOf(kid), { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] })
}

function digest (data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64url')
}

t.test('jose reads a token of ours', async t => {
  const before = Math.floor(Date.now() / 1000)
  const { payload, protectedHeader } = await claimsOf()
  t.strictSame(protectedHeader, { alg: 'dir', enc: 'A256GCM', kid })
  const { iat = 0, exp = 0, jti = '', ...rest } = payload
  t.ok(iat >= before && iat <= Math.ceil(Date.now() / 1000))
  t.equal(exp - iat, 30)
  t.match(jti, /^[-\w]{22}$/)
  t.strictSame(rest, { htm: 'GET', htu: 'https://api.example.com/rest/services/hello-world' })
})

t.test('for management it carries what the body and the query are', async t => {
  const nothing = digest('')
  const cases: ReadonlyArray<[options: Partial<ProduceOptions>, bod: string, qry: string]> = [
    [{}, nothing, digest('name=me&x=%20')],
    [{ url: 'https://h/p' }, nothing, nothing],
    [{ url: 'https://h/p?' }, nothing, nothing],
    [{ url: new URL('https://h/p?a=é') }, nothing, digest('a=%C3%A9')],
    [{ method: 'POST', body: '' }, nothing, digest('name=me&x=%20')],
    [{ method: 'POST', body: '{"x":"é"}' }, digest(Buffer.from('{"x":"é"}')), digest('name=me&x=%20')],
    [{ method: 'POST', body: Buffer.from([0, 255, 128]) }, digest(Buffer.from([0, 255, 128])), digest('name=me&x=%20')],
    [{ method: 'POST', body: new Uint8Array(1_000_000).subarray(7) }, digest(new Uint8Array(999_993)), digest('name=me&x=%20')]
  ]
  for (const [options, bod, qry] of cases) t.match((await claimsOf({ ...options, manage: true })).payload, { bod, qry })
  const { payload } = await claimsOf({ body: 'x' })
  t.notOk('bod' in payload || 'qry' in payload, 'and not otherwise')
})

t.test('a token is like no other, in iv and name', async t => {
  const now = Date.now()
  const tokens = await Promise.all(Array.from({ length: 1000 }, () => produce({ kid, key, method: 'GET', url, now })))
  t.equal(new Set(tokens.map(token => token.split('.')[2])).size, 1000)
  const names = tokens.map(token => verify(token, { key: kid => keys[kid], method: 'GET', url, now }).jti)
  t.equal(new Set(names).size, 1000)
})

t.test('URL and time are what they are told', async t => {
  const { payload } = await jwtDecrypt(await produce({ kid, key, method: 'PATCH', url: 'HTTP://User:pw@API.example.com:80/a/../b%7e?q', ttlSecs: 3600, now: 1_799_999_999_999 }), secretOf(kid), { currentDate: new Date(1_800_000_000_000) })
  t.match(payload, { iat: 1_799_999_999, exp: 1_800_003_599, htm: 'PATCH', htu: 'http://api.example.com/b%7e' })
})

t.test('a key can be imported once, and not be read out again', async t => {
  const imported = await importKey(key)
  t.match((await claimsOf({ key: imported })).payload, { htm: 'GET' })
  t.notOk(imported.extractable)
  await t.rejects(crypto.subtle.exportKey('raw', imported))
  for (const [name, id] of [['zeros', Buffer.alloc(32)], ['ones', Buffer.alloc(32, 255)], ['any', randomBytes(32)]] as const) {
    const token = await produce({ kid, key: id.toString('base64url'), method: 'GET', url })
    t.ok((await jwtDecrypt(token, id)).payload.jti, name)
  }
})

t.test('wrong input is refused, in words that show no key', async t => {
  const cases: ReadonlyArray<[options: object, message: RegExp]> = [
    ...[undefined, null, 7, '', 'x', key.slice(1), `${key}A`, `${key}=`, ` ${key}`, `${key.slice(0, 42)}B`, key.replace(/./, '+'), secretOf(kid), Buffer.from(secretOf(kid)).toString('hex')]
      .map(key => [{ key }, /^key: expected (?:32 bytes in base64url \(43 characters\), as it was given out|what importKey\(\) makes, .*)$/] as [object, RegExp]),
    ...[undefined, null, 7, '', 'x', owner, `${owner}.`, `${owner.toUpperCase()}.call`, `${owner}.a b`, `global.${key}`, `${owner}.call\n`].map(kid => [{ kid }, /^kid: expected "<uuid>\.<id>" in lower case.*; found /] as [object, RegExp]),
    ...[undefined, null, 7, '', 'get', 'GET ', 'GET|PUT', 'GET\n'].map(method => [{ method }, /^method: expected an HTTP method in capitals; found /] as [object, RegExp]),
    ...[undefined, null, 7, '', '/rest', '//h/rest', 'h/rest', 'ftp://h/', 'file:///x', 'javascript:1', 'https://', new URL('data:,x')].map(url => [{ url }, /^url: expected an absolute one with http: or https:; found "/] as [object, RegExp]),
    ...[null, 0, -1, 0.5, 30.5, 3601, NaN, Infinity, '30'].map(ttlSecs => [{ ttlSecs }, /^ttlSecs: expected whole seconds from 1 to 3600; found /] as [object, RegExp]),
    ...[null, NaN, Infinity, '7', new Date()].map(now => [{ now }, /^now: expected milliseconds since the epoch; found /] as [object, RegExp]),
    ...[null, 7, {}, ['x'], new ArrayBuffer(1)].map(body => [{ body, manage: true }, /^body: expected a string or Uint8Array, exactly as it will be sent; found /] as [object, RegExp]),
    [{ url: `https://h/${'x'.repeat(4000)}` }, /^url: expected one that fits in a token of 4096 characters; found "a token of \d+"$/]
  ]
  for (const [options, message] of cases) {
    await t.rejects(produce({ kid, key, method: 'GET', url, ...options } as ProduceOptions), { name: 'TypeError', message }, JSON.stringify(options))
  }
  for (const [algorithm, usages] of [[{ name: 'AES-GCM', length: 128 }, ['encrypt']], [{ name: 'AES-CBC', length: 256 }, ['encrypt']], [{ name: 'AES-GCM', length: 256 }, ['decrypt']]] as const) {
    const key = await crypto.subtle.generateKey(algorithm, false, [...usages])
    await t.rejects(produce({ kid, key, method: 'GET', url }), { name: 'TypeError', message: /^key: / }, `${algorithm.name} ${algorithm.length} ${usages}`)
  }
  await t.rejects(importKey('x'), { name: 'TypeError', message: /^key: expected 32 bytes/ })
  await t.resolves(produce({ kid: `local.${'x'.repeat(32)}`, key, method: 'M-SEARCH', url: `https://h/${'x'.repeat(2500)}`, ttlSecs: 1 }), 'the edges of what is right')
})

t.test('the producer runs wherever there is WebCrypto', async t => {
  const sources = ['produce', 'seal', 'base64url', 'profile'].map(name => readFileSync(join(import.meta.dirname, '../../lib/tokens', `${name}.ts`), 'utf8'))
  const imports = sources.flatMap(source => source.match(/from '.*'/g) ?? [])
  t.strictSame([...new Set(imports)].sort(), ["from './base64url.ts'", "from './produce.ts'", "from './profile.ts'"])
  for (const source of sources) t.notMatch(source, /\b(?:Buffer|process|require|globalThis|import\()/)
})
