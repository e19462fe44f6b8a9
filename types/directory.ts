import type { JsonSchema, Method } from './endpoint.ts'

/** One endpoint, as `__dir__` lists it. */
export interface EndpointListing {
  readonly api: string
  /** Name of the export. */
  readonly function: string
  readonly methods: readonly Method[]
  readonly params?: readonly string[]
  readonly args?: JsonSchema
  readonly returns?: JsonSchema
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly deprecated?: boolean
}

/** One module, as `__dir__` lists it. */
export interface ModuleListing {
  readonly name: string
  readonly alias?: string
  /** Names the content: equal files give equal versions. */
  readonly version: string
  readonly endpoints: readonly EndpointListing[]
  /** Exported functions that are no endpoints. They cannot be called. */
  readonly functions: readonly string[]
}

/** Why something in a plugin directory is not served. Listed here, and logged when it appears. */
export interface Problem {
  readonly code: `FMS_ERR_${string}`
  readonly owner: string
  /** Absolute path of the file, folder or directory that is to be mended. */
  readonly file: string
  readonly line?: number
  /** Name of the endpoint, where only that one is refused. */
  readonly endpoint?: string
  /** Field of its descriptor. */
  readonly field?: string
  /** What was expected, what was found and what to do. */
  readonly message: string
}

/** An api that is reached through its module only, since an earlier module answers its short URL. */
export interface Shadowed {
  readonly owner: string
  readonly module: string
  readonly api: string
  /** Name of the earlier module. */
  readonly by: string
}

/** All that there is: what `app.microservices.directory()` gives. */
export interface DirectoryListing {
  readonly directories: ReadonlyArray<{ readonly owner: string, readonly path: string }>
  readonly modules: ReadonlyArray<ModuleListing & { readonly owner: string, readonly file: string }>
  /** What is not served, and why. */
  readonly problems: readonly Problem[]
  /** What is reached through its module only. */
  readonly shadowed: readonly Shadowed[]
}
