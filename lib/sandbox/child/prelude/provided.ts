import { assert, command, endpoint, fail } from '../../../endpoint.ts'
import { deferred } from './deferred.ts'

type Exports = Record<string, unknown>

/** Gives another part's exports; it is loaded by its first use. */
export type LoadPart = (name: string) => Exports

const TYPEBOX = '@sinclair/typebox'

let typebox: object | undefined

/**
 * What `require` gives in an isolate: to the module, the packages that every module may import; to its checks, what they
 * need beside themselves. Undefined for any other name.
 */
export function provide (name: string, part: LoadPart): unknown {
  if (name === 'fastify-microservices') return { __proto__: null, __esModule: true, assert, command, endpoint, fail }
  if (name === TYPEBOX) return (typebox ??= deferred(() => loadTypebox(TYPEBOX, part)))
  if (name.startsWith(`${TYPEBOX}/`)) return loadTypebox(name, part)
  if (name === 'checks') return part('checks')
  return undefined
}

/** One instance for all its subpaths, as in Node: what is registered by one, another finds. */
function loadTypebox (name: string, part: LoadPart): Exports {
  return (part('typebox')['load'] as (name: string) => Exports)(name)
}
