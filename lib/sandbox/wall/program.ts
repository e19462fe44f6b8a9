import { realpathSync, statSync } from 'node:fs'

/** A program of ours that is to run walled off. */
export interface Program {
  /** Absolute path of the child's main file. */
  readonly entry: string
  /** Absolute files and folders that it may read, beside Node itself and system libraries. */
  readonly readable: readonly string[]
  readonly nodeArguments: readonly string[]
  /** Whether it starts programs itself, as the builder does esbuild. */
  readonly spawns: boolean
  /** Bytes of a private writable /tmp; 0 for none. */
  readonly scratchBytes: number
}

/** A file or folder of the system, and the path that the child finds it at. */
export interface Binding {
  readonly source: string
  readonly target: string
}

/** A program as walls need it: links resolved, Node's arguments complete. */
export interface Prepared {
  readonly bindings: readonly Binding[]
  /** What Node gets, to its last argument. */
  readonly arguments: readonly string[]
  readonly spawns: boolean
  readonly scratchBytes: number
  /** Whether its system calls are filtered, where the wall can. */
  readonly filtered: boolean
}

export const nodePath = realpathSync(process.execPath)

/**
 * @param belts false leaves out Node's permission model and the filter of system calls, so that a test sees what the
 * namespaces hold by themselves
 */
export function prepare (program: Program, belts: boolean): Prepared {
  const { nodeArguments, spawns, scratchBytes } = program
  const entry = realpathSync(program.entry)
  const bindings = [entry, ...program.readable].flatMap(bindingsOf)
  const permission = belts ? permissionArguments(bindings, program) : []
  return { bindings, arguments: [...permission, ...nodeArguments, entry], spawns, scratchBytes, filtered: belts }
}

/** At its real path, where Node looks for modules once it has resolved links, and at the path that it was given by. */
function bindingsOf (path: string): Binding[] {
  const source = realpathSync(path)
  return source === path ? [{ source, target: path }] : [{ source, target: source }, { source, target: path }]
}

/** Without those that are there twice: nothing can be bound over what may not be written to. */
export function distinct (bindings: readonly Binding[]): Binding[] {
  return [...new Map(bindings.map(binding => [binding.target, binding])).values()]
}

/** Node's own permission model: a seat belt, as its documentation says; the wall is the system's. */
function permissionArguments (bindings: readonly Binding[], { spawns, scratchBytes }: Program): string[] {
  const readable = bindings.map(({ source, target }) => statSync(source).isDirectory() ? `${target}/` : target)
  return [
    '--permission',
    '--allow-addons',
    // node-gyp-build, which loads isolated-vm, asks for it to tell musl from glibc.
    ...[...readable, '/etc/alpine-release'].map(path => `--allow-fs-read=${path}`),
    ...(spawns ? ['--allow-child-process'] : []),
    ...(scratchBytes > 0 ? ['--allow-fs-read=/tmp/', '--allow-fs-write=/tmp/'] : [])
  ]
}
