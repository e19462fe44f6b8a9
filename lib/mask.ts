import type { FastifyBaseLogger } from 'fastify'

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

const levels: ReadonlySet<PropertyKey> = new Set(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])

/** A request's log with secrets masked, children included; the log itself where there is nothing to mask. */
export function maskedLog (log: FastifyBaseLogger, mask: Mask | undefined): FastifyBaseLogger {
  if (mask === undefined) return log
  return new Proxy(log, {
    get (target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (name === 'child') {
        return (bindings: object, ...rest: []) => maskedLog(target.child(maskValue(bindings, mask) as object, ...rest), mask)
      }
      const method = value as (...args: unknown[]) => unknown
      return levels.has(name)
        ? (...args: unknown[]) => method.apply(target, args.map(arg => maskValue(arg, mask)))
        : method.bind(target)
    }
  })
}
