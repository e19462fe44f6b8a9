/** Often enough to tell one piece of work from the next. */
const LOOK_MS = 5

/**
 * Watches for how long this thread works in one go. In processor time: on a machine that is shared, the clock counts the
 * others' work too.
 *
 * @returns what ends that, and gives the longest, in milliseconds
 */
export function watchThread (): () => number {
  let longest = 0
  let before = usedMs()
  const look = (): void => {
    const now = usedMs()
    longest = Math.max(longest, now - before)
    before = now
  }
  const timer = setInterval(look, LOOK_MS)
  return () => {
    clearInterval(timer)
    look()
    return longest
  }
}

function usedMs (): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
