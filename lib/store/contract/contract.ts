import { changes } from './changes.ts'
import { entries } from './entries.ts'
import { keys } from './keys.ts'
import { owners } from './owners.ts'
import { races } from './races.ts'
import { withStores, type StoreContractOptions } from './stores.ts'
import { tokens } from './tokens.ts'
import { versions } from './versions.ts'

/**
 * What every store must do, as tests: for those that the package has, and for one of your own. `test` is any test runner's;
 * a failure is a rejection. It needs nothing else, so it runs wherever the store does.
 */
export function storeContract ({ test, create }: StoreContractOptions): void {
  const topics = { owners, changes, keys, entries, tokens, versions, races }
  for (const [topic, contract] of Object.entries(topics)) {
    for (const [name, run] of Object.entries(contract)) test(`${topic}: ${name}`, () => withStores(create, run))
  }
}
