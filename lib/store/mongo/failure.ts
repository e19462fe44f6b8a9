import { withDeadline } from '../../deadline.ts'
import { messageOf, type PlatformError, platformError, unavailable as failing } from '../../errors.ts'

/** A call waits this long for the database, and no longer: it would rather fail, and be repeated. Elections take some 2 s. */
export const DEADLINE_MS = 3_000

/** The same for what is large: all owners at the start, or 12 MB of a module over a slow line. */
export const LONG_DEADLINE_MS = 30_000

/** A start without a server fails after this: two elections, and less than what supervisors of processes wait for a start. */
export const SERVER_SELECTION_MS = 5_000

/** Of the driver that is ours, or the host's: by name, since two copies of a class are two classes. */
export function isDuplicate (error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 11000
}

/** The database is out of reach, or too slow; it may be there in a second. */
export function notNow (message: string): PlatformError {
  return failing(`MongoDB: ${message}`)
}

/** Anything that the driver or the server says while the app runs: it may pass. Our own mistakes stay what they are. */
export function unavailable (error: unknown): unknown {
  return error instanceof Error && /^(Mongo|BSON)/.test(error.name) ? notNow(messageOf(error)) : error
}

/** Ends the wait where the driver does not: one of the host's may be too old to know `timeoutMS`. */
export async function within<T> (ms: number, work: Promise<T>): Promise<T> {
  try {
    return await withDeadline(ms + 500, () => work, () => notNow(`no answer within ${ms} ms`))
  } catch (error) {
    throw unavailable(error)
  }
}

/** What a start without a usable database fails with: what was expected, what was found, what to do. No password is in it. */
export function cannotOpen (error: unknown, expected: string, { url = '', password }: { readonly url?: string, readonly password?: string } = {}): PlatformError {
  const secrets = [password, /:\/\/[^:@/]*:(.*)@/.exec(url)?.[1]].filter(secret => secret !== undefined && secret !== '')
  const found = secrets.reduce<string>((text, secret) => text.replaceAll(secret!, '***'), messageOf(error))
  return platformError('FMS_ERR_STORE', `expected ${expected}; found: ${found}; ${adviceFor(error)}`)
}

function adviceFor (error: unknown): string {
  const { name, code } = error instanceof Error ? error as Error & { code?: unknown } : { name: '', code: undefined }
  if (code === 18 || code === 8000 || /auth/i.test(messageOf(error))) {
    return 'check the user of MONGO_URL, or MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD, the database that knows it (MONGO_INITDB_DATABASE) and MONGO_AUTH_MECHANISM'
  }
  if (code === 13) return 'give the user the role readWrite on that database'
  if (/^Mongo(Parse|InvalidArgument|API|Runtime)Error$/.test(name)) return 'correct MONGO_URL'
  return 'check MONGO_URL, that a MongoDB (4.4 or later) runs there, and that this machine reaches it'
}
