import type { Duplex } from 'node:stream'
import { encodeFrame, HEADER_BYTES, ToCell } from '../protocol.ts'

// A tick's calls at thousands a second are some 10 KB.
const SLAB_BYTES = 64 * 1024

// More than all tenants' calls at once are under default limits. It ends what a cell that reads nothing would pile up.
const QUEUED_BYTES_MAX = 64 * 1024 * 1024

/** What goes to a cell: collected during a tick of the event loop, and written at its end. */
export class Outbox {
  readonly #socket: Duplex
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
  /** What of the slab is already written, and up to where it is filled. */
  #start = 0
  #end = 0
  /** Complete buffers that go before what is in the slab. */
  #before: Buffer[] = []
  #beforeBytes = 0
  #scheduled = false

  constructor (socket: Duplex) {
    this.#socket = socket
  }

  get full (): boolean {
    return this.#socket.writableLength + this.#beforeBytes > QUEUED_BYTES_MAX
  }

  /** A CALL, whose text is a JSON object: it gets its id as first property. */
  call (id: number, isolate: number, text: string): void {
    const open = `{"id":${id},`
    // A character takes 3 bytes at most.
    const most = HEADER_BYTES + 4 + open.length + text.length * 3
    const large = most > SLAB_BYTES / 4
    if (!large && SLAB_BYTES - this.#end < most) this.#renew()
    const target = large ? Buffer.allocUnsafeSlow(HEADER_BYTES + 4 + open.length + Buffer.byteLength(text)) : this.#slab
    const start = large ? 0 : this.#end
    let end = start + HEADER_BYTES
    end = target.writeUInt32LE(isolate, end)
    end += target.write(open, end, 'latin1')
    // Its first character is the brace.
    end += target.write(text.slice(1), end)
    target.writeUInt32LE(end - start - HEADER_BYTES, start)
    target[start + 4] = ToCell.CALL
    target.writeUInt32LE(id, start + 5)
    if (large) this.#push(target.subarray(0, end))
    else this.#end = end
    this.#schedule()
  }

  frame (type: number, id: number, payload = ''): void {
    this.#push(encodeFrame(type, id, payload))
    this.#schedule()
  }

  #renew (): void {
    this.#cut()
    this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
    this.#start = this.#end = 0
  }

  /** What the slab has gets its place in the order. */
  #cut (): void {
    if (this.#end === this.#start) return
    this.#before.push(this.#slab.subarray(this.#start, this.#end))
    this.#beforeBytes += this.#end - this.#start
    this.#start = this.#end
  }

  #push (bytes: Buffer): void {
    this.#cut()
    this.#before.push(bytes)
    this.#beforeBytes += bytes.length
  }

  #schedule (): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    this.#cut()
    const buffers = this.#before
    this.#before = []
    this.#beforeBytes = 0
    if (!this.#socket.writable) return
    this.#socket.cork()
    for (const bytes of buffers) this.#socket.write(bytes)
    this.#socket.uncork()
  }
}
