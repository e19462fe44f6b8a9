import { need } from '../common/interface.ts'

const functions = {
  /** An error that nobody catches: a line in the owner's log. */
  reportError (error: unknown): void {
    need(arguments, 1)
    // eslint-disable-next-line no-console -- the guest's own, by then
    console.error(error)
  }
}

export const { reportError } = functions
