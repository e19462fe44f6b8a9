/** Puts `[secret]` where a secret value stands. */
export type Mask = (text: string) => string

/** Deeper than anything worth logging; it ends cycles as well. */
const DEPTH_MAX = 16

/** The mask of some secret values; undefined where there are none, so that nobody pays for what nobody asked. */
export function createMask (secrets: readonly string[]): Mask | undefined {
  if (secrets.length === 0) return undefined
  // The longest first: a secret may contain another.
  const values = [...secrets].sort((one, other) => other.length - one.length).map(RegExp.escape)
  const pattern = new RegExp(values.join('|'), 'g')
  return text => text.replace(pattern, '[secret]')
}

/** A copy of plain data, or of an error, with secrets masked in all its texts. */
export function maskValue (value: unknown, mask: Mask, depth = 0): unknown {
  if (typeof value === 'string') return mask(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth === DEPTH_MAX) return '[deep]'
  if (value instanceof Error) return maskError(value, mask, depth)
  if (Array.isArray(value)) return value.map(item => maskValue(item, mask, depth + 1))
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return maskValue((toJSON as () => unknown).call(value), mask, depth + 1)
  // Requests, sockets and the like are what a logger has serialisers for; walking them would touch half of the process.
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [mask(key), maskValue(item, mask, depth + 1)]))
}

/** The same error for all who look at it, but for its texts. */
export function maskError<E extends Error> (error: E, mask: Mask, depth = 0): E {
  const copy = Object.create(error) as E
  Object.defineProperties(copy, {
    message: { value: mask(error.message), enumerable: false, writable: true, configurable: true },
    stack: { value: error.stack === undefined ? undefined : mask(error.stack), enumerable: false, writable: true, configurable: true }
  })
  for (const [key, item] of Object.entries(error)) {
    Object.defineProperty(copy, key, { value: maskValue(item, mask, depth + 1), enumerable: true, writable: true, configurable: true })
  }
  if (error.cause !== undefined) Object.defineProperty(copy, 'cause', { value: maskValue(error.cause, mask, depth + 1), configurable: true })
  return copy
}
