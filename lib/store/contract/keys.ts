import assert from 'node:assert/strict'
import { ODD_TEXT, addedTo, ownerIn, someKey, type Contract } from './stores.ts'
import type { OwnerName, Store } from '../../../types/store.ts'

/** Keys, and what is sealed. */
export const keys: Contract = {
  'keys are added and removed one by one, in their order': async store => {
    const owner = await addedTo(store, { keys: [someKey('first', { kind: 'manage' })] })
    const second = someKey('second', { sealed: ODD_TEXT, createdAt: 1 })
    assert.equal(await store.addKey(owner, second, 20), true)
    assert.equal(await store.addKey(owner, someKey('third'), 20), true)
    assert.deepEqual(await keysOf(store, owner), [someKey('first', { kind: 'manage' }), second, someKey('third')])
    assert.equal(await store.removeKey(owner, 'second'), true)
    assert.equal(await store.removeKey(owner, 'second'), false)
    assert.equal(await store.removeKey(owner, ODD_TEXT), false)
    assert.deepEqual(await keysOf(store, owner), [someKey('first', { kind: 'manage' }), someKey('third')])
  },

  'an owner has no more keys than the most that is given': async store => {
    const owner = await addedTo(store)
    assert.equal(await store.addKey(owner, someKey('none'), 0), false)
    assert.equal(await store.addKey(owner, someKey('one'), 1), true)
    assert.equal(await store.addKey(owner, someKey('two'), 1), false)
    assert.equal(await store.addKey(owner, someKey('two'), 2), true)
    assert.equal(await store.removeKey(owner, 'one'), true)
    assert.equal(await store.addKey(owner, someKey('three'), 2), true)
    assert.deepEqual((await keysOf(store, owner)).map(({ id }) => id), ['two', 'three'])
  },

  'a key is never put in the place of another: an id that is there is refused': async store => {
    const owner = await addedTo(store, { keys: [someKey('one')] })
    const other = await addedTo(store)
    assert.equal(await store.addKey(owner, someKey('one', { kind: 'manage', sealed: 'another' }), 20), false)
    assert.deepEqual(await keysOf(store, owner), [someKey('one')])
    assert.equal(await store.addKey(other, someKey('one'), 20), true, 'another owner may have the same id')
  },

  'key ids that are names of Object\'s are ids like any other': async store => {
    const owner = await addedTo(store)
    for (const id of ['__proto__', 'constructor', 'a.b', '$set']) {
      assert.equal(await store.removeKey(owner, id), false, id)
      assert.equal(await store.addKey(owner, someKey(id), 20), true, id)
      assert.equal(await store.removeKey(owner, id), true, id)
    }
  },

  'a sealed text is replaced wherever its owner has it, and nowhere else': async store => {
    const keys = [someKey('one', { sealed: 'old' }), someKey('two', { sealed: 'older' })]
    const [one, another] = [await addedTo(store, { keys }), await addedTo(store, { keys })]
    for (const owner of [one, another]) await store.setEntries(owner, { PLAIN: { value: 'old' }, SECRET: { sealed: 'old' } })
    await store.reseal(one.uuid, 'old', ODD_TEXT)
    await store.reseal(one.uuid, 'no such text', 'new')
    const [resealed, untouched] = [await ownerIn(store, one.uuid), await ownerIn(store, another.uuid)]
    assert.deepEqual(resealed?.keys.map(({ sealed }) => sealed), [ODD_TEXT, 'older'])
    assert.deepEqual({ ...resealed?.environment }, { PLAIN: { value: 'old' }, SECRET: { sealed: ODD_TEXT } })
    assert.deepEqual(untouched?.keys.map(({ sealed }) => sealed), ['old', 'older'])
    assert.deepEqual({ ...untouched?.environment }, { PLAIN: { value: 'old' }, SECRET: { sealed: 'old' } })
  },

  'the first probe is kept, for all nodes, until it is sealed anew': async (store, again) => {
    assert.equal(await store.probe(ODD_TEXT), ODD_TEXT)
    assert.equal(await store.probe('another'), ODD_TEXT)
    const another = await again()
    assert.equal(await another.probe('a third'), ODD_TEXT)
    await store.reseal(undefined, 'not what is kept', 'new')
    assert.equal(await another.probe('a third'), ODD_TEXT)
    await store.reseal(undefined, ODD_TEXT, 'new')
    assert.equal(await another.probe('a third'), 'new')
  }
}

async function keysOf (store: Store, { uuid }: OwnerName): Promise<ReadonlyArray<Record<string, unknown>>> {
  return (await ownerIn(store, uuid))!.keys.map(key => ({ ...key }))
}
