import type { Problem } from '../../types/directory.ts'
import type { JsonSchema, Method } from '../../types/endpoint.ts'

/** How an endpoint runs: as a function of its module, as a program of its own, or as a function in a sandbox. */
export type Runner =
  | { readonly kind: 'function', readonly call: (args: unknown, context: unknown) => unknown }
  | { readonly kind: 'command', readonly run: readonly string[], readonly cwd: string, readonly env: Readonly<Record<string, string>> }
  | { readonly kind: 'guest' }

/** One endpoint with its descriptor checked and put in one form. */
export interface Endpoint {
  readonly api: string
  /** Name of the export. */
  readonly function: string
  readonly methods: readonly Method[]
  readonly params: readonly string[] | undefined
  readonly args: JsonSchema | undefined
  readonly returns: JsonSchema | undefined
  readonly timeoutSecs: number | undefined
  readonly documentation: { readonly summary?: string, readonly description?: string, readonly tags?: readonly string[], readonly deprecated?: boolean }
  readonly config: Readonly<Record<string, unknown>>
  /** Equal for equal `config`s; empty for none. */
  readonly configKey: string
  readonly runner: Runner
}

export interface Description {
  readonly endpoints: readonly Endpoint[]
  /** Exported functions that are no endpoints: listed, never called. */
  readonly functions: readonly string[]
  readonly problems: ReadonlyArray<Omit<Problem, 'owner'>>
}
