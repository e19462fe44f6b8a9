import type { Catalog } from '../catalog/catalog.ts'
import { assert, fail } from '../endpoint.ts'
import { isReservedName, namePattern } from '../names.ts'
import { show } from '../show.ts'
import { packFiles, unpackFiles, versionOf } from '../source/files.ts'
import type { Owner, Registry } from '../tenancy/registry.ts'
import type { Once } from '../tokens/once.ts'
import { refusal } from '../tokens/verify.ts'
import type { Change } from './compare.ts'
import { Examiner, type ExaminerOptions, type VersionName } from './examiner.ts'
import { type Parcel, Receiver, type ReceiverOptions } from './receiver.ts'
import { refusing } from './refusal.ts'
import { Seals } from './seals.ts'
import { Turns } from './turns.ts'
import type { VersionListing, Versions } from './versions.ts'

export interface DeployerOptions {
  readonly versions: Pick<Versions, 'modulesOf' | 'list' | 'find' | 'content' | 'add' | 'activate' | 'remove' | 'prune'>
  readonly registry: Pick<Registry, 'find' | 'key' | 'look' | 'manages'>
  readonly unpacker: ReceiverOptions['unpacker']
  readonly once: Pick<Once, 'use'>
  readonly settings: { readonly uploads: 'off' | 'on' | 'sealed', readonly tokenTtlSecs: number }
  /** Asked when it is needed: it serves, among others, what calls this. */
  readonly catalog: () => Pick<Catalog, 'discard' | 'follow'> & ReturnType<ExaminerOptions['catalog']>
}

/** Whose modules are meant, and by what key that is asked. */
export interface Asker {
  readonly owner: string
  readonly by: string
}

export interface Upload extends Parcel, Asker {
  readonly activate: boolean
  /** Whether to refuse what breaks callers. */
  readonly compatible: boolean
}

/** What became of an upload. */
export interface Uploaded {
  readonly module: string
  readonly version: string
  readonly active: boolean
  /** These very files were there. */
  readonly unchanged: boolean
  readonly files: number
  readonly bytes: number
  /** Hidden files, which were left out. */
  readonly ignored: string[]
  /** Against what was live. */
  readonly changes: Change[]
}

export type Activated = Pick<Uploaded, 'module' | 'version' | 'changes'>

interface Version {
  /** Who asked for it. */
  readonly by: string
  readonly owner: Owner
  readonly module: string
  readonly version: string
}

/** A part of a file's path, beside an owner's UUID and a version. */
const NAME_LENGTH_MAX = 100

/**
 * Takes modules in, and says which of their versions is live: what is uploaded is read, made and compared before it is
 * kept, and kept before it is live, which is the last step. What fails before that leaves nothing.
 */
export class Deployer {
  readonly #options: DeployerOptions
  readonly #receiver: Receiver
  readonly #examiner: Examiner
  readonly #turns = new Turns()

  constructor (options: DeployerOptions) {
    const { registry, once, unpacker, settings: { uploads, tokenTtlSecs: ttlSecs } } = options
    this.#options = options
    this.#examiner = new Examiner(options)
    this.#receiver = new Receiver({
      seals: new Seals({ registry, once, ttlSecs }),
      unpacker,
      sealedOnly: uploads === 'sealed',
      isTrusted: owner => registry.find(owner)?.role !== 'tenant'
    })
  }

  async upload (upload: Upload): Promise<Uploaded> {
    return await this.#turns.take(upload.owner, () => this.#upload(upload))
  }

  /** By module, those with the newest version first. */
  async list (asker: Asker, module?: string): Promise<Array<{ module: string, active: string | null, versions: VersionListing[] }>> {
    const { uuid } = await this.#ownerOf(asker)
    const all = await this.#options.versions.list(uuid, module)
    const byModule = Map.groupBy(all.reverse(), version => version.module)
    return [...byModule].map(([module, versions]) => ({ module, active: versions.find(({ active }) => active)?.version ?? null, versions }))
  }

  /** @param prefix of the version: 12 digits or more */
  async activate (asker: Asker, module: string, prefix: string): Promise<Activated> {
    return await this.#turns.take(asker.owner, async () => {
      const owner = await this.#ownerOf(asker)
      return await this.#turnTo({ by: asker.by, owner, module, version: await this.#find(owner, module, prefix) })
    })
  }

  /** The newest version that is older than the active one. */
  async rollback (asker: Asker, module: string): Promise<Activated> {
    return await this.#turns.take(asker.owner, async () => {
      const owner = await this.#ownerOf(asker)
      const all = await this.#options.versions.list(owner.uuid, module)
      const active = all.findIndex(version => version.active)
      if (all.length === 0) failUnknown(module)
      assert(active > 0, 409, `module: expected one with a version before the active one; found none ${active < 0 ? 'that is active' : 'before it'}`)
      return await this.#turnTo({ by: asker.by, owner, module, version: all[active - 1]!.version })
    })
  }

  /** One version, which may not be the active one, or the whole module. */
  async remove (asker: Asker, module: string, prefix?: string): Promise<void> {
    const owner = await this.#ownerOf(asker)
    const { versions, catalog } = this.#options
    const version = prefix === undefined ? undefined : await this.#find(owner, module, prefix)
    // The store leaves one that is active where it is.
    if (!await versions.remove(owner, module, version)) {
      if (version === undefined) failUnknown(module)
      fail(409, 'version: expected one that is not active; found the active one: activate another first')
    }
    if (version !== undefined) await catalog().discard(owner.uuid, module, version)
    else await refusing(() => catalog().follow(owner.uuid, module))
  }

  async #upload (upload: Upload): Promise<Uploaded> {
    const { module, by, activate, compatible } = upload
    checkName(module)
    const { versions } = this.#options
    const { files, ignored } = await refusing(() => this.#receiver.receive(upload))
    const owner = await this.#ownerOf(upload)
    const name: Version = { by, owner, module, version: versionOf(files) }
    const bytes = files.reduce((sum, { contents }) => sum + contents.length, 0)
    const known = (await versions.list(owner.uuid, module)).find(({ version }) => version === name.version)
    const about = { module, version: name.version, files: files.length, bytes, ignored }
    if (known !== undefined && (known.active || !activate)) return { ...about, active: known.active, unchanged: true, changes: [] }
    // A store that does not answer may have done it all the same.
    let mayBeKept = false
    try {
      const changes = await this.#examiner.examine(plain(name), files, { compatible })
      await this.#askAgain(name)
      mayBeKept = true
      const isAdded = await versions.add(owner, { ...about, by }, packFiles(files))
      mayBeKept = isAdded
      if (activate) await this.#goLive(name)
      // Those that stay for now go with the next.
      if (isAdded) await versions.prune(owner, module, name.version).catch(() => {})
      return { ...about, active: activate, unchanged: !isAdded, changes }
    } catch (error) {
      if (known === undefined) await this.#leaveNothing(name, mayBeKept)
      throw error
    }
  }

  /**
   * With all that other nodes have done by now. What is written is written for as long as it is that admin's.
   *
   * @throws `FMS_ERR_TOKEN`: since the token was looked at, before the body came, its key may have gone, or the owner
   */
  async #ownerOf ({ owner, by }: Asker): Promise<Owner> {
    const { registry } = this.#options
    await registry.look()
    const found = registry.manages(by, owner) ? registry.find(owner) : undefined
    if (found === undefined) throw refusal()
    return found
  }

  /** To make a version takes its time. Whose it is now may have the UUID of somebody who is gone. */
  async #askAgain ({ by, owner: { uuid, createdAt } }: Pick<Version, 'by' | 'owner'>): Promise<void> {
    const now = await this.#ownerOf({ by, owner: uuid })
    // An owner of the settings is kept, and so created, with its first version.
    if (createdAt !== null && now.createdAt !== createdAt) throw refusal()
  }

  async #find ({ uuid }: Owner, module: string, prefix: string): Promise<string> {
    assert(/^[\da-f]{12,64}$/.test(prefix), 400, `version: expected its first 12 hex digits or more, in lower case; found ${show(prefix)}`)
    return await this.#options.versions.find(uuid, module, prefix) ?? fail(404, `version: expected that of one version of ${show(module)}; found ${prefix}`)
  }

  async #turnTo (name: Version): Promise<Activated> {
    const { owner: { uuid }, module, version } = name
    const { versions, catalog } = this.#options
    if (versions.modulesOf(uuid)[module] === version) {
      await refusing(() => catalog().follow(uuid, module))
      return { module, version, changes: [] }
    }
    const content = await versions.content(uuid, module, version) ?? failGone(version)
    const changes = await refusing(async () => await this.#examiner.examine(plain(name), unpackFiles(content)))
    await this.#goLive(name)
    return { module, version, changes }
  }

  /** Where it does not get there, what was active before is active again. */
  async #goLive ({ by, owner, module, version }: Version): Promise<void> {
    const { versions, catalog } = this.#options
    const { uuid } = owner
    await this.#askAgain({ by, owner })
    const before = versions.modulesOf(uuid)[module] ?? null
    try {
      if (!await versions.activate(owner, module, version)) failGone(version)
      await refusing(() => catalog().follow(uuid, module))
    } catch (error) {
      if (before !== version && versions.modulesOf(uuid)[module] === version) {
        await versions.activate(owner, module, before).then(() => catalog().follow(uuid, module)).catch(() => {})
      }
      throw error
    }
  }

  /** As far as the store can be reached; what it keeps all the same is a version like others, and not active. */
  async #leaveNothing ({ owner, module, version }: Version, mayBeKept: boolean): Promise<void> {
    const { versions, catalog } = this.#options
    if (mayBeKept) await versions.remove(owner, module, version).catch(() => {})
    await catalog().discard(owner.uuid, module, version).catch(() => {})
  }
}

function plain ({ owner: { uuid }, module, version }: Version): VersionName {
  return { owner: uuid, module, version }
}

/** The names that modules of files may have. */
function checkName (module: string): void {
  const good = namePattern.test(module) && module.length <= NAME_LENGTH_MAX && !module.startsWith('_') && !isReservedName(module)
  assert(good, 400,
    `module: expected 1 to ${NAME_LENGTH_MAX} letters, digits, "-" and "_", not "_" at first, and no name of the platform's own; found ${show(module)}`)
}

function failUnknown (module: string): never {
  return fail(404, `module: expected one that was uploaded; found ${show(module)}`)
}

/** Removed while somebody asked for it. */
function failGone (version: string): never {
  return fail(404, `version: expected one that is there; found ${version}, which is gone`)
}
