/**
 * The clock of an isolate goes in whole milliseconds: what it cannot measure it cannot find out about its neighbours. Nor
 * does it go back where the system's clock is set back.
 */
export default function performance (): Clock {
  const timeOrigin = Date.now()
  const dateNow = Date.now
  let last = 0
  const clock = {
    get timeOrigin () { return timeOrigin },
    now: () => {
      last = Math.max(last, dateNow() - timeOrigin)
      return last
    },
    toJSON: () => ({ timeOrigin })
  }
  Object.defineProperty(clock, Symbol.toStringTag, { value: 'Performance', configurable: true })
  return { performance: clock }
}

/** What other parts use of it. */
export interface Clock extends Record<string, unknown> {
  readonly performance: { readonly timeOrigin: number, now (): number }
}
