/** What the cell tells the prelude of its isolate. */
export interface Configuration {
  readonly owner: string
  readonly module: string
  readonly environment: Readonly<Record<string, string>>
  readonly responseBytes: number
  readonly logBytes: number
  readonly webAssembly: boolean
}

/**
 * The cell's one function that an isolate may call: synchronous and pure. Names are those of capabilities, `part:<name>`
 * for a part's script, `module` and `checks` for the scripts of the module. No guest code may get hold of it.
 */
export type HostCall = (name: string, text: string) => string
