import { Type, type Static } from '@sinclair/typebox'

const KB = 1024
const MB = 1024 * KB

/** What one tenant may use. Each has the installation's value, by option `sandbox.limits`, as its default and its maximum. */
export const limitsSchema = Type.Object({
  /** Milliseconds that a turn may run: the code of a module between two waits. Isolates of one tick share no turn. */
  turnMs: Type.Integer({ minimum: 10, maximum: 60_000, default: 1_000 }),
  /** Seconds until the answer's headers must be sent. Default: MAX_FUNCTION_SECS. */
  timeoutSecs: Type.Number({ exclusiveMinimum: 0, maximum: 86_400, default: 30 }),
  /** Megabytes of one module's isolate, buffers and WebAssembly included. */
  memoryMb: Type.Integer({ minimum: 16, maximum: 4_096, default: 64 }),
  /** Calls at once. */
  concurrency: Type.Integer({ minimum: 1, maximum: 10_000, default: 16 }),
  /** Calls that wait for one of those to end. */
  waiting: Type.Integer({ minimum: 0, maximum: 100_000, default: 256 }),
  /** Bytes of a request's body; never more than the host's `bodyLimit`. */
  requestBytes: Type.Integer({ minimum: 0, maximum: 16 * MB, default: MB }),
  /** Bytes of an answer's body. */
  responseBytes: Type.Integer({ minimum: 1, maximum: 16 * MB, default: MB }),
  /** Bytes of log that one turn may write, and eight times that are kept. */
  logBytes: Type.Integer({ minimum: 0, maximum: MB, default: 32 * KB }),
  /** Bytes of a module's script after bundling. */
  moduleBytes: Type.Integer({ minimum: KB, maximum: 16 * MB, default: MB })
}, { additionalProperties: false })

export type Limits = Static<typeof limitsSchema>

/** A tenant's limits within the installation's: what it does not name is the installation's, and nothing exceeds that. */
export function limitsWithin (installation: Limits, own: Partial<Limits>): Limits {
  const limits = { ...installation }
  for (const name of Object.keys(own) as Array<keyof Limits>) {
    const value = own[name]
    if (value !== undefined) limits[name] = Math.min(value, installation[name])
  }
  return Object.freeze(limits)
}
