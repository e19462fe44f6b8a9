import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Program, Walled } from '../../lib/sandbox/layers.ts'
import { encodeFrame, HEADER_BYTES, LONG_TURN_MS, MARK_BYTES, PROTOCOL_VERSION, ResultKind, ToCell, ToHost, type Load } from '../../lib/sandbox/protocol.ts'

/*
 * A cell without isolates and without walls, for tests of the host's side. A call's function is a command with its
 * operands, as in `spin 500`: what the cell is to do, good or bad. Run as a script it is the child, else `startFake` starts it.
 */

/** Starts one, as `Wall.start` would. */
export async function startFake (program: Program): Promise<Walled> {
  const file = join(tmpdir(), `fake-cell-${process.pid}-${Math.random().toString(36).slice(2)}`)
  const mark = openSync(file, 'w+', 0o600)
  rmSync(file)
  writeSync(mark, Buffer.alloc(MARK_BYTES), 0, MARK_BYTES, 0)
  const child = spawn(process.execPath, [import.meta.filename, ...program.nodeArguments], { stdio: ['ignore', 'ignore', 'pipe', 'pipe', mark], env: {} })
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  let words = ''
  child.stderr!.on('data', chunk => { words = (words + chunk).slice(-10_000) })
  child.unref()
  ;(child.stderr as Socket).unref()
  const socket = child.stdio[3] as Duplex
  ;(socket as Socket).unref()
  const held = Buffer.alloc(MARK_BYTES)
  return {
    pid: child.pid!,
    socket,
    exited,
    lastWords: () => words.trim(),
    mark: () => { readSync(mark, held, 0, MARK_BYTES, 0); return held },
    residentBytes: () => residentBytes(child.pid!),
    limitData: async () => {},
    lowerPriority: () => {},
    kill: () => { child.kill('SIGKILL') }
  }
}

function residentBytes (pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4_096
  } catch {
    return 0
  }
}

interface FakeCall { id: number, isolate: number, words: string[], method: string }

/** The child. */
class FakeCell {
  readonly #socket = new Socket({ fd: 3, readable: true, writable: true })
  readonly #mark = Buffer.alloc(MARK_BYTES)
  readonly #isolates = new Map<number, Load>()
  readonly #kept = new Map<number, Buffer>()
  /** Calls and other work of this tick, in order. */
  #queue: FakeCall[] = []
  #bytes = Buffer.alloc(0)
  #out: Buffer[] = []
  #last = 0
  #waitsFor = 0
  #longs = 0
  /** A frame is half written: others wait. */
  #isWriting = false

  run (): void {
    this.#socket.on('data', chunk => this.#read(chunk)).on('end', () => process.exit(0)).on('error', () => process.exit(0))
  }

  #read (chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    while (this.#bytes.length >= HEADER_BYTES && this.#bytes.length >= HEADER_BYTES + this.#bytes.readUInt32LE(0)) {
      const length = this.#bytes.readUInt32LE(0)
      this.#take(this.#bytes[4]!, this.#bytes.readUInt32LE(5), this.#bytes.subarray(HEADER_BYTES, HEADER_BYTES + length))
      this.#bytes = this.#bytes.subarray(HEADER_BYTES + length)
    }
    setImmediate(() => this.#tick())
  }

  #take (type: number, id: number, payload: Buffer): void {
    if (type === ToCell.HELLO) this.#hello(JSON.parse(payload.toString()).core)
    if (type === ToCell.LOAD) this.#load(id, JSON.parse(payload.toString()))
    if (type === ToCell.CALL) {
      const call = JSON.parse(payload.subarray(4).toString())
      if (call.id !== id) throw new Error('ids differ')
      this.#queue.push({ id, isolate: payload.readUInt32LE(0), words: call.function.split(' '), method: call.method })
    }
    if (type === ToCell.CANCEL) this.#queue = this.#queue.filter(call => call.id !== id)
    if (type === ToCell.DROP) {
      this.#isolates.delete(id)
      this.#kept.delete(id)
      this.#queue = this.#queue.filter(call => call.isolate !== id)
    }
    if (type === ToCell.PING) this.#send(ToHost.PONG, id)
    if (type === ToCell.MEASURE) this.#send(ToHost.MEASURED, id, JSON.stringify([...this.#isolates.keys()].map(key => [key, this.#kept.get(key)?.length ?? 1_000])))
    if (type === ToCell.GO && id === this.#waitsFor) this.#waitsFor = 0
  }

  #hello (core: string): void {
    if (core === 'exit') process.exit(3)
    if (core === 'fail') throw new Error('the fake has nothing to say')
    if (core === 'version') return this.#send(ToHost.READY, PROTOCOL_VERSION + 1)
    if (core !== 'silent') this.#send(ToHost.READY, PROTOCOL_VERSION)
  }

  #load (id: number, load: Load): void {
    this.#isolates.set(id, load)
    if (load.code === 'throws') this.#fail(id, 'load', 'it throws')
    if (load.code === 'loops') {
      this.#setMark(id, this.#last, this.#last)
      spin(1e9)
    }
  }

  #tick (): void {
    if (this.#waitsFor === 0 && this.#queue.length > 0) {
      const calls = this.#queue
      const before = this.#last
      this.#last = Math.max(this.#last, ...calls.map(({ id }) => id))
      const isolates = [...new Set(calls.map(({ isolate }) => isolate))]
      for (const isolate of isolates) {
        if (this.#waitsFor !== 0) break
        this.#queue = this.#queue.filter(call => call.isolate !== isolate)
        this.#setMark(isolate, before, this.#last)
        const started = performance.now()
        const own = calls.filter(call => call.isolate === isolate)
        for (const turn of this.#isolates.get(isolate)?.alone === true ? own.map(call => [call]) : [own]) this.#turn(isolate, turn)
        this.#setMark(0, before, this.#last)
        if (performance.now() - started >= LONG_TURN_MS) this.#send(ToHost.LONG, this.#waitsFor = ++this.#longs)
      }
      if (this.#queue.length > 0) setImmediate(() => this.#tick())
    }
    if (this.#out.length > 0 && !this.#isWriting) this.#socket.write(Buffer.concat(this.#out.splice(0)))
  }

  #turn (isolate: number, calls: FakeCall[]): void {
    if (!this.#isolates.has(isolate)) return
    for (const call of calls) if (this.#isolates.has(isolate)) this.#do(call, calls)
  }

  #do ({ id, isolate, words, method }: FakeCall, calls: FakeCall[]): void {
    const [command, first, ...rest] = words
    const load = this.#isolates.get(isolate)
    const value = (text: unknown): void => this.#result(id, ResultKind.VALUE, JSON.stringify(text))
    switch (command) {
      case 'echo': return value([process.pid, load?.owner, load?.alone, first, method])
      case 'pid': return value(process.pid)
      case 'count': return value(++counted)
      case 'note': writeSync(2, `${first} `); return value(first)
      case 'nothing': return this.#result(id, ResultKind.NOTHING)
      case 'error': return this.#result(id, ResultKind.ERROR, JSON.stringify({ kind: 'thrown', message: first, statusCode: 418 }))
      case 'respond': return this.#respond(id, rest.join(' '), Number(first))
      case 'large': return value('x'.repeat(Number(first)))
      case 'spin': spin(Number(first)); return value('span')
      case 'hang': return spin(1e9)
      case 'wait': setTimeout(() => { value('waited'); this.#tick() }, Number(first)); return
      case 'never': return
      case 'log': this.#send(ToHost.LOG, isolate, JSON.stringify([{ level: 'warn', text: first, call: id }])); return value('logged')
      case 'fail': return this.#fail(isolate, first as 'timeout', 'it was told to', calls.map(call => call.id))
      case 'keep': this.#kept.set(isolate, Buffer.alloc(Number(first) * 1e6, 1)); return value('kept')
      case 'exit': process.exit(Number(first))
      // eslint-disable-next-line no-fallthrough
      case 'say': process.stderr.write(rest.join(' ')); return process.abort()
      case 'stop': process.kill(process.pid, 'SIGSTOP'); return
      case 'freeze': setTimeout(() => process.kill(process.pid, 'SIGSTOP'), 1); return
      case 'twice': value(1); return value(2)
      case 'raw': this.#out.push(Buffer.from(first!, 'hex')); return
      case 'frame': return this.#send(Number(first), rest[0] === 'isolate' ? isolate : rest[0] === 'call' ? id : Number(rest[0]), rest.slice(1).join(' '))
      case 'half': this.#out.push(encodeFrame(ToHost.RESULT, id, '\x01"half"').subarray(0, 12)); return
      case 'pieces': return this.#pieces(id, JSON.stringify('x'.repeat(Number(first))))
      case 'close': this.#socket.destroy(); return
      default: value('unknown command')
    }
  }

  #respond (id: number, headers: string, status: number): void {
    const head = Buffer.from(JSON.stringify({ status, headers: JSON.parse(headers || '[]') }))
    const length = Buffer.alloc(5)
    length[0] = ResultKind.RESPONSE
    length.writeUInt32LE(head.length, 1)
    this.#out.push(encodeFrame(ToHost.RESULT, id, Buffer.concat([length, head, Buffer.from('body')])))
  }

  #pieces (id: number, text: string): void {
    const frame = encodeFrame(ToHost.RESULT, id, `\x01${text}`)
    this.#isWriting = true
    const next = (start: number): void => {
      this.#isWriting = start < frame.length
      if (!this.#isWriting) this.#tick()
      else this.#socket.write(frame.subarray(start, start + 1_000), () => setImmediate(next, start + 1_000))
    }
    next(0)
  }

  #fail (isolate: number, reason: 'load' | 'timeout' | 'memory' | 'crash', message: string, begun: number[] = []): void {
    this.#isolates.delete(isolate)
    this.#send(ToHost.FAILED, isolate, JSON.stringify({ reason, message, begun, turn: begun }))
  }

  #result (id: number, kind: number, text = ''): void {
    this.#out.push(encodeFrame(ToHost.RESULT, id, Buffer.concat([Buffer.from([kind]), Buffer.from(text)])))
  }

  #send (type: number, id: number, text = ''): void {
    this.#out.push(encodeFrame(type, id, text))
  }

  #setMark (isolate: number, before: number, last: number): void {
    if (isolate !== 0) this.#mark.writeUInt32LE(this.#mark.readUInt32LE(4) + 1, 4)
    this.#mark.writeUInt32LE(isolate, 0)
    this.#mark.writeUInt32LE(before, 8)
    this.#mark.writeUInt32LE(last, 12)
    writeSync(4, this.#mark, 0, MARK_BYTES, 0)
  }
}

let counted = 0

function spin (ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

if (process.argv[1] === import.meta.filename) new FakeCell().run()
