import type { NewOwner, StoredEntry, StoredKey, StoredOwner } from '../../../types/store.ts'

/** An owner as the log has it. What bears a user's name is in lists: as names of fields of documents, MongoDB would read `a.b` and `$x`. */
export interface OwnerRecord {
  readonly tenant: string
  readonly role: StoredOwner['role']
  readonly admin: string
  readonly userid: string | null
  readonly enabled: boolean
  readonly createdAt: number
  readonly limits: StoredOwner['limits']
  readonly plan: string | null
  readonly keys: readonly StoredKey[]
  readonly environment: readonly EntryRecord[]
  readonly modules: readonly ModuleRecord[]
}

export type EntryRecord = { readonly name: string } & StoredEntry

export interface ModuleRecord {
  readonly name: string
  readonly active: string | null
  readonly versions: readonly VersionRecord[]
}

/** `id`: of the documents that hold the rest. One upload, one id, so that two of the same version cannot mix. */
export interface VersionRecord {
  readonly version: string
  readonly id: string
}

export function newRecord ({ uuid, keys = [], ...owner }: NewOwner): OwnerRecord {
  return { tenant: uuid, ...owner, keys, environment: [], modules: [] }
}

/** `Object.fromEntries` makes own properties, also of a name such as `__proto__`. */
export function ownerOf ({ tenant, environment, modules, ...record }: OwnerRecord): StoredOwner {
  return {
    uuid: tenant,
    ...record,
    environment: Object.fromEntries(environment.map(({ name, ...entry }) => [name, entry])),
    modules: Object.fromEntries(modules.map(({ name, active }) => [name, active]))
  }
}

export function withEntries (record: OwnerRecord, entries: Readonly<Record<string, StoredEntry | null>>): OwnerRecord {
  const environment = new Map(record.environment.map(entry => [entry.name, entry]))
  for (const [name, entry] of Object.entries(entries)) {
    if (entry === null) environment.delete(name)
    else environment.set(name, { name, ...entry })
  }
  return { ...record, environment: [...environment.values()] }
}

export function resealed (record: OwnerRecord, from: string, to: string): OwnerRecord {
  const reseal = <T extends object>(one: T): T => 'sealed' in one && one.sealed === from ? { ...one, sealed: to } : one
  return { ...record, keys: record.keys.map(reseal), environment: record.environment.map(reseal) }
}

export function moduleOf (record: OwnerRecord | undefined, name: string): ModuleRecord | undefined {
  return record?.modules.find(module => module.name === name)
}

/** Puts a module in the place of the one with its name; one without versions is none any more. */
export function withModule (record: OwnerRecord, module: ModuleRecord): OwnerRecord {
  const others = record.modules.filter(({ name }) => name !== module.name)
  return { ...record, modules: module.versions.length > 0 ? [...others, module] : others }
}

/** Ids of all versions of these modules. */
export function idsOf (modules: readonly ModuleRecord[]): string[] {
  return modules.flatMap(({ versions }) => versions.map(({ id }) => id))
}
