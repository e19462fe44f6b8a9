import type { IncomingHttpHeaders } from 'node:http'
import { CommandError, EXIT } from './command.ts'

/** A server allows for 5 s; its `date` leaves out what is less than one. */
const CLOCKS_APART_SECS = 4

export interface Answer {
  readonly status: number
  readonly statusText: string
  readonly headers: IncomingHttpHeaders
  /** When it was asked for, and when it came. */
  readonly between: readonly [number, number]
  /** Parsed where it is JSON. */
  readonly body: unknown
}

/** A refusal by the server. */
export class Refusal extends CommandError {
  readonly status: number
  /** There is no such endpoint, unlike where an endpoint does not know what it was asked for. */
  readonly isNowhere: boolean

  constructor (message: string, exitCode: number, answer: Answer) {
    super(message, exitCode)
    this.status = answer.status
    this.isNowhere = answer.status === 404 && isUndefined(answer)
  }
}

/** What an answer that is no success means, and what to do. */
export function failureOf (answer: Answer, url: URL, kid: string): Refusal {
  const { status, headers: { location, 'retry-after': after } } = answer
  const place = url.origin + url.pathname
  const said = saidBy(answer)
  if (status < 400) {
    return new Refusal(`${place} leads to ${location ?? 'another place'}. A token is for one URL: give that one, with its prefix, by --url.`, EXIT.failed, answer)
  }
  if (status === 401) return new Refusal(refusedKey(kid, url, answer), EXIT.refused, answer)
  if (status === 404 && isUndefined(answer)) {
    return new Refusal(`There is nothing at ${place}: ${said}
Look whether --url ends with the server's prefix, and whether there ADMIN_SECRET is set (else management is closed), UPLOADS is not off,
MULTI_TENANT is true (for tenants), and the owner is known and enabled.`, EXIT.failed, answer)
  }
  if (status === 422) return new Refusal(said, EXIT.broken, answer)
  const again = after !== undefined && /^\d+$/.test(after) ? ` Try again in ${after} s.` : ''
  return new Refusal(`The server refused (${status}): ${said}${again}`, EXIT.failed, answer)
}

/** What it means that there was no answer. */
export function lost (error: unknown, url: URL, { isLate, isSafe }: { isLate: boolean, isSafe: boolean }): CommandError {
  const { code = '', message } = error as NodeJS.ErrnoException
  const text = isLate
    ? `No answer from ${url.origin} in time.`
    : reasons[code]?.(url) ?? (/CERT|SSL|TLS/.test(code)
      ? `${url.origin} shows no certificate that is trusted here (${code}). Name the authority in NODE_EXTRA_CA_CERTS.`
      : `The connection to ${url.origin} was lost (${code || message}).`)
  const isBefore = Object.hasOwn(reasons, code) || /CERT|SSL|TLS/.test(code)
  return new CommandError(isSafe || isBefore ? text : `${text} ${doubt}`, EXIT.unreachable)
}

/** What it means that nobody waited for the answer to a request that changes something. */
export function interrupted ({ message, exitCode }: CommandError): CommandError {
  return new CommandError(`${message} ${doubt}`, exitCode)
}

/** A server that did not get the whole of a request has done nothing; who did not get the answer cannot tell. */
const doubt = 'Whether it was done is not known: look with `versions` or `tenants list`, or call this again. A `deploy` does only what is left to do.'

/** Before anything was sent. */
const reasons: Readonly<Record<string, (url: URL) => string>> = {
  ECONNREFUSED: ({ origin }) => `No server answers at ${origin}. Start it (fastify-microservices start), or say where it is by --url or MICROSERVICES_URL.`,
  ENOTFOUND: ({ hostname }) => `There is no host ${hostname}. Look at --url or MICROSERVICES_URL, and at the network.`,
  EAI_AGAIN: ({ hostname }) => `The name ${hostname} cannot be looked up now. Look at the network, and at --url or MICROSERVICES_URL.`,
  EHOSTUNREACH: ({ origin }) => `There is no way to ${origin}. Look at the network.`,
  ENETUNREACH: ({ origin }) => `There is no way to ${origin}. Look at the network.`
}

function refusedKey (kid: string, { origin }: URL, { headers: { date = '' }, between: [asked, came] }: Answer): string {
  const told = Date.parse(date)
  // Where the server answered slowly, its clock was read at some time in between.
  const apart = Math.round((Math.min(Math.max(told, asked), came) - told) / 1000)
  if (Math.abs(apart) >= CLOCKS_APART_SECS) {
    return `The server refused the key ${kid} (401), and the clock here is ${durationOf(Math.abs(apart))} ${apart > 0 ? 'ahead of' : 'behind'} the server's. A token lives for seconds: set the clock.`
  }
  return `The server refused the key ${kid} (401). ${Number.isNaN(apart) ? 'Look whether' : 'The clocks agree. Look whether'}
- it is a manage key, was not removed, and its owner is enabled,
- it is a key of this server (${origin}),
- the server knows itself by that name: its PUBLIC_URL, else the host that it is asked by, must be what --url says,
- its TOKEN_TTL_SECS is 30 or more.`
}

function durationOf (seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${(seconds / 3600).toFixed(1)} h`
}

function saidBy ({ statusText, body }: Answer): string {
  const { message } = (typeof body === 'object' && body !== null ? body : {}) as { message?: unknown }
  return typeof message === 'string' && message !== '' ? message : statusText || 'no reason given'
}

/** The platform knows no such endpoint; or it is not the platform that answers. */
function isUndefined ({ body }: Answer): boolean {
  const { code, message } = (typeof body === 'object' && body !== null ? body : {}) as { code?: unknown, message?: unknown }
  return code === 'FMS_ERR_UNDEFINED' || typeof message !== 'string' || /^Route /.test(message)
}
