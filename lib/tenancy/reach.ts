import { withDeadline } from '../deadline.ts'
import { isPlatformError, messageOf, unavailable } from '../errors.ts'

// A store answers within milliseconds, and gives up by itself. This is for one that does not.
const DEADLINE_MS = 10_000

/**
 * What a store answers, by a deadline.
 *
 * @throws `FMS_ERR_UNAVAILABLE`, whatever else a store of the host's may throw; `FMS_ERR_STORE` as it is
 */
export async function reach<T> (ask: () => Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
  try {
    return await withDeadline(deadlineMs, ask, () => new Error(`the store did not answer within ${deadlineMs / 1000} s`))
  } catch (error) {
    if (!isPlatformError(error)) throw unavailable(messageOf(error), { cause: error })
    // A store of the host's may throw ours without them.
    if (error.code === 'FMS_ERR_UNAVAILABLE') error.headers ??= unavailable('').headers!
    throw error
  }
}
