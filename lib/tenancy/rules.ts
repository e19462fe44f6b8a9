import type { StoredEntry } from '../../types/store.ts'
import { assert } from '../endpoint.ts'
import { check } from '../expected.ts'
import type { Limits } from '../limits.ts'
import { isArgumentName } from '../names.ts'
import { show } from '../show.ts'
import { planSchema } from '../tenants.ts'
import { Secrets } from './secrets.ts'

/** Enough to change keys of several clients one by one; few enough to be read. */
export const KEYS_MAX = 20

const KB = 1024
export const USERID_LENGTH_MAX = 200
export const ENTRY_NAME_LENGTH_MAX = 128
export const ENTRY_BYTES_MAX = 8 * KB
/** An environment is in memory with its tenant, and again in each of its isolates. */
const ENTRIES_MAX = 100
const ENVIRONMENT_BYTES_MAX = 64 * KB

/** @throws an error of 400 */
export function checkUserid (userid: string): void {
  // A lone surrogate would come back from a store as another character.
  const good = userid.isWellFormed() && /^\P{Cc}+$/u.test(userid) && [...userid].length <= USERID_LENGTH_MAX
  assert(good, 400, `userid: expected 1 to ${USERID_LENGTH_MAX} characters without control characters; found ${show(userid)}`)
}

/** @throws an error of 400 */
export function checkPlan (plan: string, plans: ReadonlyMap<string, unknown>): void {
  const expected = plans.size > 0 ? `one of ${[...plans.keys()].join(', ')}` : 'none, since there are no plans'
  assert(plans.has(plan), 400, `plan: expected ${expected}; found ${show(plan)}`)
}

/** @throws an error of 400 */
export function checkLimits (limits: Partial<Limits>, most: Limits): void {
  const problems: string[] = []
  check('limits', planSchema, limits, '', problems)
  for (const [name, value] of Object.entries(limits) as Array<[keyof Limits, number]>) {
    if (value > most[name]) problems.push(`limits.${name}: expected ${most[name]} at most, as the installation allows; found ${value}`)
  }
  assert(problems.length === 0, 400, problems.join('; '))
}

/** @throws an error of 400, or of 409 where it is too much with what is there; values are not quoted: they may be secret */
export function checkEntry (name: string, value: string, entries: Readonly<Record<string, StoredEntry>>): void {
  const good = isArgumentName(name) && name.length <= ENTRY_NAME_LENGTH_MAX
  assert(good, 400, `name: expected 1 to ${ENTRY_NAME_LENGTH_MAX} letters, digits and "_", that begin with no digit and are not constructor or prototype; found ${show(name)}`)
  const bytes = Buffer.byteLength(value)
  assert(value.isWellFormed(), 400, 'value: expected text; found a part of a character (a lone surrogate)')
  assert(bytes <= ENTRY_BYTES_MAX, 400, `value: expected ${ENTRY_BYTES_MAX} bytes of UTF-8 at most; found ${bytes}`)
  const others = Object.entries(entries).filter(([other]) => other !== name)
  assert(others.length < ENTRIES_MAX, 409, `environment: expected ${ENTRIES_MAX} entries at most; found that many`)
  const total = others.reduce((sum, [other, entry]) => sum + other.length + sizeOf(entry), name.length + bytes)
  assert(total <= ENVIRONMENT_BYTES_MAX, 409, `environment: expected ${ENVIRONMENT_BYTES_MAX} bytes of names and values at most; found ${total} with this one`)
}

function sizeOf (entry: StoredEntry): number {
  return 'value' in entry ? Buffer.byteLength(entry.value) : Secrets.sizeOf(entry.sealed)
}
