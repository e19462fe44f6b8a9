import { getNextTimer, setNextTimer } from './outbox.ts'
import { report } from './log.ts'
import { apply, list, mapDelete, mapForEach, mapGet, mapSet, mapSize, max, now, NumberOf, RangeErrorConstructor, TypeErrorConstructor } from './primordials.ts'

/** More is no use of timers but of memory. */
const TIMERS_MAX = 1_000
/** As in browsers: a delay beyond is none, and timers that set timers wait at least this long from the sixth on. */
const DELAY_MAX = 2 ** 31 - 1
const NESTED_DELAY_MIN = 4
const NESTING_FREE = 5

interface Timer {
  readonly id: number
  readonly callback: Function
  readonly values: readonly unknown[]
  readonly interval: number | undefined
  readonly nesting: number
  due: number
}

const timers = new Map<number, Timer>()
let lastId = 0
let nesting = 0

export function setTimeout (callback: unknown, delay?: unknown, ...values: unknown[]): number {
  return add('setTimeout', callback, delay, values, false)
}

export function setInterval (callback: unknown, delay?: unknown, ...values: unknown[]): number {
  return add('setInterval', callback, delay, values, true)
}

export function clearTimeout (id?: unknown): void {
  mapDelete(timers, NumberOf(id))
}

export function clearInterval (id?: unknown): void {
  clearTimeout(id)
}

export function queueMicrotask (callback: unknown): void {
  if (typeof callback !== 'function') throw new TypeErrorConstructor('queueMicrotask needs a function')
  void runLater(callback)
}

/** What awaits needs no `then` that a guest may have changed, and this promise is never rejected. */
async function runLater (callback: Function): Promise<void> {
  await undefined
  run(callback, list())
}

function add (name: string, callback: unknown, delay: unknown, values: readonly unknown[], repeats: boolean): number {
  if (typeof callback !== 'function') throw new TypeErrorConstructor(`${name} needs a function`)
  if (mapSize(timers) >= TIMERS_MAX) throw new RangeErrorConstructor(`there may be ${TIMERS_MAX} timers at once`)
  const given = NumberOf(delay)
  const wanted = given >= 1 && given <= DELAY_MAX ? given : 1
  const milliseconds = nesting >= NESTING_FREE ? max(wanted, NESTED_DELAY_MIN) : wanted
  const due = now() + milliseconds
  const timer: Timer = { id: ++lastId, callback, values, interval: repeats ? milliseconds : undefined, nesting: nesting + 1, due }
  mapSet(timers, timer.id, timer)
  const next = getNextTimer()
  if (next === 0 || due < next) setNextTimer(due)
  return timer.id
}

/** Runs what is due, in order; what that sets for now comes with the next turn. */
export function runTimers (): void {
  const due = takeDue()
  for (let i = 0; i < due.length; i++) {
    const timer = due[i] as Timer
    // One that ran before may have cleared it.
    if (mapGet(timers, timer.id) !== timer) continue
    nesting = timer.nesting
    if (timer.interval === undefined) mapDelete(timers, timer.id)
    else repeat(timer, timer.interval)
    run(timer.callback, timer.values)
  }
  nesting = 0
  setNextTimer(earliest())
}

function repeat (timer: Timer, interval: number): void {
  const pause = timer.nesting >= NESTING_FREE ? max(interval, NESTED_DELAY_MIN) : interval
  mapSet(timers, timer.id, { ...timer, nesting: timer.nesting + 1, due: now() + pause })
}

function takeDue (): Timer[] {
  const due = list<Timer>()
  const time = now()
  mapForEach(timers, timer => {
    if (timer.due > time) return
    // There are few: each is moved to its place, those of one time in the order in which they were set.
    let at = due.length
    for (; at > 0 && (due[at - 1] as Timer).due > timer.due; at--) due[at] = due[at - 1] as Timer
    due[at] = timer
  })
  return due
}

function earliest (): number {
  let next = 0
  mapForEach(timers, ({ due }) => { if (next === 0 || due < next) next = due })
  return next
}

function run (callback: Function, values: readonly unknown[]): void {
  try {
    apply(callback, undefined, values)
  } catch (error) {
    report(error)
  }
}
