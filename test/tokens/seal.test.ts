import { randomBytes } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'
import t from 'tap'
import { fromBase64url, toBase64url } from '../../lib/tokens/base64url.ts'
import { importKey } from '../../lib/tokens/produce.ts'
import { seal, type SealHeader, unseal } from '../../lib/tokens/seal.ts'

const key = randomBytes(32)
const kid = '70dd81e5-961a-470e-9e88-63d828674757.first'
const header: SealHeader = { kid, typ: 'module+jose', jti: 'some-name', cty: 'application/gzip', iat: 1_700_000_000, exp: 1_700_000_060, owner: '70dd81e5-961a-470e-9e88-63d828674757', module: 'products' }
const open = (text: string, secret: Uint8Array = key) => unseal(text, () => secret)

/** By jose, whatever the header. */
async function joseSeal (members: object, content: Uint8Array = Buffer.from('content')): Promise<string> {
  return await new CompactEncrypt(content).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', ...members }).encrypt(key)
}

/** By a header's text, as it stands; the key is right. */
async function craft (json: string, content = Buffer.from('content')): Promise<string> {
  const head = Buffer.from(json).toString('base64url')
  const iv = randomBytes(12)
  const crypto = await globalThis.crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt'])
  const sealed = Buffer.from(await globalThis.crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: Buffer.from(head) }, crypto, content))
  return [head, '', iv, sealed.subarray(0, -16), sealed.subarray(-16)].map(part => typeof part === 'string' ? part : part.toString('base64url')).join('.')
}

t.test('what was sealed is opened, by every form of the key', async t => {
  const text = key.toString('base64url')
  for (const form of [key, text, await importKey(text)]) {
    const sealed = await seal('grüße', header, form)
    t.strictSame(await open(sealed), { header, content: new Uint8Array(Buffer.from('grüße')) })
  }
  t.strictSame(await unseal(await seal(key, header, key), (async () => key) as never).catch((error: Error) => error.name), 'TypeError', 'a promise is no key')
  const crypto = await importKey(text)
  t.match(await unseal(await seal('', header, key), name => name === kid ? crypto : undefined), { content: new Uint8Array() })
  t.equal(await unseal(await seal('', header, key), () => undefined), undefined, 'an unknown key')
  t.equal(await open(await seal('', header, key), randomBytes(32)), undefined, 'another key')
})

t.test('the header holds what was given, in one order', async t => {
  const { jti, ...others } = header
  const sealed = await seal('x', { module: header.module!, ...others, jti }, key)
  t.equal(Buffer.from(sealed.split('.')[0]!, 'base64url').toString(), JSON.stringify({ alg: 'dir', enc: 'A256GCM', ...header }))
  const least: SealHeader = { kid, typ: 'call+jose', jti: 'x' }
  t.strictSame((await open(await seal('x', { ...least, cty: undefined } as never, key)))?.header, least)
})

t.test('jose opens what we seal, and we what jose seals', async t => {
  const { plaintext, protectedHeader } = await compactDecrypt(await seal('content', header, key), key)
  t.equal(Buffer.from(plaintext).toString(), 'content')
  t.strictSame(protectedHeader, { alg: 'dir', enc: 'A256GCM', ...header })
  t.strictSame(await open(await joseSeal(header)), { header, content: new Uint8Array(Buffer.from('content')) })
})

t.test('members may come in any order, with spaces', async t => {
  const { kid, ...others } = { alg: 'dir', enc: 'A256GCM', ...header }
  t.strictSame((await open(await craft(JSON.stringify({ ...others, kid }, null, 2))))?.header, header)
})

t.test('8 MB go through, and arrive as they were', async t => {
  const content = randomBytes(8 * 1024 * 1024)
  const opened = await open(await seal(content, header, key))
  t.equal(Buffer.compare(content, opened!.content), 0)
})

t.test('no other header passes', async t => {
  const right = { alg: 'dir', enc: 'A256GCM', ...header }
  const wrong: Record<string, object | string> = {
    'another algorithm': { ...right, alg: 'A256KW' },
    'another encryption': { ...right, enc: 'A128GCM' },
    'compressed content': { ...right, zip: 'DEF' },
    'something critical': { ...right, crit: ['exp'] },
    'another member': { ...right, jku: 'https://evil.example' },
    'no kid': { ...right, kid: undefined },
    'a kid of another form': { ...right, kid: '../../x' },
    'another type': { ...right, typ: 'JWT' },
    'no type': { ...right, typ: undefined },
    'no jti': { ...right, jti: undefined },
    'an empty jti': { ...right, jti: '' },
    'a long jti': { ...right, jti: 'x'.repeat(65) },
    'a jti with a line feed': { ...right, jti: 'a\n' },
    'a time that is text': { ...right, exp: '1700000060' },
    'a time with a fraction': { ...right, iat: 1.5 },
    'an owner with a path': { ...right, owner: '../x' },
    'a module with a path': { ...right, module: '../x' },
    'a type with a line feed': { ...right, cty: 'a\nb' },
    'a member twice': JSON.stringify(right).replace('{', '{"kid":"local.x",'),
    'a member twice, the second spelt otherwise': JSON.stringify(right).replace('}', ',"\\u006bid":"local.x"}'),
    __proto__: JSON.stringify(right).replace('{', '{"__proto__":{},'),
    'an array': '[]',
    null: 'null',
    'no JSON': '{',
    'more than a header': `${JSON.stringify(right)}{}`
  }
  t.ok(await open(await craft(JSON.stringify(right))), 'the same by hand is right')
  for (const [name, head] of Object.entries(wrong)) t.equal(await open(await craft(typeof head === 'string' ? head : JSON.stringify(head))), undefined, name)
  t.equal(await open(await craft(JSON.stringify({ ...right, cty: 'x'.repeat(200) }).padEnd(4_000))), undefined, 'a header longer than a token')
  t.equal(await open(await craft('{"kid":"\xff"}')), undefined)
})

t.test('nothing that was changed passes, and nothing throws', async t => {
  const sealed = await seal('content', header, key)
  const parts = sealed.split('.')
  for (const [i, part] of parts.entries()) {
    for (const other of [`${part}A`, part.slice(0, -1), part === '' ? 'AAAA' : '', `${part}=`, `${part} `, `A${part.slice(1)}`, part.replace(/.$/, '+')]) {
      if (other === part) continue
      t.equal(await open(parts.with(i, other).join('.')), undefined, `part ${i}`)
    }
  }
  for (const text of ['', '.', '....', `${sealed}.`, `.${sealed}`, sealed.slice(0, -1), sealed.replaceAll('.', ','), `${sealed}\n`, '\ud800', 'é'.repeat(5)]) t.equal(await open(text), undefined, JSON.stringify(text.slice(0, 20)))
})

t.test('a header or a key that is none is told to whoever seals', async t => {
  const wrong: ReadonlyArray<[string, object]> = [
    ['kid', { kid: 'x' }], ['typ', { typ: 'JWT' }], ['jti', { jti: '' }], ['cty', { cty: 'a\r\nb' }], ['iat', { iat: 0.5 }], ['module', { module: 'a b' }], ['zip', { zip: 'DEF' }], ['alg', { alg: 'none' }]
  ]
  for (const [name, change] of wrong) await t.rejects(seal('', { ...header, ...change } as SealHeader, key), { name: 'TypeError', message: new RegExp(`^${name}: expected`) })
  const call = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt'])
  const short = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt', 'decrypt'])
  for (const bad of [randomBytes(31), short, 'too short']) await t.rejects(seal('', header, bad), { name: 'TypeError', message: /^key: expected/ })
  for (const bad of [randomBytes(16), short, call]) await t.rejects(unseal(await seal('', header, key), () => bad), { name: 'TypeError', message: /^key: expected/ })
})

t.test('base64url has one spelling, of any length', async t => {
  for (let length = 0; length < 70; length++) {
    const data = randomBytes(length)
    const text = data.toString('base64url')
    t.equal(toBase64url(data), text)
    t.equal(Buffer.compare(fromBase64url(text)!, data), 0)
    for (const other of [`${text}=`, `${text}\n`, ` ${text}`, `${text}é`, `${text}€`, `+${text}`, `${text}A`.length % 4 === 1 ? `${text}A` : `${text}/`]) t.equal(fromBase64url(other), undefined, other)
  }
  for (const other of ['AB', 'AAB', 'A', 'AAAAA']) t.equal(fromBase64url(other), undefined, `${other} has bits left over`)
})
