import type { Tenant } from './call.ts'

// A minute, since most such tenants do it again with the next call; doubled each time, up to ten.
const PENALTY_MS = 60_000
const PENALTY_MS_MAX = 600_000

// Entries are tenants that did it within the last hour; the oldest go first.
const TENANTS_MAX = 10_000

// Of ends that nobody can be blamed for, so many in a minute with the same tenant present are no accident.
const SUSPICIONS_MAX = 3

interface Record {
  readonly until: number
  readonly count: number
  /** Its calls cross one at a time, so that the next offence is one call's. */
  readonly alone: boolean
}

/** Which tenants were ended, or held a cell, lately: for a while, they get a cell of their own. */
export class Offences {
  readonly #records = new Map<string, Record>()
  readonly #suspicions = new Map<string, { readonly count: number, readonly until: number }>()

  add (tenant: Tenant, what: 'hold' | 'timeout' | 'memory' | 'crash' | 'garbage', now: number): void {
    const key = keyOf(tenant)
    const before = this.#records.get(key)
    // A hold and the kill that follows it are one offence; and whoever kept still for twice the time starts anew.
    const recent = before !== undefined && now < before.until + PENALTY_MS * before.count
    const count = recent ? before.count + (what === 'hold' ? 0 : 1) : 1
    this.#records.delete(key)
    this.#records.set(key, {
      until: now + Math.min(PENALTY_MS * 2 ** (count - 1), PENALTY_MS_MAX),
      count,
      alone: what !== 'hold' || (recent && before.alone)
    })
    trim(this.#records)
  }

  /** It was there when something happened that cannot be laid at anyone's door. */
  suspect (tenant: Tenant, now: number): void {
    const key = keyOf(tenant)
    const before = this.#suspicions.get(key)
    const count = before !== undefined && now < before.until ? before.count + 1 : 1
    this.#suspicions.delete(key)
    if (count >= SUSPICIONS_MAX) return this.add(tenant, 'crash', now)
    this.#suspicions.set(key, { count, until: count > 1 && before !== undefined ? before.until : now + PENALTY_MS })
    trim(this.#suspicions)
  }

  /** What is held against a tenant now. */
  of (tenant: Tenant, now: number): { alone: boolean } | undefined {
    const record = this.#records.get(keyOf(tenant))
    return record !== undefined && now < record.until ? record : undefined
  }
}

export function keyOf ({ admin, owner }: { admin: string, owner: string }): string {
  return `${admin} ${owner}`
}

function trim (map: Map<string, unknown>): void {
  if (map.size > TENANTS_MAX) map.delete(map.keys().next().value as string)
}
