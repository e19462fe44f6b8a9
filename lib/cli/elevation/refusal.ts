import { CommandError } from '../command.ts'

/** Says what stands in the way of an elevation, and what the operator may do about it. */
export function refuse (message: string): never {
  throw new CommandError(message)
}
