import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { NewOwner, Store } from '../../../types/store.ts'
import { addedTo, asStored, ownerIn, someKey, someOwner, someVersion, type Contract } from './stores.ts'

// So many times each: a race that goes wrong now and then has its chance.
const ROUNDS = 10

/** Two nodes do what only one of them can: exactly one does. */
export const races: Contract = {
  'two nodes add the same UUID: one of them does': async (store, again) => {
    const another = await again()
    for (let round = 0; round < ROUNDS; round++) {
      const uuid = randomUUID()
      const answers = await both(store, another, (node, i) => node.addOwner(someOwner({ uuid, plan: `node ${i}` })))
      assert.deepEqual(answers.toSorted(), ['added', 'uuid'])
      assert.equal((await ownerIn(store, uuid))?.plan, `node ${answers.indexOf('added')}`)
    }
  },

  'two nodes add the same userid: one of them does': async (store, again) => {
    const another = await again()
    const admin = await addedTo(store)
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await both(store, another, node => node.addOwner(someOwner({ admin: admin.uuid, userid: `round ${round}` })))
      assert.deepEqual(answers.toSorted(), ['added', 'userid'])
    }
    assert.equal((await another.changes()).owners.length, ROUNDS + 1)
  },

  'two nodes use the same 200 tokens: each is used once': async (store, again) => {
    const another = await again()
    for (let round = 0; round < ROUNDS; round++) {
      const expiresAt = Date.now() + 65_000
      const uses = Array.from({ length: 200 }, (_, i) => ({ id: `round ${round} token ${i}`, expiresAt: expiresAt + i % 3 * 1_000 }))
      const [one, two] = await both(store, another, (node, i) => node.consume(i === 0 ? uses : uses.toReversed()))
      assert.deepEqual(one.map((used, i) => Number(used) + Number(two.toReversed()[i])), uses.map(() => 1))
    }
  },

  'two nodes add keys, remove keys and set entries of one owner: nothing of it is lost': async (store, again) => {
    const another = await again()
    const added = await addedTo(store, { keys: [someKey('old')] })
    const { uuid } = added
    const numbers = Array.from({ length: ROUNDS }, (_, i) => i)
    const done = await both(store, another, (node, n) => Promise.all([
      ...numbers.map(i => node.addKey(added, someKey(`${n} ${i}`), 100)),
      ...numbers.map(i => node.setEntries(added, { [`NAME_${n}_${i}`]: { value: `${i}` } })),
      ...numbers.map(i => node.addVersion(added, someVersion(uuid, { module: `m-${n}-${i}` }), Buffer.from('x'))),
      node.updateOwner(added, n === 0 ? { enabled: false } : { plan: 'large' })
    ]))
    assert.deepEqual(new Set(done.flat()), new Set([true]))
    const removed = await both(store, another, node => node.removeKey(added, 'old'))
    assert.deepEqual(removed.toSorted(), [false, true])
    const owner = (await ownerIn(store, uuid))!
    assert.deepEqual([owner.enabled, owner.plan], [false, 'large'])
    const counts = [owner.keys, Object.keys(owner.environment), Object.keys(owner.modules)].map(({ length }) => length)
    assert.deepEqual(counts, [2 * ROUNDS, 2 * ROUNDS, 2 * ROUNDS])
  },

  'two nodes add keys up to the most: no more are added': async (store, again) => {
    const another = await again()
    const owner = await addedTo(store)
    const answers = await both(store, another, (node, n) => Promise.all(Array.from({ length: 15 }, (_, i) => node.addKey(owner, someKey(`${n} ${i}`), 20))))
    assert.equal(answers.flat().filter(Boolean).length, 20)
    assert.equal((await ownerIn(store, owner.uuid))?.keys.length, 20)
  },

  'one node removes an owner that another adds to: nothing of it stays': async (store, again) => {
    const another = await again()
    for (let round = 0; round < ROUNDS; round++) {
      const owner = await addedTo(store, { keys: [someKey('one')] })
      const { uuid } = owner
      const [removed] = await Promise.all([
        store.removeOwner(owner), another.addKey(owner, someKey('two'), 20), another.setEntries(owner, { NAME: { value: 'x' } }),
        another.addVersion(owner, someVersion(uuid), Buffer.from('x')), another.updateOwner(owner, { enabled: false })
      ])
      assert.equal(removed, true)
      const left = await Promise.all([ownerIn(another, uuid), another.versions(uuid), another.content(uuid, 'hello', someVersion(uuid).version)])
      assert.deepEqual(left, [undefined, [], undefined])
    }
  },

  'a UUID becomes another admin\'s while another node changes the owner that had it: the new one gets nothing of it': async (store, again) => {
    const another = await again()
    const [former, latter] = [await addedTo(store), await addedTo(store)]
    for (let round = 0; round < ROUNDS; round++) {
      const owner = await addedTo(store, { admin: former.uuid, keys: [someKey('one')] })
      const { uuid } = owner
      const move = async (): Promise<NewOwner> => {
        await store.removeOwner(owner)
        return await addedTo(store, { uuid, admin: latter.uuid })
      }
      const change = async (): Promise<void> => {
        for (let i = 0; i < 3; i++) {
          await Promise.all([
            another.updateOwner(owner, { enabled: false }), another.addKey(owner, someKey(`${i}`), 20), another.setEntries(owner, { NAME: { value: 'x' } }),
            another.addVersion(owner, someVersion(uuid, { module: `m-${i}` }), Buffer.from('x'))
          ])
        }
        await another.removeOwner(owner)
      }
      const [now] = await Promise.all([move(), change()])
      assert.deepEqual({ ...await ownerIn(another, uuid) }, asStored(now))
      assert.deepEqual(await another.versions(uuid), [])
    }
  },

  'one node activates a version that another removes: never is one active that does not exist': async (store, again) => {
    const another = await again()
    const owner = await addedTo(store)
    const { uuid } = owner
    const { module, version } = someVersion(uuid)
    for (let round = 0; round < ROUNDS; round++) {
      await store.addVersion(owner, someVersion(uuid), Buffer.from('x'))
      const [activated, removed] = await Promise.all([store.activate(owner, module, version), another.removeVersion(owner, module, version)])
      assert.notEqual(activated, removed)
      assert.equal((await ownerIn(store, uuid))?.modules[module], activated ? version : undefined)
      await store.activate(owner, module, null)
    }
  }
}

async function both<Answer> (one: Store, another: Store, run: (node: Store, index: number) => Promise<Answer>): Promise<[Answer, Answer]> {
  return await Promise.all([run(one, 0), run(another, 1)])
}
