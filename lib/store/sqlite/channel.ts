import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { messageOf, platformError, type PlatformError, unavailable } from '../../errors.ts'
import type { Reads, Writes } from './operations.ts'
import type { Failure, Operation, Outcome, Reply, Request, ResultOf, ValuesOf, WorkerData } from './protocol.ts'

// More than that many at once is a flood, which memory should not hold: one operation is some KB, but for contents.
const OPERATIONS_MAX = 10_000

// Operations of one transaction: whoever reads, or wants to write on another node, waits for it to end.
const BATCH_MAX = 1_000

// Milliseconds: well beyond the worker's patience with locks. A disk that takes longer has gone.
const ANSWER_MS = 20_000
// Opening may have much to do: a log to recover, another version's schema.
const OPEN_MS = 120_000

const workerUrl = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url)

interface Waiting { readonly operation: Operation, readonly resolve: (value: unknown) => void, readonly reject: (error: PlatformError) => void }

/** A request that the worker has, and those that wait for its answer. */
interface Pending { readonly kind: Request['kind'], readonly waiting: readonly Waiting[], readonly timer: NodeJS.Timeout }

/**
 * The way to the worker that has the database, so that no commit ever blocks the event loop. What is to be written is
 * collected while a transaction is under way, and for the rest of the event loop's turn: one commit, and one wait for the
 * disk, serves all of it. A worker that died, or is stuck, is replaced with the next request.
 */
export class Channel {
  readonly #file: string
  #worker: Worker | undefined
  #lastId = 0
  /** What the next transaction will be made of. */
  #collected: Waiting[] = []
  #isCollecting = false
  #isWriting = false
  readonly #pending = new Map<number, Pending>()
  /** Of operations, collected and pending. */
  #count = 0
  #whenIdle: (() => void) | undefined

  constructor (file: string) {
    this.#file = file
  }

  /** @throws FMS_ERR_STORE where the file cannot be opened, or made */
  async open (): Promise<void> {
    await this.#ask(waiting => this.#send('open', [waiting]), ['open'])
  }

  async read<Name extends keyof Reads & string> (name: Name, ...values: ValuesOf<Reads[Name]>): Promise<ResultOf<Reads[Name]>> {
    return await this.#ask(waiting => this.#send('read', [waiting]), [name, ...values]) as ResultOf<Reads[Name]>
  }

  async write<Name extends keyof Writes & string> (name: Name, ...values: ValuesOf<Writes[Name]>): Promise<ResultOf<Writes[Name]>> {
    return await this.#ask(waiting => {
      this.#collected.push(waiting)
      this.#collect()
    }, [name, ...values]) as ResultOf<Writes[Name]>
  }

  /** Waits for what is under way, and ends the worker. Nothing may be asked after it. */
  async close (): Promise<void> {
    if (this.#count > 0) await new Promise<void>(resolve => { this.#whenIdle = resolve })
    const worker = this.#worker
    if (!worker) return
    // Best effort: the log is merged into the database. It would be done when it is opened again.
    await this.#ask(waiting => this.#send('close', [waiting]), ['close']).catch(() => {})
    this.#worker = undefined
    await worker.terminate()
  }

  #ask (send: (waiting: Waiting) => void, operation: Operation): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#count >= OPERATIONS_MAX) {
        reject(unavailable(`the store has ${OPERATIONS_MAX} operations under way already: try again later`))
        return
      }
      this.#count++
      send({ operation, resolve, reject })
    })
  }

  #collect (): void {
    if (this.#isCollecting || this.#isWriting || this.#collected.length === 0) return
    this.#isCollecting = true
    setImmediate(() => {
      this.#isCollecting = false
      this.#isWriting = true
      this.#send('write', this.#collected.splice(0, BATCH_MAX))
    })
  }

  #send (kind: Request['kind'], waiting: readonly Waiting[]): void {
    const id = ++this.#lastId
    const milliseconds = kind === 'open' ? OPEN_MS : ANSWER_MS
    const timer = setTimeout(() => this.#giveUp(`the store has not answered for ${milliseconds / 1_000} s: look after the disk of ${this.#file}`), milliseconds)
    this.#pending.set(id, { kind, waiting, timer: timer.unref() })
    try {
      this.#worker ??= this.#start()
      // An app that waits for nothing else ends, also where it forgot to close the store; but not before it has its answers.
      this.#worker.ref()
      this.#worker.postMessage({ id, kind, operations: waiting.map(({ operation }) => operation) } satisfies Request)
    } catch (error) {
      this.#settle({ id, failure: passing(`the store's worker cannot be asked: ${messageOf(error)}`) })
    }
  }

  #start (): Worker {
    const worker = new Worker(workerUrl, { name: 'store', workerData: { file: this.#file } satisfies WorkerData, execArgv: [], env: {} })
    let reason = 'it ended'
    worker.on('message', (reply: Reply) => this.#settle(reply))
    worker.on('error', error => { reason = messageOf(error) })
    worker.on('exit', () => { if (this.#worker === worker) this.#giveUp(`the store's worker failed: ${reason}`) })
    return worker
  }

  #settle ({ id, outcomes, failure }: Reply): void {
    const pending = this.#pending.get(id)
    if (!pending) return
    this.#pending.delete(id)
    clearTimeout(pending.timer)
    if (pending.kind === 'write') this.#isWriting = false
    pending.waiting.forEach((waiting, i) => settle(waiting, failure ? { failure } : outcomes?.[i] ?? {}))
    this.#count -= pending.waiting.length
    this.#collect()
    if (this.#pending.size === 0) this.#worker?.unref()
    if (this.#count === 0) this.#whenIdle?.()
  }

  /** Nothing comes from this worker any more. */
  #giveUp (text: string): void {
    const worker = this.#worker
    this.#worker = undefined
    void worker?.terminate()
    for (const id of [...this.#pending.keys()]) this.#settle({ id, failure: passing(text) })
  }
}

function settle ({ resolve, reject }: Waiting, { value, failure }: Outcome): void {
  if (failure) reject(errorOf(failure))
  else resolve(value)
}

function passing (text: string): Failure {
  return { code: 'FMS_ERR_UNAVAILABLE', text }
}

function errorOf ({ code, text }: Failure): PlatformError {
  return code === 'FMS_ERR_UNAVAILABLE' ? unavailable(text) : platformError(code, text)
}
