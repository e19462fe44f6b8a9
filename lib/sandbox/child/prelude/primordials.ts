/**
 * The built-ins that the prelude works with, taken before any guest code runs: a guest may replace or wrap all of them
 * afterwards. What the prelude does to values of the guest's own (their getters, their `toJSON`) runs guest code all the
 * same, so it only happens within a `try`, in a turn that is limited. Syntax that looks up what a guest may change is
 * avoided: spread, `for…of` and array patterns use the iterators; a property that is absent is read from
 * `Object.prototype`; an element set beyond an array's end may meet a setter of `Array.prototype`.
 */
export const { apply, construct, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys, setPrototypeOf } = Reflect
export const { parse, stringify } = JSON
export const { freeze, keys, hasOwn } = Object
export const { isArray } = Array
export const { isInteger } = Number
export const { min, max } = Math
export const { now } = Date
/** Indirect, as it is called by a name of ours: what it evaluates sees globals only. */
export const evaluate = eval // eslint-disable-line no-eval -- it is the guest's own
export const FunctionConstructor = Function
export const { fromCharCode } = String
/** Knows errors of other realms too, and cannot be deceived by `Symbol.hasInstance`. */
export const isError = (Error as unknown as { isError (value: unknown): value is Error }).isError
export const StringOf = String
export const NumberOf = Number
export const parseIntOf = parseInt
export const parseFloatOf = parseFloat
export const TypeErrorConstructor = TypeError
export const RangeErrorConstructor = RangeError
export const ErrorConstructor = Error
export const BytesConstructor = Uint8Array

const { bind, call } = Function.prototype
const bindCall = bind.bind(call) as (method: Function) => (...values: unknown[]) => unknown

/** A method as a function whose first argument is `this`. */
export function uncurry<T, A extends unknown[], R> (method: (this: T, ...args: A) => R): (self: T, ...args: A) => R {
  return bindCall(method) as (self: T, ...args: A) => R
}

function getter<T, R> (prototype: object, name: PropertyKey): (self: T) => R {
  return uncurry(getOwnPropertyDescriptor(prototype, name)?.get as (this: T) => R)
}

export const charCodeAt: (text: string, index: number) => number = uncurry(String.prototype.charCodeAt)
export const slice: (text: string, from: number, to?: number) => string = uncurry(String.prototype.slice)
export const indexOf: (text: string, wanted: string, from?: number) => number = uncurry(String.prototype.indexOf)
export const repeat: (text: string, count: number) => string = uncurry(String.prototype.repeat)
export const symbolText: (symbol: symbol) => string = uncurry(Symbol.prototype.toString)
export const functionText: (value: Function) => string = uncurry(Function.prototype.toString)
export const isoDate: (date: Date) => string = uncurry(Date.prototype.toISOString)
export const dateTime: (date: Date) => number = uncurry(Date.prototype.getTime)
export const regexpSource: (value: RegExp) => string = getter(RegExp.prototype, 'source')
export const regexpFlags: (value: RegExp) => string = getter(RegExp.prototype, 'flags')

export const mapSize: (map: Map<unknown, unknown>) => number = getter(Map.prototype, 'size')
export const mapGet = uncurry(Map.prototype.get) as <K, V>(map: Map<K, V>, key: K) => V | undefined
export const mapSet = uncurry(Map.prototype.set) as <K, V>(map: Map<K, V>, key: K, value: V) => unknown
export const mapDelete = uncurry(Map.prototype.delete) as <K>(map: Map<K, unknown>, key: K) => boolean
export const mapForEach = uncurry(Map.prototype.forEach) as <K, V>(map: Map<K, V>, see: (value: V, key: K) => void) => void
export const setSize: (set: Set<unknown>) => number = getter(Set.prototype, 'size')
export const setForEach = uncurry(Set.prototype.forEach) as <V>(set: Set<V>, see: (value: V) => void) => void

const typedArrayPrototype = getPrototypeOf(Uint8Array.prototype) as object
/** The name of a typed array's class; undefined for anything else. */
export const typedArrayName: (value: unknown) => string | undefined = getter(typedArrayPrototype, Symbol.toStringTag)
export const typedArrayLength: (value: ArrayLike<number>) => number = getter(typedArrayPrototype, 'length')

/** Defines a property that can be changed. A descriptor must inherit nothing, or a guest may make it another. */
export function define (target: object, name: PropertyKey, value: unknown, enumerable: boolean): void {
  defineProperty(target, name, { __proto__: null, value, writable: true, configurable: true, enumerable } as PropertyDescriptor)
}

/** A dictionary that inherits nothing. */
export function dictionary<V> (): Record<string, V> {
  return { __proto__: null } as unknown as Record<string, V>
}

/** An array that inherits nothing: no element can meet a setter, and `stringify` and copying see a plain array. */
export function list<T> (): T[] {
  const array: T[] = []
  setPrototypeOf(array, null)
  return array
}
