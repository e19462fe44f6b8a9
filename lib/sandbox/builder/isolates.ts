import type ivm from 'isolated-vm'
import { capabilities } from '../child/capabilities.ts'
import { JobFailure, UnexplainedFailure } from './failure.ts'
import type { Tools } from './protocol.ts'

/** A module's top level, and the reading of its descriptors. A hundred times what the largest real ones take. */
const DESCRIBE_MS = 2_000

/** The schemas of all endpoints of a module, at 2 to 5 ms each. */
const CHECK_MS = 10_000

/** What our own script and TypeBox take beside what the module may use. */
const OWN_MB = 32

/** Shares of its time that an isolate has really run when the module, not the machine, was slow. */
const BUSY = 0.8

/**
 * Runs our scripts for one module at a time, in an isolate that is made for it and has nothing of others in it. Snapshots
 * hold the scripts as they are after they have run once: Ajv alone takes 60 ms until then.
 */
export class Isolates {
  readonly #ivm: Ivm
  readonly #tools: Tools
  readonly #describer: Snapshot
  #fullDescriber: Snapshot | undefined
  #checker: Snapshot | undefined

  constructor (isolatedVm: Ivm, tools: Tools) {
    this.#ivm = isolatedVm
    this.#tools = tools
    this.#describer = this.#snapshot(withPrelude(tools.describer, tools))
  }

  /**
   * @param begin called before each try: another one follows where it was not clearly the module that failed
   * @throws {JobFailure}
   */
  describe (code: string, memoryMb: number, begin: () => void): string {
    try {
      begin()
      return this.#describe(code, memoryMb, DESCRIBE_MS)
    } catch (error) {
      const worthAnother = error instanceof UnexplainedFailure || (error instanceof JobFailure && error.failure.fault === 'system')
      if (!worthAnother) throw error
      begin()
      return this.#describe(code, memoryMb, 2 * DESCRIBE_MS)
    }
  }

  #describe (code: string, memoryMb: number, timeout: number): string {
    const describer = code.includes('require("@sinclair/typebox/')
      ? this.#fullDescriber ??= this.#snapshot(withPrelude(this.#tools.fullDescriber, this.#tools))
      : this.#describer
    return this.#run(describer, code, {
      memoryMb, timeout, doing: 'run its top level', furnish: context => this.#furnish(context)
    })
  }

  /** @throws {JobFailure} */
  writeChecks (schemas: string, memoryMb: number): string {
    this.#checker ??= this.#snapshot(this.#tools.checker)
    return this.#run(this.#checker, schemas, { memoryMb, timeout: CHECK_MS, doing: 'compile its schemas' })
  }

  #run (from: Snapshot, text: string, { memoryMb, timeout, doing, furnish }: Run): string {
    const isolate = new this.#ivm.Isolate({ memoryLimit: memoryMb + OWN_MB, snapshot: from })
    try {
      const context = isolate.createContextSync()
      const tool = take<(text: string) => string>(context, 'tool')
      furnish?.(context)
      const before = isolate.cpuTime
      const start = performance.now()
      try {
        return tool.applySync(undefined, [text], { timeout, result: { copy: true } }) as string
      } catch (error) {
        const busyMs = isolate.isDisposed ? Infinity : Number(isolate.cpuTime - before) / 1e6
        throw failureOf(error, { memoryMb, timeout, doing, busyMs, tookMs: performance.now() - start })
      }
    } finally {
      if (!isolate.isDisposed) isolate.dispose()
    }
  }

  #snapshot (code: string): Snapshot {
    return this.#ivm.Isolate.createSnapshot([{ code }])
  }

  /** The globals that a module finds where it will run. */
  #furnish (context: ivm.Context): void {
    const { parts } = this.#tools.prelude
    const host = new this.#ivm.Callback((name: string, text: string) => name.startsWith('part:') ? parts[name.slice('part:'.length)] : capabilities[name]?.(text))
    const configuration = { owner: '', module: '', environment: {}, responseBytes: 0, logBytes: 0, webAssembly: false }
    take<(host: unknown, configuration: string) => void>(context, 'furnish').applySync(undefined, [host, JSON.stringify(configuration)])
  }
}

/** What a snapshot has as a global, for us alone. */
function take<T extends (...values: never[]) => unknown> (context: ivm.Context, name: string): ivm.Reference<T> {
  const found = context.global.getSync(name, { reference: true }) as ivm.Reference<T>
  context.global.deleteSync(name)
  return found
}

interface Run {
  readonly memoryMb: number
  readonly timeout: number
  /** For messages. */
  readonly doing: string
  furnish? (context: ivm.Context): void
}

export type Ivm = typeof ivm
type Snapshot = ivm.ExternalCopy<ArrayBuffer>

/** The prelude's core waits in it as a function, since it takes hold of the isolate that it runs in. */
function withPrelude (script: string, { prelude }: Tools): string {
  return `${script}; globalThis.furnish = function (host, configuration) {${prelude.core}\n}`
}

function failureOf (error: unknown, { memoryMb, timeout, doing, busyMs, tookMs }: Run & { busyMs: number, tookMs: number }): JobFailure {
  const text = String((error as Error).message)
  // The module may throw an error of the same words; but not so late.
  if (text === 'Script execution timed out.' && tookMs >= timeout) {
    const fault = busyMs < timeout * BUSY ? 'system' : 'module'
    return new JobFailure({ fault, message: `it took more than ${timeout / 1000} s to ${doing}` })
  }
  if (/memory limit|disposed/i.test(text)) return new JobFailure({ message: `it took more than ${memoryMb} MB of memory (limit memoryMb) to ${doing}` })
  // The rest comes from isolated-vm, or from what the module has done to the isolate: it was seen once in thousands of runs.
  return new UnexplainedFailure({ message: `it was not possible to ${doing}: ${JSON.stringify(text.slice(0, 200))}` })
}
