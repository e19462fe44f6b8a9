import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { OwnerName, Store, StoredVersion } from '../../../types/store.ts'
import { ODD_TEXT, addedTo, ownerIn, someVersion, type Contract } from './stores.ts'

const MB = 1024 * 1024

/** Versions of uploaded modules, and which of them is active. */
export const versions: Contract = {
  'a version is given back as it was added, with its content': async store => {
    const owner = await addedTo(store)
    const content = Buffer.from([0, 255, 1, 128, 0])
    const version = someVersion(owner.uuid, { note: JSON.stringify({ text: ODD_TEXT }) })
    assert.equal(await store.addVersion(owner, version, content.subarray(1)), true)
    assert.deepEqual(await versionsOf(store, owner), [version])
    assert.deepEqual(await contentOf(store, version), [255, 1, 128, 0])
    assert.deepEqual(await modulesOf(store, owner), [['hello', null]])
    assert.deepEqual([...content], [0, 255, 1, 128, 0], 'what was given is still the caller\'s')
  },

  'a version that is there is refused, and stays as it is': async store => {
    const owner = await addedTo(store)
    const version = someVersion(owner.uuid)
    await store.addVersion(owner, version, Buffer.from('one'))
    assert.equal(await store.addVersion(owner, { ...version, note: '{"other":1}', createdAt: 5 }, Buffer.from('two')), false)
    assert.deepEqual(await versionsOf(store, owner), [version])
    assert.deepEqual(await contentOf(store, version), [...Buffer.from('one')])
  },

  'the same version may belong to other modules and owners': async store => {
    const [one, another] = [await addedTo(store), await addedTo(store)]
    const version = someVersion(one.uuid)
    for (const [owner, module] of [[one, 'hello'], [one, 'other'], [another, 'hello']] as const) {
      assert.equal(await store.addVersion(owner, { ...version, module }, Buffer.from(owner.uuid + module)), true)
    }
    assert.equal(await store.removeVersion(one, 'hello'), true)
    assert.deepEqual((await versionsOf(store, one)).map(({ module }) => module), ['other'])
    assert.equal(Buffer.from((await store.content(another.uuid, 'hello', version.version))!).toString(), `${another.uuid}hello`)
  },

  'versions come with the oldest first: of an owner, or of one module': async store => {
    const owner = await addedTo(store)
    const made = [3, 1, 2].map(createdAt => someVersion(owner.uuid, { version: hash(`${createdAt}`), createdAt, module: createdAt === 2 ? 'two' : 'odd' }))
    for (const version of made) await store.addVersion(owner, version, Buffer.from('x'))
    assert.deepEqual((await store.versions(owner.uuid)).map(({ createdAt }) => createdAt), [1, 2, 3])
    assert.deepEqual((await store.versions(owner.uuid, 'odd')).map(({ createdAt }) => createdAt), [1, 3])
    assert.deepEqual(await store.versions(owner.uuid, 'none'), [])
  },

  '12 MB of content, and none at all, are kept whole': async store => {
    const owner = await addedTo(store)
    const large = Buffer.alloc(12 * MB, 'large content, ')
    const versions = [someVersion(owner.uuid, { version: hash('large') }), someVersion(owner.uuid, { version: hash('empty'), createdAt: 1 })] as const
    assert.equal(await store.addVersion(owner, versions[0], large), true)
    assert.equal(await store.addVersion(owner, versions[1], new Uint8Array()), true)
    assert.equal(hash((await store.content(owner.uuid, 'hello', versions[0].version))!), hash(large))
    assert.deepEqual(await contentOf(store, versions[1]), [])
    assert.equal(await store.content(owner.uuid, 'hello', hash('unknown')), undefined)
  },

  'one version of a module is active, or none': async store => {
    const owner = await addedTo(store)
    const [first, second] = [hash('1'), hash('2')]
    for (const version of [first, second]) await store.addVersion(owner, someVersion(owner.uuid, { version }), Buffer.from('x'))
    assert.equal(await store.activate(owner, 'hello', first), true)
    assert.equal(await store.activate(owner, 'hello', first), true)
    assert.deepEqual(await modulesOf(store, owner), [['hello', first]])
    assert.equal(await store.activate(owner, 'hello', second), true)
    assert.equal(await store.activate(owner, 'hello', hash('unknown')), false)
    assert.equal(await store.activate(owner, 'other', first), false)
    assert.equal(await store.activate(owner, 'other', null), false)
    assert.deepEqual(await modulesOf(store, owner), [['hello', second]])
    assert.equal(await store.activate(owner, 'hello', null), true)
    assert.deepEqual(await modulesOf(store, owner), [['hello', null]])
  },

  'a version that is active is not removed; a module goes with its last version, or whole': async store => {
    const owner = await addedTo(store)
    const [first, second] = [hash('1'), hash('2')]
    for (const version of [first, second]) await store.addVersion(owner, someVersion(owner.uuid, { version }), Buffer.from('x'))
    await store.activate(owner, 'hello', second)
    assert.equal(await store.removeVersion(owner, 'hello', second), false)
    assert.equal(await store.removeVersion(owner, 'hello', first), true)
    assert.equal(await store.removeVersion(owner, 'hello', first), false)
    assert.equal(await store.content(owner.uuid, 'hello', first), undefined)
    assert.deepEqual(await modulesOf(store, owner), [['hello', second]])
    await store.activate(owner, 'hello', null)
    assert.equal(await store.removeVersion(owner, 'hello', second), true)
    assert.deepEqual(await modulesOf(store, owner), [])
    await store.addVersion(owner, someVersion(owner.uuid, { version: first }), Buffer.from('x'))
    await store.activate(owner, 'hello', first)
    assert.equal(await store.removeVersion(owner, 'hello'), true)
    assert.equal(await store.removeVersion(owner, 'hello'), false)
    assert.deepEqual([await modulesOf(store, owner), await store.versions(owner.uuid)], [[], []])
  },

  'modules named like properties of every object are modules like any other': async store => {
    const owner = await addedTo(store)
    for (const module of ['__proto__', 'constructor', '-', '__dirname']) {
      const version = someVersion(owner.uuid, { module })
      assert.equal(await store.activate(owner, module, null), false, module)
      assert.equal(await store.addVersion(owner, version, Buffer.from(module)), true, module)
      assert.equal(await store.activate(owner, module, version.version), true, module)
      assert.deepEqual(await modulesOf(store, owner), [[module, version.version]])
      assert.deepEqual(await contentOf(store, version), [...Buffer.from(module)])
      assert.equal(await store.removeVersion(owner, module), true, module)
    }
  }
}

async function versionsOf (store: Store, { uuid }: OwnerName): Promise<Array<Record<string, unknown>>> {
  return (await store.versions(uuid)).map(version => ({ ...version }))
}

async function contentOf (store: Store, { owner, module, version }: StoredVersion): Promise<number[] | undefined> {
  const content = await store.content(owner, module, version)
  return content && [...content]
}

async function modulesOf (store: Store, { uuid }: OwnerName): Promise<Array<[string, string | null]>> {
  return Object.entries((await ownerIn(store, uuid))!.modules)
}

function hash (content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
