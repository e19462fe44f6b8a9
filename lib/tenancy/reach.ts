import { isPlatformError, messageOf, platformError, type PlatformError } from '../errors.ts'

// A store answers within milliseconds, and gives up by itself. This is for one that does not.
const DEADLINE_MS = 10_000
const RETRY_AFTER_SECS = '1'

/**
 * What a store answers, by a deadline.
 *
 * @throws `FMS_ERR_UNAVAILABLE`, whatever else a store of the host's may throw; `FMS_ERR_STORE` as it is
 */
export async function reach<T> (ask: () => Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the store did not answer within ${deadlineMs / 1000} s`)), deadlineMs)
  })
  try {
    return await Promise.race([ask(), late])
  } catch (error) {
    throw isPlatformError(error) && error.code === 'FMS_ERR_STORE' ? error : unavailable(error)
  } finally {
    clearTimeout(timer)
  }
}

function unavailable (thrown: unknown): PlatformError {
  const error = isPlatformError(thrown) ? thrown : Object.assign(platformError('FMS_ERR_UNAVAILABLE', messageOf(thrown)), { cause: thrown })
  error.headers ??= { 'retry-after': RETRY_AFTER_SECS }
  return error
}
