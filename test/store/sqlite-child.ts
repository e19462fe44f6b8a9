import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { someOwner } from '../../lib/store/contract/stores.ts'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'

// Another process on a store, for tests: `node sqlite-child.ts <what> <directory>`. It says on stdout, line by line, what it has done.
const [what, directory] = process.argv.slice(2) as [string, string]
const say = (line: unknown): void => { process.stdout.write(`${line}\n`) }

async function opened (): Promise<SqliteStore> {
  const store = new SqliteStore({ directory })
  await store.open()
  return store
}

const parts: Record<string, () => Promise<void>> = {
  /** Adds owners until it is killed, ten at once, and names each that is acknowledged. */
  async add () {
    const store = await opened()
    const addOne = async (): Promise<void> => {
      const owner = someOwner()
      await store.addOwner(owner)
      say(owner.uuid)
    }
    for (let i = 0; i < 1_000; i++) await Promise.all(Array.from({ length: 10 }, addOne))
  },

  /** Says "open"; uses 1,000 tokens that expire when it is told, and says of each whether it was the first. */
  async consume () {
    const store = await opened()
    say('open')
    const [said] = await once(process.stdin, 'data')
    const expiresAt = Number(said)
    const ids = Array.from({ length: 1_000 }, (_, i) => i)
    const used = await Promise.all(ids.map(i => store.consume([{ id: `token ${i}`, expiresAt }])))
    say(used.map(([isFirst]) => Number(isFirst)).join(''))
    await store.close()
    process.exit()
  },

  /** Never closes. */
  async forget () {
    const store = await opened()
    say(await store.addOwner(someOwner()))
  },

  /** Says "locked", and keeps others from writing until it is told to end. */
  async lock () {
    const database = new DatabaseSync(join(directory, 'store.sqlite'))
    database.exec('begin immediate')
    say('locked')
    await once(process.stdin, 'data')
    database.exec('rollback')
    database.close()
    process.exit()
  },

  /** Says how it went. */
  async open () {
    const store = new SqliteStore({ directory })
    await store.open().then(() => say('open'), error => say(`${error.code} ${error.message}`))
    await store.close()
  },

  async modes () {
    process.umask(0)
    const store = await opened()
    await store.addOwner(someOwner())
    say('open')
    await once(process.stdin, 'data')
    await store.close()
    process.exit()
  }
}

await parts[what]!()
