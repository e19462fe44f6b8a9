import assert from 'node:assert/strict'
import type { Changes, Store } from '../../../types/store.ts'
import { addedTo, someKey, someOwner, someVersion, type Contract } from './stores.ts'

/** What changed since a cursor, here and at other nodes. */
export const changes: Contract = {
  'without a cursor all owners come; with the last one, nothing': async store => {
    const nothing = await store.changes()
    assert.deepEqual([nothing.whole, nothing.owners, nothing.removed], [true, [], []])
    const admin = await addedTo(store)
    const all = await store.changes()
    assert.deepEqual([all.whole, uuids(all), all.removed], [true, [admin.uuid], []])
    const since = await store.changes(all.cursor)
    assert.deepEqual([since.whole, since.owners, since.removed], [false, [], []])
    assert.deepEqual(uuids(await store.changes(nothing.cursor)), [admin.uuid])
  },

  'whatever changes an owner shows in the changes, at another node too': async (store, again) => {
    const owner = await addedTo(store)
    const { uuid } = owner
    await addedTo(store)
    const another = await again()
    const { version } = someVersion(uuid)
    const steps: ReadonlyArray<() => Promise<unknown>> = [
      () => store.updateOwner(owner, { enabled: false }),
      () => store.addKey(owner, someKey('one'), 20),
      () => store.reseal(uuid, someKey('one').sealed, 'sealed anew'),
      () => store.removeKey(owner, 'one'),
      () => store.setEntries(owner, { NAME: { value: 'x' } }),
      () => store.setEntries(owner, { NAME: null }),
      () => store.addVersion(owner, someVersion(uuid), Buffer.from('content')),
      () => store.activate(owner, 'hello', version),
      () => store.activate(owner, 'hello', null),
      () => store.removeVersion(owner, 'hello', version)
    ]
    let { cursor } = await another.changes()
    for (const step of steps) {
      await step()
      const changes = await another.changes(cursor)
      assert.deepEqual([changes.whole, uuids(changes), changes.removed], [false, [uuid], []], String(step))
      cursor = changes.cursor
    }
  },

  'an owner that is removed is named once it is gone; one that is added again is not': async (store, again) => {
    const [one, two] = [await addedTo(store), await addedTo(store)]
    const another = await again()
    const before = await another.changes()
    await store.removeOwner(one)
    const removed = await another.changes(before.cursor)
    assert.deepEqual([removed.whole, removed.owners, removed.removed], [false, [], [one.uuid]])
    await store.addOwner(someOwner({ uuid: one.uuid }))
    for (const { cursor } of [before, removed]) {
      const added = await another.changes(cursor)
      assert.deepEqual([added.whole, uuids(added), added.removed], [false, [one.uuid], []])
    }
    assert.deepEqual(uuids(await another.changes()), [one.uuid, two.uuid].sort())
  },

  'what was refused changes nothing that others see': async store => {
    const admin = await addedTo(store)
    const { cursor } = await store.changes()
    await store.addOwner(someOwner({ uuid: admin.uuid }))
    await store.addKey(admin, someKey('one'), 0)
    await store.removeKey(admin, 'none')
    await store.activate(admin, 'none', null)
    const { owners, removed } = await store.changes(cursor)
    assert.deepEqual([owners.filter(({ uuid }) => uuid !== admin.uuid), removed], [[], []])
  },

  'a cursor of no use gives all owners': async store => {
    const admin = await addedTo(store)
    for (const cursor of ['', '-1', '99999999999', 'NaN', 'null', '{"$gt":""}', '__proto__', '🦊', 'x'.repeat(10_000)]) {
      const changes = await store.changes(cursor)
      assert.deepEqual([changes.whole, uuids(changes), changes.removed], [true, [admin.uuid], []], cursor.slice(0, 20))
    }
  },

  '1,000 changes, followed from cursor to cursor while they are made, lead to what there is': async (store, again) => {
    const another = await again()
    const known = new Set<string>()
    let cursor: string | undefined
    for (let round = 0; round < 50; round++) {
      [cursor] = await Promise.all([follow(another, cursor, known), changeSome(store)])
    }
    await follow(another, cursor, known)
    assert.deepEqual([...known].sort(), uuids(await store.changes()))
    assert.equal(known.size, 500)
  }
}

async function changeSome (store: Store): Promise<void> {
  const added = await Promise.all(Array.from({ length: 15 }, () => addedTo(store)))
  await Promise.all(added.slice(0, 5).map(owner => store.removeOwner(owner)))
}

async function follow (store: Store, cursor: string | undefined, known: Set<string>): Promise<string> {
  const changes = await store.changes(cursor)
  if (changes.whole) known.clear()
  for (const { uuid } of changes.owners) known.add(uuid)
  for (const uuid of changes.removed) known.delete(uuid)
  return changes.cursor
}

function uuids ({ owners }: Changes): string[] {
  return owners.map(({ uuid }) => uuid).sort()
}
