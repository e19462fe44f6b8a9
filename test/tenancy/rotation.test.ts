import t from 'tap'
import { Secrets } from '../../lib/tenancy/secrets.ts'
import { FakeData, FakeStore, keyOf, outOfReach } from './fake-store.ts'
import { admin, make, open, until } from './open.ts'

const [old, young] = [keyOf('old'), keyOf('young')]
const TENANTS = 40

/** Data that was sealed with the old key, and what is in it. */
async function sealedBefore (t: Parameters<typeof open>[0]) {
  const data = new FakeData()
  const { registry } = await open(t, { store: new FakeStore(data), secretsKeys: [old] })
  const made = await Promise.all(Array.from({ length: TENANTS }, async (_, i) => {
    const { owner: { uuid }, keys } = await registry.register(admin, { userid: `user-${i}` })
    await registry.setEntry(admin, uuid, { name: 'A', value: `value ${i}`, secret: true })
    return { uuid, keys, value: `value ${i}` }
  }))
  const own = await registry.addKey(admin, admin, 'manage')
  await registry.close()
  return { data, made, own }
}

function sealedOf (data: FakeData): string[] {
  const owners = [...data.owners.values()]
  return [...owners.flatMap(({ keys }) => keys.map(({ sealed }) => sealed)), ...owners.flatMap(({ environment }) => Object.values(environment).map(entry => (entry as { sealed: string }).sealed)), data.probe!]
}

function oldOnes (data: FakeData): number {
  const secrets = new Secrets([young])
  return sealedOf(data).filter(sealed => !secrets.isCurrent(sealed)).length
}

type Sealed = Awaited<ReturnType<typeof sealedBefore>>

/** All opens with the young key alone. */
async function holds (t: Parameters<typeof open>[0], { data, made, own }: Sealed): Promise<void> {
  const { registry, lines } = await open(t, { store: new FakeStore(data), secretsKeys: [young] })
  for (const { uuid, keys, value } of made) {
    for (const { kid, secret } of keys) t.strictSame(registry.key(kid)?.secret, Buffer.from(secret, 'base64url'))
    t.equal(registry.find(uuid)?.environment()['A'], value)
  }
  t.ok(registry.key(own.kid))
  t.strictSame(lines, [])
}

t.test('with a new first key all is sealed anew, in portions, and the old key can go', async t => {
  const sealed = await sealedBefore(t)
  const store = new FakeStore(sealed.data)
  let [now, most] = [0, 0]
  store.hold = async method => {
    if (method !== 'reseal') return
    most = Math.max(most, ++now)
    await new Promise(resolve => setImmediate(resolve))
    now--
  }
  const { registry, lines } = await open(t, { store, secretsKeys: [young, old] })
  for (const { keys: [key] } of sealed.made) t.ok(registry.key(key!.kid), 'all is there meanwhile')
  await until(() => lines.length > 0)
  t.strictSame(lines, [{ level: 'info', text: `SECRETS_KEY: ${3 * TENANTS + 2} secrets are sealed with the first key now; no other is needed any more` }])
  t.ok(most > 1 && most <= 32, `${most} at once`)
  t.equal(oldOnes(sealed.data), 0)
  await holds(t, sealed)
  await registry.close()
  const again = await open(t, { store: new FakeStore(sealed.data), secretsKeys: [young, old] })
  await until(() => (again.store as FakeStore).calls.includes('probe'))
  t.notOk((again.store as FakeStore).calls.includes('reseal'), 'nothing is left to do')
})

t.test('the first key seals what is new while old ones are there', async t => {
  const { registry, store } = await open(t, { secretsKeys: [young, old] })
  await registry.register(admin, { userid: 'ann' })
  t.equal(oldOnes(store.data), 0)
})

t.test('one that was cut off is finished by the next start', async t => {
  const sealed = await sealedBefore(t)
  const store = new FakeStore(sealed.data)
  let left = 50
  store.hold = async method => { if (method === 'reseal' && --left === 0) store.away = outOfReach() }
  const { registry, lines } = await open(t, { store, secretsKeys: [young, old] })
  await until(() => lines.some(({ text }) => text.includes('sealed with the first key of SECRETS_KEY later')))
  await registry.close()
  t.ok(oldOnes(sealed.data) > 0 && oldOnes(sealed.data) < 3 * TENANTS, `${oldOnes(sealed.data)} are left`)
  const early = make({ store: new FakeStore(sealed.data), secretsKeys: [young] })
  await t.rejects(early.registry.open(), { code: 'FMS_ERR_STORE' }, 'the old key is needed, and missed')
  const next = await open(t, { store: new FakeStore(sealed.data), secretsKeys: [young, old] })
  await until(() => next.lines.length > 0)
  t.equal(oldOnes(sealed.data), 0)
  await holds(t, sealed)
})

t.test('a store that comes back is gone on with', async t => {
  const sealed = await sealedBefore(t)
  const store = new FakeStore(sealed.data)
  store.hold = async method => { if (method === 'reseal') store.away ??= outOfReach() }
  const { lines } = await open(t, { store, secretsKeys: [young, old] })
  await until(() => lines.some(({ level }) => level === 'warn'))
  store.hold = undefined
  store.away = undefined
  await until(() => lines.some(({ text }) => text.includes('are sealed with the first key now')))
  t.equal(oldOnes(sealed.data), 0)
  await holds(t, sealed)
})

t.test('two nodes may do it at once', async t => {
  const sealed = await sealedBefore(t)
  const nodes = await Promise.all([1, 2].map(() => open(t, { store: new FakeStore(sealed.data), secretsKeys: [young, old] })))
  await until(() => oldOnes(sealed.data) === 0)
  for (const { registry } of nodes) await registry.close()
  await holds(t, sealed)
})

t.test('one that is damaged keeps none of the others from it', async t => {
  const sealed = await sealedBefore(t)
  const [{ uuid } = { uuid: '' }, ...made] = sealed.made
  sealed.data.put({ ...sealed.data.owners.get(uuid)!, environment: { A: { sealed: 'garbage' } } })
  const { lines, registry } = await open(t, { store: new FakeStore(sealed.data), secretsKeys: [young, old] })
  await until(() => lines.length > 0)
  t.match(lines[0]!.text, /but perhaps for 1 that could not be opened/)
  t.equal(oldOnes(sealed.data), 1)
  t.strictSame({ ...registry.find(uuid)!.environment() }, {})
  await holds(t, { ...sealed, made })
})
