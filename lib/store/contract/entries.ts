import assert from 'node:assert/strict'
import type { OwnerName, Store, StoredEntry } from '../../../types/store.ts'
import { ODD_TEXT, addedTo, asStored, ownerIn, type Contract } from './stores.ts'

/** The environment of a tenant. */
export const entries: Contract = {
  'entries are set, replaced and removed, each by its name': async store => {
    const owner = await addedTo(store)
    assert.equal(await store.setEntries(owner, { A: { value: 'a' }, B: { value: ODD_TEXT }, C: { sealed: 'c' } }), true)
    assert.deepEqual(await entriesOf(store, owner), [['A', { value: 'a' }], ['B', { value: ODD_TEXT }], ['C', { sealed: 'c' }]])
    assert.equal(await store.setEntries(owner, { A: null, B: { sealed: 'b' }, D: { value: '' }, UNKNOWN: null }), true)
    assert.deepEqual(await entriesOf(store, owner), [['B', { sealed: 'b' }], ['C', { sealed: 'c' }], ['D', { value: '' }]])
    assert.equal(await store.setEntries(owner, {}), true)
    assert.deepEqual((await entriesOf(store, owner)).length, 3)
  },

  'entries of one owner are not another\'s': async store => {
    const [one, another] = [await addedTo(store), await addedTo(store)]
    await store.setEntries(one, { A: { value: 'a' } })
    assert.deepEqual({ ...await ownerIn(store, another.uuid) }, asStored(another))
  },

  '100 entries of 8 KB each are kept whole': async store => {
    const owner = await addedTo(store)
    const entries = Array.from({ length: 100 }, (_, i): [string, StoredEntry] => [`NAME_${String(i).padStart(3, '0')}`, { value: `${i}`.padEnd(8 * 1024, '東') }])
    assert.equal(await store.setEntries(owner, Object.fromEntries(entries)), true)
    assert.deepEqual(await entriesOf(store, owner), entries)
  },

  'entries named like properties of every object are entries like any other': async store => {
    const owner = await addedTo(store)
    const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString']
    const entries = names.map((name): [string, StoredEntry] => [name, { value: name }])
    assert.equal(await store.setEntries(owner, Object.fromEntries(entries)), true)
    assert.deepEqual(await entriesOf(store, owner), entries)
    assert.equal(Object.getPrototypeOf({}).value, undefined)
    assert.equal(await store.setEntries(owner, Object.fromEntries(names.map(name => [name, null]))), true)
    assert.deepEqual(await entriesOf(store, owner), [])
  }
}

async function entriesOf (store: Store, { uuid }: OwnerName): Promise<Array<[string, StoredEntry]>> {
  const { environment } = (await ownerIn(store, uuid))!
  return Object.entries(environment).map(([name, entry]): [string, StoredEntry] => [name, { ...entry }]).sort(([a], [b]) => a < b ? -1 : 1)
}
