import type { ServerResponse } from 'node:http'
import type { OwnerLogEntry } from '../../../types/status.ts'
import { bytesOf } from '../../tenancy/log.ts'
import type { Reader } from '../../tenancy/logs.ts'

/** Long enough to watch a try, short enough that one who forgot it gives the place back. */
const FOLLOW_MS = 10 * 60_000
/** Proxies close what is silent for 60 s by default: of the beats in that time, some may be lost. */
const HEARTBEAT_MS = 15_000
/** What the end of the answer may take. Then its client reads no more, and would keep the connection, and the app from closing. */
const END_MS = 2_000
/** What waits for a reader that is slow: as much as a log holds by default. */
const WAITING_BYTES_MAX = 256 * 1024

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Neither compressed nor collected on the way: an entry is to arrive when it is written.
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff'
}
const heartbeat = ':\n\n'
const encoder = new TextEncoder()

interface TailOptions {
  /** What it begins with. */
  readonly entries: readonly OwnerLogEntry[]
  readonly wants: (entry: OwnerLogEntry) => boolean
  readonly mayStay: () => boolean
  readonly response: ServerResponse
}

/** An answer that goes on: entries as server-sent events. It ends by itself, when its client leaves, or when it is told to. */
export class Tail implements Reader {
  readonly mayStay: () => boolean
  readonly #wants: TailOptions['wants']
  readonly #response: ServerResponse
  readonly #waiting: OwnerLogEntry[]
  readonly #capacity: number
  #bytes: number
  #dropped = 0
  #lastDropped = 0
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #release: (() => void) | undefined

  constructor ({ entries, wants, mayStay, response }: TailOptions) {
    this.mayStay = mayStay
    this.#wants = wants
    this.#response = response
    this.#waiting = [...entries]
    this.#bytes = entries.reduce((sum, entry) => sum + bytesOf(entry), 0)
    this.#capacity = this.#bytes + WAITING_BYTES_MAX
  }

  /**
   * @param follow makes it a reader; returns what ends that
   * @throws what `follow` does
   */
  open (follow: (reader: Reader) => () => void): Response {
    const leave = follow(this)
    const timers = [setInterval(() => this.#beat(), HEARTBEAT_MS).unref(), setTimeout(() => this.end(), FOLLOW_MS).unref()]
    const release = this.#release = () => {
      this.#release = undefined
      for (const timer of timers) clearTimeout(timer)
      leave()
    }
    // Also where nobody came to read the stream.
    this.#response.once('close', release)
    const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      this.#controller = controller
      // Headers go with the first bytes: whoever waits for entries should not wait for these.
      this.#beat()
    }
    return new Response(new ReadableStream({ start, pull: () => this.#flush(), cancel: release }, { highWaterMark: 1 }), { headers })
  }

  take (entry: OwnerLogEntry): void {
    if (!this.#wants(entry)) return
    const bytes = bytesOf(entry)
    if (this.#bytes + bytes > this.#capacity) {
      this.#dropped++
      this.#lastDropped = entry.id
      return
    }
    this.#noteDropped()
    this.#bytes += bytes
    this.#waiting.push(entry)
    this.#flush()
  }

  end (): void {
    if (this.#release === undefined) return
    this.#release()
    this.#controller?.close()
    const timer = setTimeout(() => this.#response.destroy(), END_MS).unref()
    this.#response.once('close', () => clearTimeout(timer))
  }

  #flush (): void {
    while (this.#hasRoom) {
      if (this.#waiting.length === 0) this.#noteDropped()
      const entry = this.#waiting.shift()
      if (entry === undefined) return
      this.#bytes -= bytesOf(entry)
      this.#write(`id: ${entry.id}\ndata: ${JSON.stringify(entry)}\n\n`)
    }
  }

  /** In its place among the entries, under the id of the last that is missing: who comes again after it misses no other. */
  #noteDropped (): void {
    if (this.#dropped === 0) return
    const message = `entries missing here: ${this.#dropped}, which were written faster than they were read`
    const note: OwnerLogEntry = { id: this.#lastDropped, time: Date.now(), level: 'warn', module: 'module-api', version: 'built-in', message }
    this.#dropped = 0
    this.#bytes += bytesOf(note)
    this.#waiting.push(note)
  }

  #beat (): void {
    if (this.#hasRoom) this.#write(heartbeat)
  }

  get #hasRoom (): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0
  }

  #write (text: string): void {
    this.#controller?.enqueue(encoder.encode(text))
  }
}
