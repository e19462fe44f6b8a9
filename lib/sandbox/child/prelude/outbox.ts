import { LOG, LOG_WARN, type Outbox } from './kinds.ts'
import { list } from './primordials.ts'

let outbox: Outbox = list()
outbox[0] = 0
let length = 1
let logged = 0
let logLimit = 0

export function setLogLimit (bytes: number): void {
  logLimit = bytes
}

export function getLogLimit (): number {
  return logLimit
}

/** Begins a turn. Its outbox is returned to the cell once no microtask is left, so it may still grow after `dispatch`. */
export function openOutbox (): void {
  const next = outbox[0] as number
  const fresh: Outbox = list()
  fresh[0] = next
  length = 1
  logged = 0
  outbox = fresh
}

export function currentOutbox (): Outbox {
  return outbox
}

export function setNextTimer (time: number): void {
  outbox[0] = time
}

export function getNextTimer (): number {
  return outbox[0] as number
}

export function post (id: number, kind: number, text: string): void {
  const at = length
  // First, so that a stack that ends here leaves no half of an entry where the next one goes.
  length = at + 3
  outbox[at] = id
  outbox[at + 1] = kind
  outbox[at + 2] = text
}

/** Beside its text, what a line costs whoever keeps it. */
const LINE_BYTES = 32

/** Whether lines of log are lost from here on: to format them would be in vain. */
export function isLogFull (): boolean {
  return logged > logLimit
}

/** A line of log, until there are as many bytes of them as a turn may write; the first one beyond says so. */
export function postLog (level: number, call: number, text: string, bytes: number): void {
  if (isLogFull()) return
  logged += bytes + LINE_BYTES
  if (logged <= logLimit) post(call, LOG + level, text)
  else post(call, LOG_WARN, `log cut: a turn may write ${logLimit} bytes`)
}
