import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { join } from 'node:path'
import type { Endpoint } from '../../describe/description.ts'
import type { Limits } from '../../limits.ts'
import { ModuleError } from '../../source/problem.ts'
import { readAnswer, readChecks, type Answer, type Place } from './answer.ts'
import { BuilderProcess, type Task } from './builder-process.ts'
import { builder } from './builder-program.ts'
import { BuiltModule } from './built-module.ts'
import { pack, ToBuilder, type Job, type Tools } from '../builder/protocol.ts'
import { Cache } from './cache.ts'
import { findPackages } from './host-packages.ts'
import { Lanes, NoBuilder } from './lanes.ts'
import type { Wall } from '../layers.ts'
import { Permits } from './permits.ts'
import type { Frame } from '../protocol.ts'
import { Shelf, type Trace } from './staging.ts'
import { loadTools } from './tools.ts'

export type { BuiltModule } from './built-module.ts'

/** A tenant's module, as files. */
export interface Source {
  /** Builds of different admins' tenants share no process. */
  readonly admin: string
  readonly owner: string
  readonly name: string
  readonly entry: string
  /** The folder that it may import from, or the entry itself: then it may import nothing local. */
  readonly root: string
  readonly limits: Limits
}

/** To be raised when what a builder gives changes, for the same files, but by the packages named below. */
const FORMAT = 2

/** What makes the results, beside Node. */
const makers = ['esbuild', '@sinclair/typebox', '@fastify/ajv-compiler', 'fast-json-stringify', 'isolated-vm']

/** The app reads it when a function fails, at 70 ms a megabyte, for which it answers nobody. Larger ones are not kept: stacks stay as they are. */
const MAP_BYTES_MAX = 256 * 1024

/** Modules of one admin's tenants that are in memory on their way to a builder, or two: enough to keep both busy. */
const BUILT_AT_ONCE = 8

/** Turns tenants' sources into scripts, in processes of their own, and remembers the results. */
export class Builder {
  readonly #cache: Cache
  readonly #lanes: Lanes
  readonly #base: string
  readonly #building = new Map<string, Permits>()
  /** The cache's keys of each module's last version. */
  readonly #keys = new Map<string, readonly string[]>()

  /**
   * @param options.directory of the cache
   * @param options.imports packages of the app that modules may import
   * @throws `FMS_ERR_OPTIONS`
   */
  constructor ({ wall, directory, imports }: { wall: Wall, directory: string, imports: readonly string[] }) {
    const found = findPackages(imports)
    this.#cache = new Cache(directory)
    this.#base = baseOf(found)
    this.#lanes = new Lanes(async humble => await BuilderProcess.start(wall, builder({ ...await loadTools(), ...found }), humble))
  }

  /** @throws {ModuleError} whose `inputs` are empty where the next try may go better */
  async build (source: Source): Promise<BuiltModule> {
    const shelf = new Shelf(source.entry, source.root)
    const key = this.#keyOf(source, shelf, readEntry(source, shelf))
    const known = await this.#read(key, source.entry)
    return known !== undefined && await shelf.matches(known.trace) ? this.#finish(source, key, shelf.inputs, known) : await this.#make(source)
  }

  async close (): Promise<void> {
    await this.#lanes.close()
    await this.#cache.close()
  }

  async #make (source: Source): Promise<BuiltModule> {
    let permits = this.#building.get(source.admin)
    if (permits === undefined) this.#building.set(source.admin, permits = new Permits(BUILT_AT_ONCE))
    return await permits.run(async () => {
      // Read once more, so that what waits for its turn takes no memory.
      const shelf = new Shelf(source.entry, source.root)
      const contents = readEntry(source, shelf)
      const key = this.#keyOf(source, shelf, contents)
      const payload = pack(jobOf(source, shelf), [contents])
      const place = { entry: source.entry, shelf }
      const { code, map, description } = readAnswer(await this.#run(place, source.admin, { type: ToBuilder.BUILD, payload, shelf }), place)
      const kept: Kept = { ...description, trace: shelf.trace }
      await this.#keep(key, { code, map, kept }, source.entry)
      return this.#finish(source, key, shelf.inputs, kept)
    })
  }

  async #keep (key: string, { code, map, kept }: { code: Buffer, map: Buffer, kept: Kept }, file: string): Promise<void> {
    const script = scriptKey(key, kept.version)
    try {
      await this.#cache.write(script, 'code', code)
      await this.#cache.write(script, 'map', map.length > MAP_BYTES_MAX ? '' : map)
      // Last: what has a description is complete.
      await this.#cache.write(key, 'description', JSON.stringify(kept))
    } catch (error) {
      throw new ModuleError('FMS_ERR_UNAVAILABLE', file, `what was built cannot be written to DATA_DIR: ${(error as Error).message}`, { cause: error })
    }
  }

  async #run ({ entry, shelf }: Place, admin: string, task: Task): Promise<Frame> {
    try {
      return await this.#lanes.run(admin, task)
    } catch (error) {
      const { message } = error as Error
      if (error instanceof NoBuilder) throw new ModuleError('FMS_ERR_UNAVAILABLE', entry, message)
      throw new ModuleError('FMS_ERR_MODULE', entry, `it ended the process that builds modules: ${message}`, { inputs: shelf.inputs })
    }
  }

  #finish (source: Source, key: string, inputs: readonly string[], kept: Kept): BuiltModule {
    const script = scriptKey(key, kept.version)
    const module = `${source.owner}\n${source.entry}`
    for (const before of this.#keys.get(module) ?? []) this.#cache.forget(before)
    this.#keys.set(module, [key, script])
    return new BuiltModule(kept, inputs, script, this.#cache, {
      rebuild: async () => { await this.#make(source) },
      checks: endpoints => this.#makeChecks(source, endpoints)
    })
  }

  /** What is wrong with the schemas is a matter of the endpoints that have them, and known by their first call. */
  async #makeChecks (source: Source, endpoints: readonly Endpoint[]): Promise<string> {
    const schemas = endpoints.map(({ function: name, args, returns }) => ({ function: name, args, returns }))
    const place = { entry: source.entry, shelf: new Shelf(source.entry, source.root) }
    const payload = JSON.stringify({ schemas, memoryMb: source.limits.memoryMb })
    const answer = await this.#run(place, source.admin, { type: ToBuilder.CHECK, payload }).catch((error: ModuleError) => error)
    return readChecks(answer, endpoints, place)
  }

  async #read (key: string, file: string): Promise<Kept | undefined> {
    const json = await this.#cache.read(key, 'description')
    if (json === undefined) return undefined
    const found = JSON.parse(json.toString()) as Kept
    return { ...found, problems: found.problems.map(problem => ({ ...problem, file })) }
  }

  /** Of the owner too: a builder that one tenant's module took over must not answer for another's. */
  #keyOf ({ admin, owner, limits: { moduleBytes, memoryMb } }: Source, { entry, single }: Shelf, contents: Buffer): string {
    return createHash('sha256').update(JSON.stringify([this.#base, admin, owner, entry, single, moduleBytes, memoryMb])).update(contents).digest('hex')
  }
}

/** What the cache's descriptions hold. The entry's contents are part of the key; what else the module is made of, of the trace. */
type Kept = Answer['description'] & { readonly trace: Trace }

/** Under a key of its own: a former version may still be called when its successor's description has replaced its own. */
function scriptKey (key: string, version: string): string {
  return `${key}-${version}`
}

function readEntry ({ entry }: Source, shelf: Shelf): Buffer {
  try {
    return shelf.read(shelf.entry)
  } catch (error) {
    throw new ModuleError('FMS_ERR_MODULE', entry, `it ${(error as Error).message}`, { cause: error, inputs: shelf.inputs })
  }
}

function jobOf ({ limits: { moduleBytes, memoryMb } }: Source, { entry, single }: Shelf): Job {
  return { entry, single, moduleBytes, memoryMb }
}

function baseOf ({ packages, imports }: Pick<Tools, 'packages' | 'imports'>): string {
  const versionIn = (manifest: string): unknown => (JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string }).version
  return JSON.stringify([
    FORMAT, process.version, makers.map(name => versionIn(findPackageJSON(name, import.meta.url) as string)), imports,
    packages.map(({ folder }) => [folder, versionIn(join(folder, 'package.json'))])
  ])
}
