import type { NewLogEntry, OwnerLogEntry } from '../../types/status.ts'

/** Of the turns' cap: what eight turns that write all they may leave is there to be read. */
const TURNS_KEPT = 8
/** A short line costs more than its characters: an object of some ten fields. */
const ENTRY_BYTES = 200
/** Of calls that ended; some 200 bytes each. They have a ring of their own, or many good calls would push out why one failed. */
const CALLS_KEPT = 200
/** Hosts may take request ids from a header, and authors may throw any text: as much as is worth reading in a list. */
const TEXT_LENGTH_MAX = 200

/** A call that ended. */
export interface EndedCall {
  /** Of `OwnerLog.nextId()`. */
  readonly id: number
  readonly module: string
  readonly version: string
  readonly api: string
  readonly method: string
  readonly status: number
  readonly milliseconds: number | undefined
  readonly requestId: string
  readonly code: OwnerLogEntry['code'] | undefined
  /** What the client was told of its error. */
  readonly message: string | undefined
}

/** The end of what an owner's modules wrote and why their calls failed, a ring by size; and the last of their calls. */
export class OwnerLog {
  readonly #capacity: number
  readonly #lines: Array<{ entry: OwnerLogEntry, bytes: number }> = []
  #bytes = 0
  readonly #calls: EndedCall[] = []
  #next = 0
  #id = 0
  /** Whoever reads along: few logs have one. */
  #readers: Set<(entry: OwnerLogEntry) => void> | undefined
  /** It was written to again since whoever keeps it looked. */
  isFresh = false

  /** @param logBytes what one turn may write */
  constructor (logBytes: number) {
    this.#capacity = TURNS_KEPT * Math.max(logBytes, 1_024)
  }

  add (written: NewLogEntry): void {
    const entry = { id: this.nextId(), ...written }
    const bytes = bytesOf(entry)
    this.#lines.push({ entry, bytes })
    this.#bytes += bytes
    while (this.#bytes > this.#capacity && this.#lines.length > 1) this.#bytes -= this.#lines.shift()!.bytes
    this.#tell(entry)
  }

  /** For each call, hence kept as it comes: to fill a slot anew that has left the processor's cache takes longer than a new object. */
  addCall (call: EndedCall): void {
    this.#calls[this.#next] = call
    this.#next = (this.#next + 1) % CALLS_KEPT
    if (this.readers > 0) this.#tell(entryOf(call))
  }

  /** @returns what ends it */
  follow (read: (entry: OwnerLogEntry) => void): () => void {
    const readers = this.#readers ??= new Set()
    readers.add(read)
    return () => { readers.delete(read) }
  }

  get readers (): number {
    return this.#readers?.size ?? 0
  }

  /** Oldest first. */
  get entries (): OwnerLogEntry[] {
    return [...this.#lines.map(({ entry }) => entry), ...this.#calls.map(entryOf)].sort((one, other) => one.id - other.id)
  }

  /** Of the clock, so that they go on after a restart, and on another node: microseconds, which a number holds exactly until the year 2255. */
  nextId (now = Date.now()): number {
    this.isFresh = this.#id > 0
    this.#id = Math.max(this.#id + 1, now * 1_000)
    return this.#id
  }

  #tell (entry: OwnerLogEntry): void {
    for (const read of this.#readers ?? []) read(entry)
  }
}

/** What an entry takes in memory. */
export function bytesOf ({ message, stack = '', requestId = '' }: OwnerLogEntry): number {
  return ENTRY_BYTES + 2 * (message.length + stack.length + requestId.length)
}

function entryOf ({ id, module, version, api, method, status, milliseconds, requestId, code, message = '' }: EndedCall): OwnerLogEntry {
  return {
    id,
    time: Math.floor(id / 1_000),
    level: 'info',
    module,
    version,
    message: `${method} ${api}: ${status}${message && ` ${message}`}`,
    api,
    requestId,
    ...code !== undefined && { code },
    method,
    status,
    ...milliseconds !== undefined && { milliseconds }
  }
}

/** Of a text of others', what is kept. A slice of it would keep all of it in memory. */
export function short (text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : Buffer.from(text.slice(0, TEXT_LENGTH_MAX)).toString()
}
