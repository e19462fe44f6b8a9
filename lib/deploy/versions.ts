import type { NewVersion, OwnerName, Store, StoredVersion } from '../../types/store.ts'
import type { UploadedVersions } from '../catalog/uploads.ts'
import { assert } from '../endpoint.ts'
import { newOwner, type Owner } from '../tenancy/owner.ts'
import { reach } from '../tenancy/reach.ts'
import type { Registry } from '../tenancy/registry.ts'

/** What is told of a version. */
export interface VersionListing {
  readonly module: string
  /** 64 hex digits. */
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** The key of whose token it came with. */
  readonly by: string
  readonly files: number
  readonly bytes: number
  readonly active: boolean
}

/** A version that is to be kept. */
export type VersionToKeep = Pick<VersionListing, 'module' | 'version' | 'by' | 'files' | 'bytes'>

type Versioned = Pick<Store, 'addOwner' | 'addVersion' | 'versions' | 'content' | 'activate' | 'removeVersion'>

/** Of one owner. More are an API of many parts, which belong to several owners. */
const MODULES_MAX = 100

const MB = 1024 * 1024
/** Of one owner, in all its versions: a tenth of what its modules could hold, each at its largest. A store takes it without being asked. */
const BYTES_MAX = 1_024 * MB

/** Versions of uploaded modules, in the store; which of them are active, the registry knows. All throw what `reach` says. */
export class Versions implements UploadedVersions {
  readonly #store: Versioned
  readonly #registry: Pick<Registry, 'find' | 'owners' | 'look'>
  readonly #kept: number

  /** @param options.kept how many of a module stay; more only where the active one is older */
  constructor ({ store, registry, kept }: { store: Versioned, registry: Pick<Registry, 'find' | 'owners' | 'look'>, kept: number }) {
    this.#store = store
    this.#registry = registry
    this.#kept = kept
  }

  modulesOf (owner: string): Readonly<Record<string, string | null>> {
    return this.#registry.find(owner)?.modules ?? {}
  }

  * owners (): Iterable<string> {
    for (const { uuid, modules } of this.#registry.owners()) if (Object.values(modules).some(version => version !== null)) yield uuid
  }

  async content (owner: string, module: string, version: string): Promise<Uint8Array | undefined> {
    return await reach(() => this.#store.content(owner, module, version))
  }

  async find (owner: string, module: string, prefix: string): Promise<string | undefined> {
    const found = (await reach(() => this.#store.versions(owner, module))).filter(({ version }) => version.startsWith(prefix))
    return found.length === 1 ? found[0]!.version : undefined
  }

  /** The oldest first. */
  async list (owner: string, module?: string): Promise<VersionListing[]> {
    const stored = await reach(() => this.#store.versions(owner, module))
    const active = this.modulesOf(owner)
    return stored.map(({ module, version, createdAt, note }) => ({ module, version, createdAt, ...readNote(note), active: active[module] === version }))
  }

  /**
   * Keeps a version, which is not active by that.
   *
   * @returns false: it is kept already
   * @throws an error of 404 where its owner is gone, and of 409 where it has no room for more
   */
  async add (owner: Owner, { module, version, by, files, bytes }: VersionToKeep, content: Uint8Array): Promise<boolean> {
    const all = await this.list(owner.uuid)
    if (all.some(one => one.module === module && one.version === version)) return false
    const modules = new Set(all.map(one => one.module)).add(module).size
    const total = all.reduce((sum, one) => sum + one.bytes, bytes)
    assert(modules <= MODULES_MAX, 409, `modules: expected ${MODULES_MAX} uploaded ones at most; found that many: remove one first`)
    assert(total <= BYTES_MAX, 409, `versions: expected ${BYTES_MAX} bytes in all of them at most; found ${total} with this one: remove some first`)
    // Later than any other of the module, whatever the clocks of nodes say: rolling back goes by the order.
    const newest = Math.max(0, ...all.filter(one => one.module === module).map(({ createdAt }) => createdAt))
    const added: NewVersion = { module, version, createdAt: Math.max(Date.now(), newest + 1), note: JSON.stringify({ by, files, bytes }) }
    return await this.#write(owner, name => this.#store.addVersion(name, added, content))
  }

  /** False where there is no such version. Null: none is active. */
  async activate (owner: Owner, module: string, version: string | null): Promise<boolean> {
    return await this.#write(owner, name => this.#store.activate(name, module, version))
  }

  /** Without a version, the whole module. False where there is none, or it is active. */
  async remove (owner: Owner, module: string, version?: string): Promise<boolean> {
    return await this.#write(owner, name => this.#store.removeVersion(name, module, version))
  }

  /** Removes the oldest that are too many, but not the active one, nor that one. Returns what was removed. */
  async prune (owner: Owner, module: string, newest: string): Promise<string[]> {
    const all = await this.list(owner.uuid, module)
    const spare = all.filter(({ version, active }) => !active && version !== newest).slice(0, Math.max(0, all.length - this.#kept))
    for (const { version } of spare) await this.remove(owner, module, version)
    return spare.map(({ version }) => version)
  }

  async #write (owner: Owner, write: (name: OwnerName) => Promise<boolean>): Promise<boolean> {
    const { uuid, admin, stored, storedAs } = owner
    // An owner of the settings has no record before its first change.
    if (!stored) await reach(() => this.#store.addOwner(newOwner(owner)))
    // Whether it was answered or not, it may be written: if that cannot be read now, it is seen as soon as the store can be reached again.
    const look = (): Promise<void> => this.#registry.look().catch(() => {})
    const written = await reach(() => write(storedAs)).finally(look)
    const isThere = this.#registry.find(uuid)?.admin === admin
    assert(written || isThere, 404, `owner: expected one that exists; found ${uuid}, which is gone`)
    return written
  }
}

/** Another installation may have written anything. */
function readNote (note: StoredVersion['note']): Pick<VersionListing, 'by' | 'files' | 'bytes'> {
  let read: Partial<Record<string, unknown>> = {}
  try {
    read = Object(JSON.parse(note)) as typeof read
  } catch {}
  const { by, files, bytes } = read
  const count = (value: unknown): number => Number.isSafeInteger(value) ? value as number : 0
  return { by: typeof by === 'string' ? by : '', files: count(files), bytes: count(bytes) }
}
