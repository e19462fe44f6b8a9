import type { FastifyBaseLogger } from 'fastify'
import { type Mask, maskValue } from '../mask.ts'

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
