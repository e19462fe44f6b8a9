import type { LogLevel } from '../../protocol.ts'
import { runningCall } from './calls.ts'
import { failureLine } from './failure.ts'
import { format, utf8Length } from './format.ts'
import { levels } from './kinds.ts'
import { getLogLimit, isLogFull, postLog } from './outbox.ts'
import { list, slice } from './primordials.ts'

export const TRACE = 0
export const DEBUG = 1
export const INFO = 2
export const WARN = 3
export const ERROR = 4

/** Values as one line of log. Anything may be logged, also what throws when it is looked at. */
export function formatSafely (values: readonly unknown[]): string {
  try {
    return format(values)
  } catch {
    return '[a value that cannot be shown]'
  }
}

/** Writes values as a line to the owner's log, unless the turn has written all that it may. */
export function writeValues (level: number, before: string, values: readonly unknown[], call: number): void {
  if (!isLogFull()) writeText(level, before + formatSafely(values), call)
}

/** Writes a line to the owner's log, unless the turn has written all that it may. */
export function writeText (level: number, text: string, call: number): void {
  const limit = getLogLimit()
  // One more than fits is enough to see that it does not.
  const shown = text.length > limit ? slice(text, 0, limit + 1) : text
  postLog(level, call, shown, utf8Length(shown))
}

/** Tells the owner of an error that no call failed with: one of a timer's callback, say. */
export function report (thrown: unknown): void {
  writeText(ERROR, `uncaught: ${failureLine(thrown)}`, runningCall())
}

type Write = (...values: unknown[]) => void

/** `context.log`. As for Fastify's logger, an object may come before the message. */
export type ContextLog = Record<LogLevel | 'silent', Write> & { child (): ContextLog, level: string }

export function makeContextLog (call: number): ContextLog {
  const log = { level: 'trace', silent: () => {}, child: () => log } as unknown as ContextLog
  for (let level = 0; level < levels.length; level++) {
    log[levels[level] as LogLevel] = (...values) => writeValues(level, '', messageFirst(values), call)
  }
  return log
}

function messageFirst (values: readonly unknown[]): readonly unknown[] {
  if (values.length < 2 || typeof values[0] !== 'object' || typeof values[1] !== 'string') return values
  const ordered = list<unknown>()
  for (let i = 1; i < values.length; i++) ordered[i - 1] = values[i]
  ordered[values.length - 1] = values[0]
  return ordered
}
