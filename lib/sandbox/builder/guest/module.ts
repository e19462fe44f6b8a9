import { aliasProblem } from '../../../describe/alias.ts'
import { readExports } from '../../../describe/read.ts'
import { show } from '../../../show.ts'
import { assert, command, endpoint, fail } from '../../../endpoint.ts'

/** Gives TypeBox's entries, by name; undefined for any other. */
export type Load = (name: string) => unknown

type Problem = { code: string, message: string }

const own = { __proto__: null, __esModule: true, assert, command, endpoint, fail }

/**
 * Runs a module and tells what it exports, as JSON. The module runs beside this code and may change whatever it uses, so
 * the host believes none of it.
 */
export function describeModule (code: string, load: Load): string {
  const module: { exports: unknown } = { exports: {} }
  try {
    // As in the isolates that serve it, so that both give stacks with the same positions.
    // eslint-disable-next-line no-eval
    const run = (0, eval)(`(function (exports, require, module) {${code}\n})\n//# sourceURL=module.js`)
    run(module.exports, (name: string) => require(name, load), module)
  } catch (thrown) {
    return JSON.stringify({ thrown: wordsOf(thrown) })
  }
  const { exports } = module
  return JSON.stringify(read(typeof exports === 'object' ? { ...exports } : { default: exports }))
}

function require (name: string, load: Load): unknown {
  if (name === 'fastify-microservices') return own
  const found = load(name)
  if (found === undefined) throw new Error(`cannot find module ${show(name)}: it is not bundled`)
  return found
}

function read (exports: Readonly<Record<string, unknown>>): object {
  const problems: Problem[] = []
  for (const name of ['__start__', '__close__']) {
    if (exports[name] === undefined) continue
    problems.push({ code: 'FMS_ERR_MODULE', message: `${name}: expected in trusted modules only; in the sandbox it is never called` })
  }
  const { __alias__: alias, __ID__: identity } = exports
  const description = readExports(exports, '', ({ kind }, { config = {} }, refused) => {
    if (kind === 'command') refused('run', 'expected in trusted modules only; a sandbox starts no programs')
    if (Object.keys(config as object).length > 0) refused('config', "expected in trusted modules only; a sandbox's endpoints are no Fastify routes")
    return { kind: 'guest' }
  })
  return {
    ...(alias !== undefined && { alias: typeof alias === 'string' ? alias : show(alias), aliasProblem: aliasProblem(alias) }),
    ...(identity !== undefined && { identity: typeof identity === 'string' ? identity : show(identity) }),
    ...description,
    problems: [...problems, ...description.problems]
  }
}

function wordsOf (thrown: unknown): { message: string, stack?: string } {
  try {
    if (!(thrown instanceof Error)) return { message: show(thrown) }
    return { message: String(thrown.message), stack: String(thrown.stack) }
  } catch {
    return { message: 'something that cannot be read' }
  }
}
