/**
 * What the host and a cell say to each other, over one socket: frames of `length: u32, type: u8, id: u32`, all
 * little-endian, then `length` bytes of payload. The cell's side is hostile as soon as V8 has a hole, so the host checks
 * every frame; the host's side is trusted.
 */
export const PROTOCOL_VERSION = 1

export const HEADER_BYTES = 9

/** Nothing that either side has to say is larger: a script with its source map is the largest, and capped below it. */
export const PAYLOAD_BYTES_MAX = 32 * 1024 * 1024

/** From the host to a cell. */
export const ToCell = {
  /** id: the version. JSON: `Hello`. Once, first. */
  HELLO: 1,
  /** id: an isolate, new. JSON: `Load`. */
  LOAD: 2,
  /** id: a call. u32 isolate, then JSON: `GuestCall` with its `id`. */
  CALL: 3,
  /** id: a call whose answer nobody waits for any more: its signal is aborted. */
  CANCEL: 4,
  /** id: an isolate, to be disposed of with all its calls. */
  DROP: 5,
  /** id: any. Answered by PONG as soon as no turn runs. */
  PING: 6,
  /** id: any. Answered by MEASURED. */
  MEASURE: 7,
  /** id: that of the LONG: the calls that were taken elsewhere are cancelled by now, so the cell may go on. */
  GO: 8
} as const

/** From a cell to the host. */
export const ToHost = {
  /** id: the version. No payload. Once, first. */
  READY: 32,
  /** id: a call. u8 `ResultKind`, then what the kind says. */
  RESULT: 33,
  /** id: an isolate, which is gone with all its calls. JSON: `Failed`. */
  FAILED: 34,
  /** id: an isolate. JSON: array of `LogEntry`. */
  LOG: 35,
  /** id: that of the PING. */
  PONG: 36,
  /** id: that of the MEASURE. JSON: array of `[isolate, bytes]`, bytes of heap and buffers. */
  MEASURED: 37,
  /**
   * id: any. After a turn of `LONG_TURN_MS` or more, the others of its tick included: the cell begins no call, and wakes
   * no isolate, until GO; it goes on reading. The host takes calls that have not begun away from a cell that is held, and
   * this is what keeps them from running twice: whatever the mark said, their CANCEL comes before the GO.
   */
  LONG: 38
} as const

/** Well below the time after which the host calls a cell held: it must not do so where the cell does not wait for GO. */
export const LONG_TURN_MS = 30

export const ResultKind = {
  /** JSON text of the value, checked and cut by `returns`: the answer's body as it is. */
  VALUE: 1,
  /** Nothing: the function returned undefined. */
  NOTHING: 2,
  /** u32 length of the JSON of a `ResponseHead`, that JSON, then the body's bytes. */
  RESPONSE: 3,
  /** JSON: `GuestError`. */
  ERROR: 4
} as const

export interface Hello {
  /** The prelude's core, as the body of a function: see child/isolate.ts. */
  readonly core: string
  /** Scripts of the globals that an isolate loads when it first uses them, by name. */
  readonly parts: Readonly<Record<string, string>>
}

/** What an isolate is made of. */
export interface Load {
  readonly owner: string
  readonly module: string
  readonly version: string
  /** The module as a CommonJS script. */
  readonly code: string
  /** Script that makes the checks of arguments and results: see builder/checks.ts. */
  readonly checks: string
  /** The tenant's own environment. */
  readonly environment: Readonly<Record<string, string>>
  readonly limits: GuestLimits
  /** Calls cross one at a time: after a turn ran into its limit, so that the next one tells whose fault it is. */
  readonly alone: boolean
}

/** The limits that hold within a cell; the host holds all of them once more, from outside. */
export interface GuestLimits {
  readonly turnMs: number
  readonly memoryMb: number
  readonly responseBytes: number
  readonly logBytes: number
  /** Whether the isolate has `WebAssembly`, `SharedArrayBuffer` and `Atomics`. */
  readonly webAssembly: boolean
}

/** One call, as the guest sees it. JSON text; the pool puts `id` in front, as the first property. */
export interface GuestCall {
  readonly id: number
  /** Name of the export. */
  readonly function: string
  /** The parsed payload; absent where there is none. Merged into the arguments where it is an object. */
  readonly payload?: unknown
  /** The payload is bytes, as base64. */
  readonly bytes?: string
  /** Whether the payload's `__map__` was applied, which endpoints do not see. */
  readonly mapped?: true
  /** Of a repeated key, an array. */
  readonly query: Readonly<Record<string, string | readonly string[]>>
  /** Slugs by final name. */
  readonly params: Readonly<Record<string, string>>
  readonly method: string
  readonly path: string
  /** Those that tenants may see. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly api: string
  readonly requestId: string
}

export interface ResponseHead {
  readonly status: number
  /** Names in lower case; set-cookie and the like are the host's to drop. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
}

/** What a call failed with. */
export interface GuestError {
  /**
   * `thrown`: by the function. `arguments`: they do not fit `args`. `returns`: the result does not fit. `response`: it
   * cannot be sent: too large, no JSON, a used-up Response.
   */
  readonly kind: 'thrown' | 'arguments' | 'returns' | 'response'
  /** The thrown error's own `statusCode`, if it is a number. */
  readonly statusCode?: number
  readonly message: string
  /** The thrown error's own `code`, if it is a string. */
  readonly code?: string
  /** For the owner's log; positions are the script's. */
  readonly stack?: string
  /** Of `arguments`: Ajv's errors, as Fastify shows them. */
  readonly validation?: ReadonlyArray<Readonly<Record<string, unknown>>>
}

/** Why an isolate is gone. */
export interface Failed {
  /** `load`: the module threw, or ran into a limit, while it loaded. */
  readonly reason: 'timeout' | 'memory' | 'crash' | 'load'
  readonly message: string
  /** Calls that it had begun, all of them lost; those it had not begun may go elsewhere. */
  readonly begun: readonly number[]
  /** Those of `begun` that were in the turn that ended it; the others were waiting. */
  readonly turn: readonly number[]
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

export interface LogEntry {
  readonly level: LogLevel
  readonly text: string
  /** The call that it belongs to; 0 where that is not known. */
  readonly call: number
}

/**
 * What a cell writes, before each turn, to the file that it shares with the host (descriptor 4): four u32: the isolate
 * that runs, or 0 between turns; the number of the turn; the last call received before this tick, and the last one in it.
 * The host looks only when a cell is silent, to know which isolate holds it and which calls it has not begun: within a
 * tick, isolates run in the order of their first call.
 */
export const MARK_BYTES = 16

export const SOCKET_DESCRIPTOR = 3
export const MARK_DESCRIPTOR = 4

export interface Frame {
  readonly type: number
  readonly id: number
  readonly payload: Buffer
}

export function encodeFrame (type: number, id: number, payload: string | Buffer = ''): Buffer {
  const length = Buffer.byteLength(payload)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length)
  frame.writeUInt32LE(length, 0)
  frame.writeUInt8(type, 4)
  frame.writeUInt32LE(id, 5)
  if (typeof payload === 'string') frame.write(payload, HEADER_BYTES)
  else payload.copy(frame, HEADER_BYTES)
  return frame
}
