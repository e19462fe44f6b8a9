import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { storeContract } from '../../lib/store/contract/contract.ts'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'

const place = t.testdir()
let stores = 0

storeContract({
  test: (name, run) => t.test(name, run),
  create: async () => {
    const directory = join(place, `${stores++}`)
    const open = async (): Promise<SqliteStore> => {
      const store = new SqliteStore({ directory })
      await store.open()
      return store
    }
    return { store: await open(), again: open, remove: async () => rmSync(directory, { recursive: true }) }
  }
})
