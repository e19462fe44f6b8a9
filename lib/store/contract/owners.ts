import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { ODD_TEXT, addedTo, asStored, ownerIn, someKey, someOwner, someVersion, type Contract } from './stores.ts'

const NOBODY = someOwner({ uuid: '00000000-0000-4000-8000-000000000000' })

/** Owners: to add, update and remove them. */
export const owners: Contract = {
  'an owner is given back as it was added': async store => {
    const admin = await addedTo(store)
    const keys = [someKey('one', { kind: 'manage' }), someKey('two')]
    const limits = { timeoutSecs: 0.5, memoryMb: 32 }
    const tenant = await addedTo(store, { admin: admin.uuid, userid: ODD_TEXT, enabled: false, limits, plan: ODD_TEXT, keys })
    assert.deepEqual(plain(await ownerIn(store, admin.uuid)), asStored(admin))
    assert.deepEqual(plain(await ownerIn(store, tenant.uuid)), asStored(tenant))
  },

  'a UUID that an owner has is refused, and that owner stays as it is': async store => {
    const admin = await addedTo(store)
    const tenant = await addedTo(store, { admin: admin.uuid, userid: 'first' })
    assert.equal(await store.addOwner(someOwner({ uuid: tenant.uuid, admin: admin.uuid, userid: 'second' })), 'uuid')
    assert.equal(await store.addOwner(someOwner({ uuid: admin.uuid, enabled: false })), 'uuid')
    assert.deepEqual(plain(await ownerIn(store, tenant.uuid)), asStored(tenant))
    assert.deepEqual(plain(await ownerIn(store, admin.uuid)), asStored(admin))
  },

  'a userid is refused where its admin has it, and free for another admin': async store => {
    const [one, another] = [await addedTo(store), await addedTo(store)]
    await addedTo(store, { admin: one.uuid, userid: 'shop' })
    const refused = someOwner({ admin: one.uuid, userid: 'shop', keys: [someKey('one')] })
    assert.equal(await store.addOwner(refused), 'userid')
    assert.equal(await ownerIn(store, refused.uuid), undefined)
    await addedTo(store, { admin: another.uuid, userid: 'shop' })
    await addedTo(store, { admin: one.uuid, userid: 'Shop' })
    await addedTo(store, { admin: one.uuid, userid: 'shop ' })
  },

  'an admin may have many tenants without a userid': async store => {
    const admin = await addedTo(store)
    for (let i = 0; i < 3; i++) await addedTo(store, { admin: admin.uuid })
    assert.equal((await store.changes()).owners.length, 4)
  },

  'an update sets what is given, and nothing else': async store => {
    const admin = await addedTo(store)
    const tenant = await addedTo(store, { admin: admin.uuid, userid: 'shop', limits: { memoryMb: 32, concurrency: 2 }, plan: 'small', keys: [someKey('one')] })
    assert.equal(await store.updateOwner(tenant, { enabled: false }), true)
    assert.deepEqual(plain(await ownerIn(store, tenant.uuid)), { ...asStored(tenant), enabled: false })
    assert.equal(await store.updateOwner(tenant, { limits: { turnMs: 50 }, plan: null }), true)
    assert.deepEqual(plain(await ownerIn(store, tenant.uuid)), { ...asStored(tenant), enabled: false, limits: { turnMs: 50 }, plan: null })
    assert.equal(await store.updateOwner(tenant, {}), true)
    assert.equal(await store.updateOwner(NOBODY, { enabled: false }), false)
    assert.deepEqual(plain(await ownerIn(store, admin.uuid)), asStored(admin))
  },

  'an owner that is removed takes all that belongs to it along; its UUID and userid are free again': async store => {
    const admin = await addedTo(store)
    const tenant = await addedTo(store, { admin: admin.uuid, userid: 'shop', keys: [someKey('one')] })
    const { uuid } = tenant
    await store.setEntries(tenant, { NAME: { value: 'x' } })
    await store.addVersion(tenant, someVersion(uuid), Buffer.from('content'))
    assert.equal(await store.removeOwner(tenant), true)
    assert.equal(await ownerIn(store, uuid), undefined)
    assert.deepEqual(await store.versions(uuid), [])
    assert.equal(await store.content(uuid, 'hello', someVersion(uuid).version), undefined)
    assert.equal(await store.removeOwner(tenant), false)
    const again = await addedTo(store, { uuid, admin: admin.uuid, userid: 'shop' })
    assert.deepEqual(plain(await ownerIn(store, uuid)), asStored(again))
    assert.deepEqual(await store.versions(uuid), [])
  },

  'what is done for owners that do not exist is refused, and makes none': async store => {
    assert.equal(await store.removeOwner(NOBODY), false)
    assert.equal(await store.addKey(NOBODY, someKey('one'), 20), false)
    assert.equal(await store.removeKey(NOBODY, 'one'), false)
    assert.equal(await store.setEntries(NOBODY, { NAME: { value: 'x' } }), false)
    assert.equal(await store.addVersion(NOBODY, someVersion(NOBODY.uuid), Buffer.from('content')), false)
    assert.equal(await store.activate(NOBODY, 'hello', null), false)
    assert.equal(await store.removeVersion(NOBODY, 'hello'), false)
    await store.reseal(NOBODY.uuid, 'a', 'b')
    assert.deepEqual((await store.changes()).owners, [])
    assert.deepEqual(await store.versions(NOBODY.uuid), [])
  },

  'an owner that is another admin\'s now is not changed, not removed, and gets nothing': async (store, again) => {
    const another = await again()
    const [former, latter] = [await addedTo(store), await addedTo(store)]
    const first = await addedTo(store, { admin: former.uuid, userid: 'shop' })
    const { uuid } = first
    const version = someVersion(uuid)
    await store.removeOwner(first)
    const now = await addedTo(another, { uuid, admin: latter.uuid, userid: 'shop', keys: [someKey('one')] })
    await another.addVersion(now, version, Buffer.from('content'))
    const done = await Promise.all([first, { uuid, admin: uuid }].flatMap(name => [
      store.updateOwner(name, { enabled: false }), store.removeOwner(name), store.addKey(name, someKey('two'), 20), store.removeKey(name, 'one'),
      store.setEntries(name, { NAME: { value: 'x' } }), store.addVersion(name, { ...version, module: 'other' }, Buffer.from('x')),
      store.activate(name, 'hello', version.version), store.removeVersion(name, 'hello', version.version), store.removeVersion(name, 'hello')
    ]))
    assert.deepEqual(new Set(done), new Set([false]))
    assert.deepEqual(plain(await ownerIn(store, uuid)), { ...asStored(now), modules: { hello: null } })
    assert.deepEqual(plain(await store.versions(uuid)), [version])
    assert.equal(await store.removeOwner(now), true)
  },

  '1,000 owners are added at once, all of them': async store => {
    const admin = await addedTo(store)
    const added = Array.from({ length: 1_000 }, (_, i) => someOwner({ uuid: randomUUID(), admin: admin.uuid, userid: `user ${i}`, keys: [someKey('one')] }))
    const answers = await Promise.all(added.map(owner => store.addOwner(owner)))
    assert.deepEqual(new Set(answers), new Set(['added']))
    const stored = new Map((await store.changes()).owners.map(owner => [owner.uuid, owner]))
    assert.equal(stored.size, 1_001)
    for (const owner of added) assert.deepEqual(plain(stored.get(owner.uuid)), asStored(owner))
  }
}

/** Its prototypes do not count: a store may give objects without any. */
function plain (value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}
