import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import t from 'tap'
import { Secrets } from '../../lib/tenancy/secrets.ts'
import { keyOf } from './fake-store.ts'

const secrets = new Secrets([keyOf('new'), keyOf('old')])
const text = 'geheim, ünïcode 😀'

t.test('what is sealed opens again, for what it was sealed for', async t => {
  const sealed = secrets.seal(text, 'entry a B')
  t.equal(secrets.open(sealed, 'entry a B').toString(), text)
  t.strictSame(secrets.open(secrets.seal(new Uint8Array([0, 255]), 'x'), 'x'), Buffer.from([0, 255]))
  t.equal(secrets.open(secrets.seal('', 'x'), 'x').length, 0)
  t.throws(() => secrets.open(sealed, 'entry a C'), { message: /sealed for something else/ })
  t.throws(() => secrets.open(sealed, 'entry b B'), { message: /sealed for something else/ })
})

t.test('a sealed text names its format and its key, and is never the same twice', async t => {
  const id = createHash('sha256').update(Buffer.from(keyOf('new'), 'base64url')).digest('hex').slice(0, 8)
  const sealed = secrets.seal(text, 'x')
  t.match(sealed, new RegExp(`^1\\.${id}\\.[\\w-]{16}\\.[\\w-]+$`))
  t.not(sealed, secrets.seal(text, 'x'))
  t.equal(secrets.ids[0], id)
  t.equal(Secrets.sizeOf(sealed), Buffer.byteLength(text))
  t.notMatch(sealed, Buffer.from(text).toString('base64url').slice(0, 10))
})

t.test('a text that was changed in any place does not open, and the error does not quote it', async t => {
  const sealed = secrets.seal(text, 'x')
  for (let i = 0; i < sealed.length; i++) {
    const changed = sealed.slice(0, i) + (sealed[i] === 'A' ? 'B' : 'A') + sealed.slice(i + 1)
    // The last character may hold bits that mean nothing.
    if (i === sealed.length - 1) continue
    t.throws(() => secrets.open(changed, 'x'), { message: /^it (is no sealed text|was changed|was sealed with the key)/ }, `at ${i}`)
  }
  for (const wrong of ['', '1', text, sealed.slice(0, -3), `${sealed}.`, `2${sealed.slice(1)}`, '1.00000000.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA']) {
    let message = ''
    try { secrets.open(wrong, 'x') } catch (error) { message = (error as Error).message }
    t.match(message, /^it /, wrong)
    t.notOk(wrong.length > 10 && message.includes(wrong.slice(10)))
  }
})

t.test('the first key seals, and all open', async t => {
  const old = new Secrets([keyOf('old')])
  const before = old.seal(text, 'x')
  t.equal(secrets.open(before, 'x').toString(), text)
  t.notOk(secrets.isCurrent(before))
  t.ok(secrets.isCurrent(secrets.seal(text, 'x')))
  t.throws(() => old.open(secrets.seal(text, 'x'), 'x'), { message: new RegExp(`sealed with the key ${secrets.ids[0]}, which is not in SECRETS_KEY`) })
})

t.test('without a key nothing is sealed', async t => {
  t.throws(() => new Secrets([]).seal(text, 'x'), { code: 'FMS_ERR_STORE', message: /SECRETS_KEY: expected a key/ })
})

t.test('keys are never printed', async t => {
  const shown = inspect(secrets, { depth: 9, showHidden: true }) + JSON.stringify(secrets)
  t.notMatch(shown, keyOf('new'))
  t.notMatch(shown, Buffer.from(keyOf('new'), 'base64url').toString('hex').slice(0, 8))
})
