import type { GuestCall } from '../../protocol.ts'
import { mapDelete, mapForEach, mapGet, mapSet, mapSize } from './primordials.ts'

/** A call that has begun. */
export interface Call {
  readonly data: GuestCall
  /** Answered, or given up: nothing that comes later counts. */
  done: boolean
  /** Made when the function asks for its signal. */
  controller: { readonly signal: unknown, abort (reason?: unknown): void } | undefined
}

/** Those that wait for something. */
const waiting = new Map<number, Call>()
let running = 0

export function setRunning (id: number): void {
  running = id
}

/** The call whose code runs now, as far as that can be told: code after a wait is known by being the only one. */
export function runningCall (): number {
  if (running !== 0 || mapSize(waiting) !== 1) return running
  let only = 0
  mapForEach(waiting, (_call, id) => { only = id })
  return only
}

export function wait (call: Call): void {
  mapSet(waiting, call.data.id, call)
}

export function getWaiting (id: number): Call | undefined {
  return mapGet(waiting, id)
}

/** Whether the call was still to be answered; afterwards it is not. */
export function close (call: Call): boolean {
  if (call.done) return false
  call.done = true
  mapDelete(waiting, call.data.id)
  return true
}
