import ivm from 'isolated-vm'
import type { Failed, GuestLimits, Hello, Load } from '../protocol.ts'
import { capabilities } from './capabilities.ts'
import type { Configuration } from './prelude/configuration.ts'
import { LOAD_FAILED, type Outbox } from './prelude/kinds.ts'

/** Without the module's own code, an isolate is made in a few milliseconds; more means that the machine is at its end. */
const CREATE_MS = 10_000
/** Fixed text of isolated-vm. A guest that throws it gets the isolate that it asks for. */
const TIMED_OUT = 'Script execution timed out.'
/** What it makes of a value that is no error: it is not for tenants. */
const NO_ERROR = 'An object was thrown from supplied code within isolated-vm, but that object was not an instance of `Error`.'
const MB = 1024 * 1024

/** The end of an isolate. */
export class Fatal extends Error {
  readonly reason: Failed['reason']

  constructor (reason: Failed['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** An isolate that is nobody's yet, with the core's function in it. */
interface Blank {
  readonly isolate: ivm.Isolate
  readonly start: ivm.Reference
  readonly memoryMb: number
}

/** What all isolates of a cell are made of. */
export class Mould {
  readonly #source: string
  readonly #parts: ReadonlyMap<string, string>
  /** V8's own form of the compiled core, made before the first guest. Never of what a tenant wrote. */
  #cached: ivm.ExternalCopy<ArrayBuffer> | undefined
  #spare: Blank | undefined
  #spareMb = 0

  constructor ({ core, parts }: Hello) {
    this.#source = `(function (host, configuration) {${core}\n})`
    this.#parts = new Map(Object.entries(parts))
    // Before anybody waits for one: the first isolate takes 20 ms, since it has much of V8 loaded.
    this.#make(8).isolate.dispose()
  }

  /** An isolate of this size: the spare one, or a new one. */
  take (memoryMb: number): Blank {
    const spare = this.#spare
    this.#spare = undefined
    this.#spareMb = memoryMb
    if (spare?.memoryMb === memoryMb) return spare
    spare?.isolate.dispose()
    return this.#make(memoryMb)
  }

  /** Makes an isolate like the last one taken, for whoever comes next: that is most of what a first call waits for. */
  prepare (): void {
    if (this.#spareMb !== 0) this.#spare ??= this.#make(this.#spareMb)
  }

  part (name: string): string | undefined {
    return this.#parts.get(name)
  }

  #make (memoryMb: number): Blank {
    const isolate = new ivm.Isolate({ memoryLimit: memoryMb })
    try {
      const context = isolate.createContextSync()
      const start = this.#cast(isolate, context)
      context.release()
      return { isolate, start, memoryMb }
    } catch (error) {
      isolate.dispose()
      throw error
    }
  }

  /** The core's function in an isolate. */
  #cast (isolate: ivm.Isolate, context: ivm.Context): ivm.Reference {
    const how = this.#cached === undefined ? { produceCachedData: true } : { cachedData: this.#cached }
    const script = isolate.compileScriptSync(this.#source, { filename: 'prelude/core.js', ...how })
    this.#cached ??= (script as ivm.CachedDataResult).cachedData
    return script.runSync(context, { reference: true, release: true })
  }
}

/** One isolate, with its module. */
export class Guest {
  readonly limits: GuestLimits
  readonly #isolate: ivm.Isolate
  readonly #dispatch: ivm.Reference
  readonly #options: { readonly result: { readonly copy: true }, readonly timeout: number }

  /** @throws {Fatal} */
  constructor (load: Load, mould: Mould) {
    this.limits = load.limits
    this.#options = { result: { copy: true }, timeout: load.limits.turnMs }
    let blank: Blank | undefined
    try {
      blank = mould.take(load.limits.memoryMb)
      const host = makeHost(load, mould)
      this.#dispatch = blank.start.applySync(undefined, [host, configurationOf(load)], { result: { reference: true }, timeout: CREATE_MS }) as ivm.Reference
      blank.start.release()
      this.#isolate = blank.isolate
    } catch (error) {
      blank?.isolate.dispose()
      throw new Fatal('crash', `an isolate could not be made: ${messageOf(error)}`)
    }
  }

  /**
   * Evaluates the module.
   *
   * @throws {Fatal} of reason `load`
   */
  start (lost: (message: string) => void): Outbox {
    try {
      const outbox = this.turn('', lost)
      for (let i = 1; i < outbox.length; i += 3) {
        if (outbox[i + 1] === LOAD_FAILED) throw new Fatal('load', String(outbox[i + 2]))
      }
      return outbox
    } catch (error) {
      throw new Fatal('load', messageOf(error))
    }
  }

  /**
   * Lets the guest run.
   *
   * @param batch JSON: see prelude/dispatch.ts
   * @param lost takes the message of a promise that was rejected and that nobody handles
   * @throws {Fatal}
   */
  turn (batch: string, lost: (message: string) => void): Outbox {
    try {
      return this.#apply(batch)
    } catch (error) {
      this.#examine(error)
      lost(error instanceof Error && error.message !== NO_ERROR ? error.message : 'a value that is no Error')
    }
    try {
      // Such a promise cost this turn its result, which the guest has kept.
      return this.#apply('')
    } catch (error) {
      this.#examine(error)
      throw new Fatal('crash', 'its isolate is out of order')
    }
  }

  #apply (batch: string): Outbox {
    return checked(this.#dispatch.applySync(undefined, [batch], this.#options))
  }

  /** @throws {Fatal} unless the isolate can go on */
  #examine (error: unknown): void {
    const { memoryMb, turnMs } = this.limits
    if (error instanceof Fatal) throw error
    if (this.#isolate.isDisposed) throw new Fatal('memory', `it used more than ${memoryMb} MB`)
    if (messageOf(error) === TIMED_OUT) throw new Fatal('timeout', `it ran for more than ${turnMs} ms without a wait`)
  }

  /** Bytes of heap and buffers. */
  bytes (): number {
    if (this.#isolate.isDisposed) return 0
    const statistics = this.#isolate.getHeapStatisticsSync()
    return statistics.used_heap_size + statistics.externally_allocated_size
  }

  /** @throws {Fatal} when it keeps more than it may: isolated-vm looks only where it collects garbage or allocates buffers */
  checkMemory (): void {
    if (this.bytes() <= this.limits.memoryMb * MB) return
    try {
      // To compile makes isolated-vm collect what is garbage, look again, and dispose of an isolate that is still too large.
      this.#isolate.compileScriptSync('').release()
    } catch (error) {
      this.#examine(error)
    }
  }

  dispose (): void {
    if (!this.#isolate.isDisposed) this.#isolate.dispose()
  }
}

function configurationOf ({ owner, module, environment, limits }: Load): string {
  const { responseBytes, logBytes, webAssembly } = limits
  return JSON.stringify({ owner, module, environment, responseBytes, logBytes, webAssembly } satisfies Configuration)
}

/** The one function of the cell that a guest's prelude has: what it gives is text. */
function makeHost (load: Load, mould: Mould): (name: unknown, text: unknown) => string {
  // Each is asked for once, and kept no longer: the guest has it.
  const scripts: Record<string, string | undefined> = { module: load.code, checks: load.checks }
  return (name, text) => {
    if (typeof name !== 'string' || typeof text !== 'string') throw new TypeError('expected texts')
    if (name === 'module' || name === 'checks') {
      const script = scripts[name]
      scripts[name] = undefined
      return script ?? ''
    }
    const found = name.startsWith('part:') ? mould.part(name.slice(5)) : Object.hasOwn(capabilities, name) ? capabilities[name]?.(text) : undefined
    if (typeof found !== 'string') throw new TypeError('there is no such thing')
    return found
  }
}

/** It has passed through an isolate that a tenant's code may have broken. */
function checked (value: unknown): Outbox {
  if (!Array.isArray(value) || value.length % 3 !== 1 || typeof value[0] !== 'number') throw new Fatal('crash', 'its isolate gave what is no result')
  for (let i = 1; i < value.length; i += 3) {
    if (!Number.isInteger(value[i]) || !Number.isInteger(value[i + 1]) || typeof value[i + 2] !== 'string') throw new Fatal('crash', 'its isolate gave what is no result')
  }
  return value as Outbox
}

/** isolated-vm has made a new error of what was thrown: to read it runs no guest code. */
export function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
