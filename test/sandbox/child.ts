import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import { loadPrelude } from '../../lib/sandbox/prelude.ts'
import {
  encodeFrame, HEADER_BYTES, MARK_BYTES, PROTOCOL_VERSION, ResultKind, ToCell, ToHost,
  type Failed, type Frame, type GuestCall, type GuestError, type GuestLimits, type Load, type LogEntry, type ResponseHead
} from '../../lib/sandbox/protocol.ts'

/** What a call ended with, in a form that tests compare. */
export type Answer =
  | { readonly value: unknown }
  | { readonly nothing: true }
  | { readonly head: ResponseHead, readonly body: Buffer }
  | { readonly error: GuestError }
  | { readonly failed: Failed }

export const limits: GuestLimits = { turnMs: 1_000, memoryMb: 32, responseBytes: 1024 * 1024, logBytes: 32 * 1024, webAssembly: false }

/** A cell's process, without walls, spoken to as the pool does. */
export class Child {
  readonly process: ChildProcess
  readonly socket: Duplex
  readonly frames: Frame[] = []
  readonly logs: LogEntry[] = []
  readonly failed = new Map<number, Failed>()
  /** What it wrote to stderr. */
  words = ''
  readonly #markFile: string
  readonly #answers = new Map<number, (answer: Answer) => void>()
  readonly #owners = new Map<number, number>()
  readonly #waiting = new Set<() => void>()
  #held = Buffer.alloc(0)
  #lastIsolate = 0
  #lastCall = 0
  /** Whether a LONG is answered at once. */
  goes = true

  constructor (directory: string) {
    this.#markFile = join(directory, 'mark')
    const mark = openSync(this.#markFile, 'w+')
    const main = join(import.meta.dirname, '../../lib/sandbox/child/main.ts')
    this.process = spawn(process.execPath, ['--no-node-snapshot', '--disable-proto=delete', main], { env: {}, stdio: ['ignore', 'inherit', 'pipe', 'pipe', mark] })
    this.process.stderr?.on('data', (chunk: Buffer) => { this.words += chunk.toString() })
    this.socket = this.process.stdio[3] as Duplex
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk)).on('error', () => {})
  }

  static async start (t: Test): Promise<Child> {
    const directory = mkdtempSync(join(tmpdir(), 'cell-'))
    const child = new Child(directory)
    t.teardown(() => {
      child.process.kill('SIGKILL')
      rmSync(directory, { recursive: true })
    })
    child.send(ToCell.HELLO, PROTOCOL_VERSION, JSON.stringify(await loadPrelude()))
    await child.until(() => child.frames.some(({ type }) => type === ToHost.READY))
    return child
  }

  send (type: number, id: number, payload: string | Buffer = ''): void {
    this.socket.write(encodeFrame(type, id, payload))
  }

  /** An isolate with a module, given as CommonJS, in which `endpoint` is at hand. */
  load (code: string, { limits: more, ...load }: Partial<Omit<Load, 'limits'>> & { limits?: Partial<GuestLimits> } = {}): number {
    const id = ++this.#lastIsolate
    const whole: Load = {
      owner: 'o',
      module: 'm',
      version: '1',
      code: `"use strict"; const { endpoint, assert, fail } = require('fastify-microservices')\n${code}`,
      checks: '',
      environment: {},
      alone: false,
      ...load,
      limits: { ...limits, ...more }
    }
    this.send(ToCell.LOAD, id, JSON.stringify(whole))
    return id
  }

  /** Frame of a call, and its answer. */
  prepare (isolate: number, name: string, call: Partial<GuestCall> = {}): { id: number, frame: Buffer, answer: Promise<Answer> } {
    const id = ++this.#lastCall
    const request = { query: {}, params: {}, method: 'GET', path: '/x', headers: {}, api: name, requestId: `r${id}` }
    const text = JSON.stringify({ id, function: name, ...request, ...call })
    const payload = Buffer.alloc(4 + Buffer.byteLength(text))
    payload.writeUInt32LE(isolate)
    payload.write(text, 4)
    const { promise, resolve } = Promise.withResolvers<Answer>()
    this.#answers.set(id, resolve)
    this.#owners.set(id, isolate)
    return { id, frame: encodeFrame(ToCell.CALL, id, payload), answer: promise }
  }

  call (isolate: number, name: string, call: Partial<GuestCall> = {}): Promise<Answer> {
    const { frame, answer } = this.prepare(isolate, name, call)
    this.socket.write(frame)
    return answer
  }

  /** The value of a call; fails the test where it has none. */
  async value (isolate: number, name: string, call: Partial<GuestCall> = {}): Promise<unknown> {
    const answer = await this.call(isolate, name, call)
    if ('value' in answer) return answer.value
    throw new Error(`expected a value; found ${JSON.stringify(answer)}`)
  }

  mark (): number[] {
    const bytes = readFileSync(this.#markFile)
    return bytes.length < MARK_BYTES ? [] : [0, 4, 8, 12].map(offset => bytes.readUInt32LE(offset))
  }

  /** Resolves once something that came from the cell makes it true. */
  async until (holds: () => boolean): Promise<void> {
    if (holds()) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the cell does not answer')), 20_000)
      const look = (): void => {
        if (!holds()) return
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
    })
  }

  async exit (): Promise<{ code: number | null, signal: string | null }> {
    const [code, signal] = this.process.exitCode === null && this.process.signalCode === null
      ? await once(this.process, 'exit') as [number | null, string | null]
      : [this.process.exitCode, this.process.signalCode]
    return { code, signal }
  }

  #read (chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk])
    while (this.#held.length >= HEADER_BYTES && this.#held.length >= HEADER_BYTES + this.#held.readUInt32LE()) {
      const end = HEADER_BYTES + this.#held.readUInt32LE()
      const frame = { type: this.#held[4]!, id: this.#held.readUInt32LE(5), payload: this.#held.subarray(HEADER_BYTES, end) }
      this.#held = this.#held.subarray(end)
      this.frames.push(frame)
      this.#take(frame)
    }
    for (const look of this.#waiting) look()
  }

  #take ({ type, id, payload }: Frame): void {
    if (type === ToHost.RESULT) this.#answers.get(id)?.(readAnswer(payload))
    else if (type === ToHost.LOG) this.logs.push(...JSON.parse(payload.toString()) as LogEntry[])
    else if (type === ToHost.LONG && this.goes) this.send(ToCell.GO, id)
    else if (type === ToHost.FAILED) {
      const failed = JSON.parse(payload.toString()) as Failed
      this.failed.set(id, failed)
      for (const [call, isolate] of this.#owners) if (isolate === id) this.#answers.get(call)?.({ failed })
    }
  }
}

function readAnswer (payload: Buffer): Answer {
  const text = payload.subarray(1)
  switch (payload[0]) {
    case ResultKind.VALUE: return { value: JSON.parse(text.toString()) }
    case ResultKind.NOTHING: return { nothing: true }
    case ResultKind.ERROR: return { error: JSON.parse(text.toString()) as GuestError }
    case ResultKind.RESPONSE: {
      const end = 4 + text.readUInt32LE()
      return { head: JSON.parse(text.subarray(4, end).toString()) as ResponseHead, body: text.subarray(end) }
    }
    default: throw new Error(`unknown kind ${payload[0]}`)
  }
}
