import type { Call } from './calls.ts'
import type { Configuration } from './configuration.ts'
import { decodeBase64 } from './bytes.ts'
import { type ContextLog, makeContextLog } from './log.ts'
import { define, hasOwn, keys } from './primordials.ts'

/** What all calls of an isolate share. */
export interface Surroundings {
  readonly owner: string
  readonly module: string
  readonly environment: Configuration['environment']
  makeController (): NonNullable<Call['controller']>
}

/** What a function knows of its call. Getters, since most functions look at little of it. */
export class Context {
  readonly #call: Call
  readonly #surroundings: Surroundings
  #log: ContextLog | undefined
  #body: { readonly value: unknown } | undefined

  constructor (call: Call, surroundings: Surroundings) {
    this.#call = call
    this.#surroundings = surroundings
  }

  get method (): string { return this.#call.data.method }
  get path (): string { return this.#call.data.path }
  get headers (): object { return this.#call.data.headers }
  get query (): object { return this.#call.data.query }
  get params (): object { return this.#call.data.params }
  get owner (): string { return this.#surroundings.owner }
  get module (): string { return this.#surroundings.module }
  get api (): string { return this.#call.data.api }
  get requestId (): string { return this.#call.data.requestId }
  get env (): object { return this.#surroundings.environment }

  get body (): unknown {
    this.#body ??= { value: bodyOf(this.#call.data) }
    return this.#body.value
  }

  get log (): ContextLog {
    this.#log ??= makeContextLog(this.#call.data.id)
    return this.#log
  }

  get signal (): unknown {
    const call = this.#call
    call.controller ??= this.#surroundings.makeController()
    return call.controller.signal
  }
}

/** The payload as it was sent, but for the `__map__` that was applied. */
function bodyOf (data: Call['data']): unknown {
  if (hasOwn(data, 'bytes')) return decodeBase64(data.bytes as string)
  if (!hasOwn(data, 'payload')) return undefined
  const { payload } = data
  if (!hasOwn(data, 'mapped')) return payload
  const body: Record<string, unknown> = {}
  const names = keys(payload as object)
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    if (name !== '__map__') define(body, name, (payload as Record<string, unknown>)[name], true)
  }
  return body
}
