import { define, defineProperty, getOwnPropertyDescriptor, keys } from './primordials.ts'
import { refuseResizableBuffers, replaceWebAssembly } from './memory.ts'
import { table } from './parts/table.ts'
import type { Parts } from './parts.ts'

/** Memory and threads that no limit of an isolate holds. */
const shared = ['WebAssembly', 'SharedArrayBuffer', 'Atomics']
/** Code that runs when memory is collected, outside of any turn; and V8's own console, which writes to an inspector. */
const never = ['FinalizationRegistry', 'WeakRef', 'console']

const scope = globalThis as Record<string, unknown>

/** Before any guest code runs. */
export function restrictGlobals (webAssembly: boolean): void {
  for (const name of webAssembly ? never : [...never, ...shared]) delete scope[name]
  refuseResizableBuffers()
  if (webAssembly) replaceWebAssembly()
}

export function defineGlobal (name: string, value: unknown): void {
  define(scope, name, value, false)
}

/** Each global of a part is an accessor until one of them is used: then all become what the part gives. */
export function defineLazyGlobals (parts: Parts): void {
  const names = keys(table)
  for (let i = 0; i < names.length; i++) defineLazyGlobal(names[i] as string, names, parts)
}

const pending = new Set<unknown>()
const isPending = pending.has.bind(pending)

function defineLazyGlobal (name: string, names: readonly string[], parts: Parts): void {
  const part = table[name] as string
  const get = (): unknown => {
    const exports = parts.load(part)
    for (let i = 0; i < names.length; i++) {
      const other = names[i] as string
      // What the guest has put in its place stays.
      if (table[other] === part && isPending(getOwnPropertyDescriptor(scope, other)?.get)) defineGlobal(other, exports[other])
    }
    return exports[name]
  }
  pending.add(get)
  defineProperty(scope, name, { get, set: value => defineGlobal(name, value), configurable: true, enumerable: false })
}
