import type { Exception } from '../exception.ts'

/**
 * Calls a capability of the cell: see child/capabilities.ts. Guest code must not get hold of it, so it is only ever called
 * by its name here, and never handed to anything.
 */
export type Host = (name: string, text: string) => string

/** What another part exports, loaded by the first who asks: its classes are the same for all, whatever guest code made of the globals. */
export type Part = (name: string) => Record<string, unknown>

/** Those of the part that this file is bundled into. */
export let host: Host
export let part: Part

export function connect (itsHost: Host, itsPart: Part): void {
  host = itsHost
  part = itsPart
}

export function exception (message: string, name: string): Error {
  const { DOMException } = part('exception') as Exception
  const error = new DOMException(message, name)
  // The frames of who threw it are the interesting ones; this one's are not.
  Error.captureStackTrace(error, exception)
  return error
}
