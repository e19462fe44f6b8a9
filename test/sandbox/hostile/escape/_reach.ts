/** The built-ins as they were when the module was loaded: programs tamper with them afterwards. */
const { apply, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect
const { prototype: objectPrototype } = Object
const { prototype: functionPrototype } = Function
const functionText = functionPrototype.toString
const MapOf = Map
const SetOf = Set
const { get: mapGet, set: mapSet } = Map.prototype
const { forEach: setForEach } = Set.prototype
const { forEach: mapForEach } = Map.prototype
const textOf = String
const push = Array.prototype.push
const hasOwn = Object.hasOwn
const thrower = getOwnPropertyDescriptor(functionPrototype, 'caller')?.get
/** V8's own, of each error. */
const { get: stackGetter, set: stackSetter } = getOwnPropertyDescriptor(new Error(), 'stack') ?? {}

const NODES_MAX = 30_000

/** What only Node, isolated-vm and the cell have. */
const foreign: readonly string[] = [
  'process', 'require', 'Buffer', 'mainModule', 'internalBinding', 'getBuiltinModule', '_linkedBinding', 'ivm', 'applySync', 'applySyncPromise', 'evalSync',
  'evalClosureSync', 'derefInto', 'copyInto', 'transferIn', 'compileScriptSync', 'createContextSync', 'isDisposed', 'cpuTime'
]

/** Everything that can be reached from some values, as paths, that leads out of this isolate's realm. */
export function reach (roots: Readonly<Record<string, unknown>>): string[] {
  // It calls what it finds, the program itself included.
  if (isWalking) throw new Error('already')
  isWalking = true
  try {
    return walk(roots)
  } finally {
    isWalking = false
  }
}

let isWalking = false

function walk (roots: Readonly<Record<string, unknown>>): string[] {
  const leaked: string[] = []
  const paths = new MapOf<unknown, string>()
  const queue: unknown[] = []
  const add = (value: unknown, path: string): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return
    if (apply(mapGet, paths, [value]) !== undefined || queue.length >= NODES_MAX) return
    apply(mapSet, paths, [value, path])
    queue[queue.length] = value
  }
  const names = ownKeys(roots) as string[]
  for (let i = 0; i < names.length; i++) add(roots[names[i] as string], names[i] as string)
  for (let at = 0; at < queue.length; at++) {
    const value = queue[at] as object
    const path = apply(mapGet, paths, [value]) as string
    const problem = problemOf(value)
    if (problem !== undefined && leaked.length < 50) leaked[leaked.length] = `${path}: ${problem}`
    visit(value, path, add)
  }
  return leaked
}

function visit (value: object, path: string, add: (value: unknown, path: string) => void): void {
  try {
    add(getPrototypeOf(value), `${path}.__proto__`)
    const keys = ownKeys(value)
    for (let i = 0; i < keys.length && i < 2_000; i++) {
      const key = keys[i] as string
      const name = `${path}.${textOf(key)}`
      const { value: own, get, set } = getOwnPropertyDescriptor(value, key) ?? {}
      add(own, name)
      add(get, `${name}<get>`)
      add(set, `${name}<set>`)
      if (get === undefined) continue
      try {
        add(apply(get, value, []), `${name}()`)
      } catch (error) {
        add(error, `${name}<throws>`)
      }
    }
    if (value instanceof MapOf) apply(mapForEach, value, [(item: unknown, key: unknown) => { add(key, `${path}<key>`); add(item, `${path}<item>`) }])
    if (value instanceof SetOf) apply(setForEach, value, [(item: unknown) => add(item, `${path}<item>`)])
  } catch (error) {
    add(error, `${path}<throws>`)
  }
}

function problemOf (value: object): string | undefined {
  for (let i = 0; i < foreign.length; i++) {
    const name = foreign[i] as string
    if (own(value, name)) return `has ${name}`
  }
  if (typeof value === 'function' && value !== functionPrototype && value !== thrower && value !== stackGetter && value !== stackSetter) {
    const text = apply(functionText, value, [])
    if (/^(async )?function ?\*? ?(bound )?\(\) ?\{ \[native code\] \}$/.test(text) && own(value, 'name') !== undefined) {
      const { name } = value as { name: unknown }
      if (name === '' || (typeof name === 'string' && name.startsWith('bound '))) return `a native function without a name: ${text}`
    }
    if (isHost(value as (...values: unknown[]) => unknown)) return 'the cell\'s own function'
  }
  return originOf(value)
}

/** Prototypes end in this realm's, and constructors make code of this realm. */
function originOf (value: object): string | undefined {
  try {
    let last: object = value
    for (let proto = getPrototypeOf(value), i = 0; proto !== null && i < 1_000; i++) {
      last = proto
      proto = getPrototypeOf(proto)
    }
    if (last !== value && last !== objectPrototype && own(last, 'hasOwnProperty')) return 'an Object.prototype of another realm'
    const { constructor } = value as { constructor?: { constructor?: unknown } }
    const maker = constructor?.constructor
    if (typeof maker !== 'function') return undefined
    const made = (maker as (text: string) => unknown)('return this')
    const given = typeof made === 'function' ? (made as () => unknown)() : globalThis
    return given === globalThis || given === undefined || typeof given === 'string' || isPlain(given) ? undefined : 'makes code of another realm'
  } catch {
    return undefined
  }
}

/** Of generators and async functions. */
function isPlain (value: unknown): boolean {
  const { then, next } = value as { then?: unknown, next?: unknown }
  return typeof then === 'function' || typeof next === 'function'
}

/** The way to the cell gives the text of a web global's script to whoever has it. */
function isHost (value: (...values: unknown[]) => unknown): boolean {
  if (own(value, 'prototype') !== undefined || (value.length !== 1 && value.length !== 2)) return false
  try {
    const answer: unknown = value('part:url', '')
    return typeof answer === 'string' && answer.length > 500
  } catch {
    return false
  }
}

function own (value: object, name: string): unknown {
  try {
    return hasOwn(value, name) ? getOwnPropertyDescriptor(value, name) : undefined
  } catch {
    return undefined
  }
}

/** Replaces methods by ones that do the same, and keep what they were called with. */
export function spy (target: object, kept: unknown[], names: readonly PropertyKey[] = ownKeys(target)): void {
  let within = false
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    const { value, configurable } = getOwnPropertyDescriptor(target, name) ?? {}
    if (typeof value !== 'function' || configurable !== true || name === 'constructor') continue
    const original = value as Function
    Object.defineProperty(target, name, {
      configurable: true,
      writable: true,
      value: function (this: unknown, ...values: unknown[]) {
        if (!within && kept.length < 2_000) {
          within = true
          apply(push, kept, [this, ...values])
          within = false
        }
        return new.target === undefined ? apply(original, this, values) : Reflect.construct(original, values, new.target === value ? original : new.target)
      }
    })
  }
}
