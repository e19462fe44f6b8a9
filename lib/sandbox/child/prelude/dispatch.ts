import type { GuestCall } from '../../protocol.ts'
import { close, getWaiting, setRunning, wait, type Call } from './calls.ts'
import { mergeArguments } from './arguments.ts'
import { type Check, checkArguments } from './checks.ts'
import { Context, type Surroundings } from './context.ts'
import { failureLine } from './failure.ts'
import type { Find } from './module.ts'
import { LOAD_FAILED, type Outbox } from './kinds.ts'
import { currentOutbox, openOutbox, post } from './outbox.ts'
import { parse } from './primordials.ts'
import { fail, finish, type Limits } from './result.ts'
import { runTimers } from './timers.ts'

/** What a module is to the dispatcher. */
export interface Guest {
  readonly find: Find
  readonly checks: (name: string) => Check
  readonly surroundings: Surroundings
  readonly limits: Limits
}

/**
 * Makes the one function that the cell calls, once for each turn. A batch is JSON, an array of calls, of ids of calls
 * that are given up, and of 0 for the timers that are due. An empty batch loads the module, or gives the last outbox
 * once more: what a turn did is lost where a promise was rejected that nobody handles, since isolated-vm then throws.
 */
export function makeDispatch (load: () => Guest): (batch: string) => Outbox {
  let guest: Guest | undefined
  return batch => {
    if (batch === '') {
      if (guest === undefined) guest = loadSafely(load)
      return currentOutbox()
    }
    openOutbox()
    const items = parse(batch) as Array<GuestCall | number>
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as GuestCall | number
      if (typeof item !== 'number') begin(item, guest as Guest)
      else if (item === 0) runTimers()
      else cancel(item)
    }
    return currentOutbox()
  }
}

function loadSafely (load: () => Guest): Guest | undefined {
  try {
    return load()
  } catch (error) {
    post(0, LOAD_FAILED, failureLine(error))
    return undefined
  }
}

function begin (data: GuestCall, { find, checks, surroundings, limits }: Guest): void {
  const call: Call = { data, done: false, controller: undefined }
  setRunning(data.id)
  try {
    const handler = find(data.function)
    const check = checks(data.function)
    const args = mergeArguments(data, check.takesArray)
    checkArguments(args, check)
    const value = handler(args, new Context(call, surroundings))
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
      wait(call)
      void settle(call, value, check, limits)
    } else finish(call, value, check, limits)
  } catch (error) {
    fail(call, error)
  }
  setRunning(0)
}

/** To await calls no method that a guest may have changed; this promise is never rejected. */
async function settle (call: Call, result: unknown, check: Check, limits: Limits): Promise<void> {
  let value: unknown
  try {
    value = await result
  } catch (error) {
    fail(call, error)
    return
  }
  finish(call, value, check, limits)
}

function cancel (id: number): void {
  const call = getWaiting(id)
  if (call === undefined) return
  close(call)
  try {
    call.controller?.abort()
  } catch { /* Of a listener: `abort` reports those, unless the guest has changed it. */ }
}
