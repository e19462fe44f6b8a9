// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any class at all
type Class = abstract new (...parameters: any[]) => object

/** Gives a class the looks that Web IDL asks for: a name, a tag, and members that can be enumerated. */
export function expose (constructor: Class, name: string, constants: Readonly<Record<string, number>> = {}): void {
  const { prototype } = constructor
  for (const holder of [constructor, prototype]) {
    for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(holder))) {
      if (key === 'constructor' || key === 'prototype' || key === 'length' || key === 'name') continue
      Object.defineProperty(holder, key, { ...descriptor, enumerable: true })
    }
    for (const [key, value] of Object.entries(constants)) Object.defineProperty(holder, key, { value, enumerable: true })
  }
  // A bundler may have renamed the class.
  Object.defineProperty(constructor, 'name', { value: name, configurable: true })
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true })
}

/** What an object says that it is: no proof, but it saves loading a part whose class it cannot be of. */
export function tagOf (value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<symbol, unknown>)[Symbol.toStringTag] : undefined
}

/** Text as Web IDL's `USVString`: lone surrogates replaced. Symbols throw, as they must. */
export function textOf (value: unknown): string {
  return `${value as string}`.toWellFormed()
}

/** Options as Web IDL takes them: an object, or nothing at all. */
export function optionsOf<T extends object> (options: T | null | undefined): Partial<T> {
  if (options === undefined || options === null) return {}
  if (typeof options !== 'object' && typeof options !== 'function') throw new TypeError(`Expected an object of options, got ${typeof options as string}`)
  return options
}

/** As methods say that they got too few arguments. */
export function need (parameters: ArrayLike<unknown>, count: number): void {
  if (parameters.length < count) throw new TypeError(`Expected ${count} argument${count === 1 ? '' : 's'}, got ${parameters.length}`)
}
