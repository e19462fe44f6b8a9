import type { StatementSync } from 'node:sqlite'

/** What operations work with. Statements are prepared once. */
export interface Reading { readonly sql: (text: string) => StatementSync }

export interface Writing extends Reading {
  /** Of the owners that this transaction changes; it counts when there are any. */
  readonly revision: number
  hasChanged: boolean
}
