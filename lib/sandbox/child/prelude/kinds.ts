import type { LogLevel } from '../../protocol.ts'

/**
 * What a turn gives to the cell: the time at which the next timer is due (0 for none), then three values for each
 * result or line of log: the call's id, a kind, a text.
 */
export type Outbox = Array<number | string>

/** Kinds from here on, beside those of results: lines of log, by level. */
export const LOG = 100
export const LOG_WARN = 103
export const LOG_ERROR = 104
/** The module could not be loaded; the text says why. */
export const LOAD_FAILED = 200
export const levels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
