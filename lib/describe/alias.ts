import { isReservedName, namePattern } from '../names.ts'
import { show } from '../show.ts'

/** What is wrong with a module's `__alias__`, or undefined. */
export function aliasProblem (alias: unknown): string | undefined {
  if (typeof alias !== 'string' || !namePattern.test(alias) || alias.startsWith('__')) {
    return `__alias__: expected letters, digits, "-" and "_", not beginning with "__"; found ${show(alias)}`
  }
  return isReservedName(alias) ? `__alias__: ${show(alias)} is reserved; choose another` : undefined
}
