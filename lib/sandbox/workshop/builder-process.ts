import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { FrameReader, BUILDER_VERSION, FromBuilder, pack, ToBuilder, type Reply } from '../builder/protocol.ts'
import type { Outfit } from './builder-program.ts'
import type { Wall, Walled } from '../layers.ts'
import { encodeFrame, type Frame } from '../protocol.ts'
import { Refusal, type Shelf } from './staging.ts'

const askSchema = Type.Object({
  number: Type.Integer({ minimum: 0 }), what: Type.Union([Type.Literal('list'), Type.Literal('read')]), path: Type.String({ maxLength: 4096 })
})

/** Node, the snapshot and esbuild start in half a second; a loaded machine may take long. */
const START_MS = 20_000

/** esbuild takes 5 ms for most modules, as most archives do; one that takes longer was made for that. */
const BUNDLE_MS = 10_000

/** Beyond the time that isolates give themselves (builder/isolates.ts), which some native loops ignore; a second try has twice that. */
const GRACE_MS = 3_000
const RUN_MS: Readonly<Record<number, number>> = { [ToBuilder.BUILD]: 2_000, [ToBuilder.CHECK]: 10_000 }

/** What ends a task, beside FAILED. */
const ANSWERS: Readonly<Record<number, number>> = {
  [ToBuilder.BUILD]: FromBuilder.BUILT, [ToBuilder.CHECK]: FromBuilder.CHECKED, [ToBuilder.UNPACK]: FromBuilder.UNPACKED
}

/** How often a builder with work is looked at: what allocates without end makes 1 GB in less than a second. */
const WATCH_MS = 100

const MB = 1024 * 1024

/** Node, esbuild's answers and an isolate of the default size need 250 MB; a module that is described has no need of more. */
const MEMORY_BYTES = 1024 * MB

/** V8 takes 515 MB of address space for the code of each isolate, which the system counts as data; one may still be going. */
const DATA_BYTES = MEMORY_BYTES + 3 * 520 * MB

export interface Task {
  /** BUILD or CHECK; UNPACK, of an unpacker. */
  readonly type: number
  readonly payload: Buffer | string
  /** What it may ask for. */
  readonly shelf?: Shelf
}

/** The process ended before it had answered. */
export class Lost extends Error {
  /** Whether it was this task's module that ran. */
  readonly guilty: boolean

  constructor (message: string, guilty: boolean) {
    super(message)
    this.guilty = guilty
  }
}

interface Running {
  readonly task: Task
  deadline: number
  begun: boolean
  readonly resolve: (answer: Frame) => void
  readonly reject: (error: Lost) => void
}

/** The host's side of one builder, or unpacker. */
export class BuilderProcess {
  readonly #child: Walled
  readonly #running = new Map<number, Running>()
  readonly #reader = new FrameReader()
  readonly #ready = Promise.withResolvers<void>()
  #last = 0
  #alone = false
  #ended: string | undefined
  #watch: NodeJS.Timeout | undefined

  private constructor (child: Walled) {
    this.#child = child
    child.socket.on('data', (chunk: Buffer) => this.#read(chunk))
    child.socket.on('error', () => this.#end('its socket failed'))
    child.exited.then(({ code, signal }) => this.#end(`it ended (${signal ?? code})`), () => this.#end('it ended'))
  }

  /**
   * @param humble others go first where processors are short
   * @throws why it cannot be used
   */
  static async start (wall: Wall, { program, tools }: Outfit, humble: boolean): Promise<BuilderProcess> {
    const child = await wall.start(program)
    const builder = new BuilderProcess(child)
    const late = setTimeout(() => builder.#end(`it was not ready within ${START_MS / 1000} s`), START_MS)
    try {
      child.socket.write(encodeFrame(ToBuilder.HELLO, BUILDER_VERSION, JSON.stringify(tools)))
      await builder.#ready.promise
      await child.limitData(DATA_BYTES)
      if (humble) child.lowerPriority()
      return builder
    } catch (error) {
      builder.kill()
      throw new Error(`${(error as Error).message}; ${child.lastWords()}`)
    } finally {
      clearTimeout(late)
    }
  }

  get busy (): number {
    return this.#running.size
  }

  get ended (): boolean {
    return this.#ended !== undefined
  }

  /** Whether what it has may be given no company. */
  get alone (): boolean {
    return this.#alone && this.busy > 0
  }

  /**
   * @param alone no other task may be given until it is done
   * @throws {Lost}
   */
  async run (task: Task, alone: boolean): Promise<Frame> {
    if (this.#ended !== undefined) throw new Lost(this.#ended, false)
    this.#alone = alone
    const id = ++this.#last
    const { promise, resolve, reject } = Promise.withResolvers<Frame>()
    this.#running.set(id, { task, deadline: Date.now() + BUNDLE_MS, begun: false, resolve, reject })
    this.#watch ??= setInterval(() => this.#look(), WATCH_MS)
    this.#child.socket.write(encodeFrame(task.type, id, task.payload))
    return await promise
  }

  kill (): void {
    this.#end('it was stopped')
  }

  #read (chunk: Buffer): void {
    if (this.#ended !== undefined) return
    try {
      this.#reader.read(chunk, frame => this.#take(frame))
    } catch (error) {
      this.#end(`it answered garbage: ${(error as Error).message}`)
    }
  }

  #take (frame: Frame): void {
    if (this.#ended !== undefined) return
    if (frame.type === FromBuilder.READY && frame.id === BUILDER_VERSION) return this.#ready.resolve()
    const running = this.#running.get(frame.id)
    if (running === undefined) throw new Error('an answer to nothing')
    if (frame.type === FromBuilder.BEGUN && running.task.type in RUN_MS) {
      running.begun = true
      running.deadline = Date.now() + (RUN_MS[running.task.type] as number) + GRACE_MS
      return
    }
    if (frame.type === FromBuilder.ASK && running.task.shelf !== undefined) return this.#reply(frame, running.task.shelf)
    if (frame.type !== FromBuilder.FAILED && frame.type !== ANSWERS[running.task.type]) throw new Error('an answer to something else')
    this.#running.delete(frame.id)
    this.#rest()
    running.resolve(frame)
  }

  #reply ({ id, payload }: Frame, shelf: Shelf): void {
    const ask = JSON.parse(payload.toString()) as unknown
    if (!Value.Check(askSchema, ask)) throw new Error('a question that is none')
    const { number, what, path } = ask
    let reply: Reply = { number }
    let contents: Buffer[] = []
    try {
      if (what === 'list') reply = { number, listing: shelf.list(path) }
      else contents = [shelf.read(path)]
    } catch (error) {
      // Anything else would tell of the host.
      reply = { number, refused: error instanceof Refusal ? error.message : 'cannot be read' }
    }
    this.#child.socket.write(encodeFrame(ToBuilder.REPLY, id, pack(reply, contents)))
  }

  #look (): void {
    if (this.#child.residentBytes() > MEMORY_BYTES) return this.#end('it took too much memory')
    const now = Date.now()
    for (const running of this.#running.values()) {
      if (running.deadline > now) continue
      // Whatever else it has, this is what it does not get done with.
      const [message, seconds] = running.begun ? ['it does not end', RUN_MS[running.task.type] as number] : [`it takes too long to ${running.task.type === ToBuilder.UNPACK ? 'unpack' : 'bundle'}`, BUNDLE_MS]
      return this.#end(`${message}: it was killed after ${seconds / 1000} s`, running)
    }
  }

  #end (reason: string, culprit?: Running): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    this.#ready.reject(new Error(reason))
    // Nobody may be waiting for it.
    this.#ready.promise.catch(() => {})
    this.#child.kill()
    this.#child.socket.destroy()
    const all = [...this.#running.values()]
    this.#running.clear()
    this.#rest()
    for (const running of all) running.reject(new Lost(reason, running === culprit || (culprit === undefined && running.begun)))
  }

  #rest (): void {
    if (this.#running.size > 0) return
    clearInterval(this.#watch)
    this.#watch = undefined
  }
}
