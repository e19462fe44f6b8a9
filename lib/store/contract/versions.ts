import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Store, StoredVersion } from '../../../types/store.ts'
import { ODD_TEXT, addedTo, ownerIn, someVersion, type Contract } from './stores.ts'

const MB = 1024 * 1024

/** Versions of uploaded modules, and which of them is active. */
export const versions: Contract = {
  'a version is given back as it was added, with its content': async store => {
    const { uuid } = await addedTo(store)
    const content = Buffer.from([0, 255, 1, 128, 0])
    const version = someVersion(uuid, { note: JSON.stringify({ text: ODD_TEXT }) })
    assert.equal(await store.addVersion(version, content.subarray(1)), true)
    assert.deepEqual(await versionsOf(store, uuid), [version])
    assert.deepEqual(await contentOf(store, version), [255, 1, 128, 0])
    assert.deepEqual(await modulesOf(store, uuid), [['hello', null]])
    assert.deepEqual([...content], [0, 255, 1, 128, 0], 'what was given is still the caller\'s')
  },

  'a version that is there is refused, and stays as it is': async store => {
    const { uuid } = await addedTo(store)
    const version = someVersion(uuid)
    await store.addVersion(version, Buffer.from('one'))
    assert.equal(await store.addVersion({ ...version, note: '{"other":1}', createdAt: 5 }, Buffer.from('two')), false)
    assert.deepEqual(await versionsOf(store, uuid), [version])
    assert.deepEqual(await contentOf(store, version), [...Buffer.from('one')])
  },

  'the same version may belong to other modules and owners': async store => {
    const [one, another] = [await addedTo(store), await addedTo(store)]
    const versions = [someVersion(one.uuid), someVersion(one.uuid, { module: 'other' }), someVersion(another.uuid)]
    for (const version of versions) assert.equal(await store.addVersion(version, Buffer.from(version.owner + version.module)), true)
    assert.equal(await store.removeVersion(one.uuid, 'hello'), true)
    assert.deepEqual((await versionsOf(store, one.uuid)).map(({ module }) => module), ['other'])
    assert.equal(Buffer.from((await store.content(another.uuid, 'hello', versions[2]!.version))!).toString(), `${another.uuid}hello`)
  },

  'versions come with the oldest first: of an owner, or of one module': async store => {
    const { uuid } = await addedTo(store)
    const made = [3, 1, 2].map(createdAt => someVersion(uuid, { version: hash(`${createdAt}`), createdAt, module: createdAt === 2 ? 'two' : 'odd' }))
    for (const version of made) await store.addVersion(version, Buffer.from('x'))
    assert.deepEqual((await store.versions(uuid)).map(({ createdAt }) => createdAt), [1, 2, 3])
    assert.deepEqual((await store.versions(uuid, 'odd')).map(({ createdAt }) => createdAt), [1, 3])
    assert.deepEqual(await store.versions(uuid, 'none'), [])
  },

  '12 MB of content, and none at all, are kept whole': async store => {
    const { uuid } = await addedTo(store)
    const large = Buffer.alloc(12 * MB, 'large content, ')
    const versions = [someVersion(uuid, { version: hash('large') }), someVersion(uuid, { version: hash('empty'), createdAt: 1 })] as const
    assert.equal(await store.addVersion(versions[0], large), true)
    assert.equal(await store.addVersion(versions[1], new Uint8Array()), true)
    assert.equal(hash((await store.content(uuid, 'hello', versions[0].version))!), hash(large))
    assert.deepEqual(await contentOf(store, versions[1]), [])
    assert.equal(await store.content(uuid, 'hello', hash('unknown')), undefined)
  },

  'one version of a module is active, or none': async store => {
    const { uuid } = await addedTo(store)
    const [first, second] = [hash('1'), hash('2')]
    for (const version of [first, second]) await store.addVersion(someVersion(uuid, { version }), Buffer.from('x'))
    assert.equal(await store.activate(uuid, 'hello', first), true)
    assert.equal(await store.activate(uuid, 'hello', first), true)
    assert.deepEqual(await modulesOf(store, uuid), [['hello', first]])
    assert.equal(await store.activate(uuid, 'hello', second), true)
    assert.equal(await store.activate(uuid, 'hello', hash('unknown')), false)
    assert.equal(await store.activate(uuid, 'other', first), false)
    assert.equal(await store.activate(uuid, 'other', null), false)
    assert.deepEqual(await modulesOf(store, uuid), [['hello', second]])
    assert.equal(await store.activate(uuid, 'hello', null), true)
    assert.deepEqual(await modulesOf(store, uuid), [['hello', null]])
  },

  'a version that is active is not removed; a module goes with its last version, or whole': async store => {
    const { uuid } = await addedTo(store)
    const [first, second] = [hash('1'), hash('2')]
    for (const version of [first, second]) await store.addVersion(someVersion(uuid, { version }), Buffer.from('x'))
    await store.activate(uuid, 'hello', second)
    assert.equal(await store.removeVersion(uuid, 'hello', second), false)
    assert.equal(await store.removeVersion(uuid, 'hello', first), true)
    assert.equal(await store.removeVersion(uuid, 'hello', first), false)
    assert.equal(await store.content(uuid, 'hello', first), undefined)
    assert.deepEqual(await modulesOf(store, uuid), [['hello', second]])
    await store.activate(uuid, 'hello', null)
    assert.equal(await store.removeVersion(uuid, 'hello', second), true)
    assert.deepEqual(await modulesOf(store, uuid), [])
    await store.addVersion(someVersion(uuid, { version: first }), Buffer.from('x'))
    await store.activate(uuid, 'hello', first)
    assert.equal(await store.removeVersion(uuid, 'hello'), true)
    assert.equal(await store.removeVersion(uuid, 'hello'), false)
    assert.deepEqual([await modulesOf(store, uuid), await store.versions(uuid)], [[], []])
  },

  'modules named like properties of every object are modules like any other': async store => {
    const { uuid } = await addedTo(store)
    for (const module of ['__proto__', 'constructor', '-', '__dirname']) {
      const version = someVersion(uuid, { module })
      assert.equal(await store.activate(uuid, module, null), false, module)
      assert.equal(await store.addVersion(version, Buffer.from(module)), true, module)
      assert.equal(await store.activate(uuid, module, version.version), true, module)
      assert.deepEqual(await modulesOf(store, uuid), [[module, version.version]])
      assert.deepEqual(await contentOf(store, version), [...Buffer.from(module)])
      assert.equal(await store.removeVersion(uuid, module), true, module)
    }
  }
}

async function versionsOf (store: Store, uuid: string): Promise<Array<Record<string, unknown>>> {
  return (await store.versions(uuid)).map(version => ({ ...version }))
}

async function contentOf (store: Store, { owner, module, version }: StoredVersion): Promise<number[] | undefined> {
  const content = await store.content(owner, module, version)
  return content && [...content]
}

async function modulesOf (store: Store, uuid: string): Promise<Array<[string, string | null]>> {
  return Object.entries((await ownerIn(store, uuid))!.modules)
}

function hash (content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
