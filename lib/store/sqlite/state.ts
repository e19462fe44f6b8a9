import type { Reading, Writing } from './transaction.ts'

/** Changes, with the owners as one JSON text: nothing else brings thousands of them from one thread to another as fast. */
export interface ChangesText { readonly cursor: string, readonly whole: boolean, readonly owners: string, readonly removed: readonly string[] }

interface State { name: string, revision: number, floor: number }

const NOTHING = '[]'

/** See Store. */
export const stateReads = {
  changes ({ sql }: Reading, cursor: string | undefined): ChangesText {
    const { name, revision, floor } = sql('select name, revision, floor from store').get() as unknown as State
    const next = `${name}.${revision}`
    if (cursor === next) return { cursor, whole: false, owners: NOTHING, removed: [] }
    const seen = cursor?.startsWith(`${name}.`) ? Number(cursor.slice(name.length + 1)) : NaN
    if (!(seen >= floor && seen < revision)) {
      return { cursor: next, whole: true, owners: joined(sql('select document from owner').all()), removed: [] }
    }
    const gone = sql('select distinct uuid from removed where revision > ? and not exists (select 1 from owner where owner.uuid = removed.uuid)').all(seen)
    return {
      cursor: next,
      whole: false,
      owners: joined(sql('select document from owner where revision > ?').all(seen)),
      removed: gone.map(({ uuid }) => uuid as string)
    }
  }
}

/** See Store. */
export const stateWrites = {
  probe ({ sql }: Writing, sealed: string): string {
    sql('update store set probe = ? where probe is null').run(sealed)
    return sql('select probe from store').get()?.probe as string
  },

  resealProbe ({ sql }: Writing, from: string, to: string): void {
    sql('update store set probe = ? where probe = ?').run(to, from)
  }
}

function joined (rows: ReadonlyArray<Record<string, unknown>>): string {
  return `[${rows.map(({ document }) => document).join(',')}]`
}
