import type { Description } from '../describe/describe.ts'
import type { ModuleFile } from './walk.ts'

/** A version of a tenant's module as the sandbox takes it. One object per version. */
export interface Guest {
  readonly admin: string
  readonly owner: string
  readonly name: string
  readonly version: string
  /** What an isolate runs; read when it is first called. */
  script (): Promise<{ code: string, checks: string }>
}

/** What became of a tenant's source, outside of this process. */
export interface BuiltModule extends Description {
  readonly version: string
  readonly alias: string | undefined
  /** Its `__ID__`. */
  readonly identity: string | undefined
  /** Files and folders that it was made of: while they are unchanged, so is the result. */
  readonly inputs: readonly string[]
  script (): Promise<{ code: string, checks: string }>
  mapStack (stack: string): string
}

/** Where tenants' modules are made: no source of theirs is read as code, nor run, in this process. */
export interface Workshop {
  /** Whose a tenant is; undefined where there is no such tenant. */
  adminOf (owner: string): string | undefined
  /** @throws `ModuleError`; one without inputs is not the source's fault, so that it is worth another try. */
  build (source: { owner: string, name: string, entry: string, root: string }): Promise<BuiltModule>
  /** This version is no longer served. */
  retire (guest: Guest): void
}

/**
 * What a tenant's module may import from: its own folder; in a directory that is all its owner's, that directory; in an
 * admin's, a module of one file has nothing but itself.
 */
export function rootOf ({ owner, file, folder, directory }: ModuleFile, tenant: string): string {
  return owner === tenant ? directory : folder ?? file
}
