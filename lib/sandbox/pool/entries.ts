import type { NewLogEntry } from '../../../types/status.ts'
import { type ErrorCode, platformError, type PlatformError } from '../../errors.ts'
import type { Home, Pending, SandboxCall, Tenant } from './call.ts'
import type { LogEntry } from '../protocol.ts'

const WINDOW_MS = 1_000
// A guest may write `logBytes` a turn, and take many turns a second: what it writes beyond this in a second is dropped.
const WINDOW_TURNS = 8
// An entry costs its owner's log more than its text: the time, the names and ids.
const ENTRY_BYTES = 100
const TEXT_LENGTH_MAX = 64 * 1024

type Entry = Pick<NewLogEntry, 'level' | 'message'> & Partial<NewLogEntry>

/** What a guest wrote, for its owner's log. `callOf` finds the call that an entry belongs to. */
export function recordLog (home: Home, entries: readonly LogEntry[], callOf: (id: number) => SandboxCall | undefined): void {
  for (const { level, text, call } of entries) {
    record(home, { level, message: text, ...namesOf(callOf(call)) })
  }
}

/** Refuses a call that broke a limit, or that fell victim to one, and tells its owner. */
export function refuse (pending: Pending, code: ErrorCode, text: string, home = pending.isolate?.home): void {
  refuseWith(pending, platformError(code, text), home)
}

export function refuseWith (pending: Pending, error: PlatformError, home = pending.isolate?.home): void {
  pending.reject(error)
  const { call } = pending
  const code = error.code as NonNullable<NewLogEntry['code']>
  const entry: Entry = { level: 'error', message: error.message, code, ...namesOf(call) }
  if (home !== undefined) record(home, entry)
  else call.tenant.record(complete(call, entry))
}

/** Whether a module has written so much within a second that more of it is dropped, unread. */
export function isCut ({ logged, tenant }: Home): boolean {
  const now = performance.now()
  if (now - logged.since > WINDOW_MS) {
    logged.since = now
    logged.bytes = 0
  }
  return logged.bytes > mostOf(tenant)
}

function mostOf ({ limits }: Tenant): number {
  return WINDOW_TURNS * (limits.logBytes + ENTRY_BYTES)
}

/** Tells the owner of what has no call, or not one only. */
export function record (home: Home, entry: Entry): void {
  if (isCut(home)) return
  const { logged, tenant } = home
  logged.bytes += entry.message.length + ENTRY_BYTES
  if (logged.bytes > mostOf(tenant)) entry = { level: 'warn', message: `log cut: more than ${WINDOW_TURNS * tenant.limits.logBytes} bytes in one second` }
  tenant.record(complete(home, entry))
}

function namesOf (call: SandboxCall | undefined): { api: string, requestId: string } | undefined {
  return call && { api: call.api, requestId: call.requestId }
}

function complete ({ module }: Pick<Home, 'module'>, entry: Entry): NewLogEntry {
  return { time: Date.now(), module: module.name, version: module.version, ...entry, message: entry.message.slice(0, TEXT_LENGTH_MAX) }
}
