import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import type { Test } from 'tap'
import type { MicroservicesOptions } from '../../types/options.ts'
import type { BuiltIn } from '../../lib/catalog/built-in.ts'
import { Catalog } from '../../lib/catalog/catalog.ts'
import type { BuiltModule, Guest, Workshop } from '../../lib/catalog/guest.ts'
import type { UploadedVersions } from '../../lib/catalog/uploads.ts'
import type { Endpoint } from '../../lib/describe/describe.ts'
import { unavailable } from '../../lib/errors.ts'
import { readSettings } from '../../lib/options.ts'
import { packFiles, singleFile, type SourceFile, versionOf } from '../../lib/source/files.ts'
import { ModuleError } from '../../lib/source/problem.ts'
import { temporaryDirectory } from '../helper.ts'

export const admin = '70dd81e5-961a-470e-9e88-63d828674757'
export const second = 'f47ac10b-58cc-4372-a567-0e02b2c3d479'
export const tenant = '0d9e4a76-52f1-4f0e-9a3c-6b1d2e8f7a10'
export const other = '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'

const DEADLINE_MS = 20_000

export async function until (holds: () => unknown): Promise<void> {
  for (const end = Date.now() + DEADLINE_MS; !holds();) {
    if (Date.now() > end) throw new Error('it never came to be')
    await sleep(5)
  }
}

/** A registry and a store of uploads, in memory. */
export class FakeUploads implements UploadedVersions {
  readonly active = new Map<string, Record<string, string | null>>()
  readonly contents = new Map<string, Uint8Array>()
  /** What was asked of the store. */
  readonly reads: string[] = []
  isAway = false

  modulesOf (owner: string): Record<string, string | null> {
    return this.active.get(owner) ?? {}
  }

  owners (): Iterable<string> {
    return this.active.keys()
  }

  async content (owner: string, module: string, version: string): Promise<Uint8Array | undefined> {
    this.reads.push(`${module}@${version.slice(0, 12)}`)
    if (this.isAway) throw unavailable('the store is away')
    return this.contents.get(`${owner}/${module}/${version}`)
  }

  async find (owner: string, module: string, prefix: string): Promise<string | undefined> {
    if (this.isAway) throw unavailable('the store is away')
    const found = [...this.contents.keys()].filter(key => key.startsWith(`${owner}/${module}/${prefix}`))
    return found.length === 1 ? found[0]!.split('/')[2] : undefined
  }

  /** Keeps a version without activating it. */
  add (owner: string, module: string, source: string | readonly SourceFile[]): { version: string, files: readonly SourceFile[] } {
    const files = typeof source === 'string' ? singleFile(Buffer.from(source), false) : source
    const version = versionOf(files)
    this.contents.set(`${owner}/${module}/${version}`, packFiles(files))
    this.active.set(owner, { [module]: null, ...this.active.get(owner) })
    return { version, files }
  }

  activate (owner: string, module: string, version: string | null): void {
    this.active.set(owner, { ...this.active.get(owner), [module]: version })
  }

  remove (owner: string, module: string): void {
    const { [module]: _gone, ...others } = this.modulesOf(owner)
    this.active.set(owner, others)
    for (const key of this.contents.keys()) if (key.startsWith(`${owner}/${module}/`)) this.contents.delete(key)
  }
}

/** Builds nothing, but keeps account; files may say that they are broken, whose they are, or that they are slow. */
export class FakeWorkshop implements Workshop {
  readonly admins = new Map<string, string>()
  readonly builds: string[] = []
  readonly retired: Guest[] = []
  readonly release = Promise.withResolvers<void>()

  adminOf (owner: string): string | undefined {
    return this.admins.get(owner)
  }

  async build ({ owner, name, entry }: { owner: string, name: string, entry: string }): Promise<BuiltModule> {
    this.builds.push(`${owner.slice(0, 8)}/${name}`)
    const source = readFileSync(entry, 'utf8')
    if (source.includes('slow')) await this.release.promise
    if (source.includes('broken')) throw new ModuleError('FMS_ERR_MODULE', entry, `it is broken: ${entry}`, { line: 1, inputs: [entry] })
    const api = { api: name, function: name, methods: ['GET'], configKey: '' } as unknown as Endpoint
    return {
      version: createHash('sha256').update(source).digest('hex').slice(0, 12),
      alias: /alias=(\w+)/.exec(source)?.[1],
      identity: /id=(\S+)/.exec(source)?.[1],
      inputs: [entry],
      endpoints: [api],
      functions: [],
      problems: [],
      script: async () => ({ code: source, checks: '' }),
      mapStack: stack => stack
    }
  }

  retire (guest: Guest): void {
    this.retired.push(guest)
  }
}

export interface Given extends MicroservicesOptions {
  files?: Record<string, string>
  tenantFiles?: Record<string, Record<string, string>>
  builtIns?: BuiltIn[]
  uploads?: FakeUploads
  /** Whose tenants there are. */
  tenantsOf?: Record<string, string>
  /** Runs before the catalog looks for the first time. */
  before?: (uploads: FakeUploads) => void
}

/** A catalog over an admin's directory and TENANTS_DIR, with uploads of a registry in memory; closed with the test. */
export async function start (
  t: Test, { files = {}, tenantFiles = {}, builtIns = [], uploads = new FakeUploads(), tenantsOf = { [tenant]: admin, [other]: admin }, before, ...options }: Given = {}
) {
  // First, since it has to go last.
  const dataDirectory = temporaryDirectory(t)
  // One object twice would be a circle to it.
  const directory = t.testdir(JSON.parse(JSON.stringify({ plugins: files, ...options.MULTI_TENANT === false ? {} : { tenants: tenantFiles } })))
  const app = Fastify()
  const multiTenant = { MULTI_TENANT: true, ADMIN_ID: [admin, second], TENANTS_DIR: `${directory}/tenants` }
  const settings = await readSettings(app, {
    plugins: [`${directory}/plugins`], DATA_DIR: dataDirectory, watch: false, env: false, ...options.MULTI_TENANT === false ? {} : multiTenant, ...options
  })
  const workshop = new FakeWorkshop()
  for (const [owner, whose] of Object.entries(tenantsOf)) workshop.admins.set(owner, whose)
  const catalog = new Catalog(app, settings, undefined, settings.multiTenant ? workshop : undefined, builtIns, uploads)
  t.teardown(async () => {
    workshop.release.resolve()
    await catalog.close()
    await app.close()
  })
  before?.(uploads)
  await catalog.load()
  await catalog.start()
  const namespace = (owner: string) => catalog.snapshot.namespaces.get(settings.multiTenant ? owner : '')
  return {
    app,
    catalog,
    workshop,
    uploads,
    directory,
    dataDirectory,
    folders: `${dataDirectory}/uploads`,
    namespace,
    served: (owner: string): string[] => namespace(owner)?.modules.map(({ name, version }) => `${name}@${version}`) ?? []
  }
}
