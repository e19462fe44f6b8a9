import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { isPassing, Refusal } from './failure.ts'
import { identityOf, makePlace } from './place.ts'
import { checkSchema, migrate, STEPS } from './schema.ts'

// Milliseconds that SQLite itself waits for a lock, and the thread with it. The patience is the worker's.
const BUSY_MS = 5

const SETTINGS = `
  -- Those who read do not wait for the one who writes.
  pragma journal_mode = wal;
  -- A commit is on the disk before it is acknowledged; on macOS, that takes more than fsync().
  pragma synchronous = full;
  pragma fullfsync = on;
  -- KB: enough for thousands of owners, and for what tokens of the last seconds share.
  pragma cache_size = -16000;
  -- Savepoints copy the pages that are changed: each transaction's would go to a file of their own.
  pragma temp_store = memory;
  -- Bytes: what a flood made of the log is given back.
  pragma journal_size_limit = 67108864;
  pragma trusted_schema = off;
`

// While nodes are updated one after the other, the first new one changes the schema under the old ones.
const ANOTHER_VERSION = 'has the schema of another version than when it was opened: start this process again, with the version that the others have'

/** One open database, which lasts until something goes wrong with it. */
interface Connection { readonly database: DatabaseSync, readonly identity: string | undefined, readonly statements: Map<string, StatementSync> }

/** The database's file, opened when it is needed, and anew where it failed or another has taken its place. */
export class Database {
  readonly #file: string
  #connection: Connection | undefined

  constructor (file: string) {
    this.#file = file
  }

  /** Makes what is missing. */
  create (): void {
    makePlace(this.#file)
    const { database } = this.#connect()
    migrate(database)
  }

  /** Runs this as one transaction: all of it is done, or nothing. */
  transaction<Result> (mode: 'deferred' | 'immediate', run: (sql: (text: string) => StatementSync) => Result): Result {
    const connection = this.#connect()
    const sql = (text: string): StatementSync => statement(connection, text)
    try {
      sql(`begin ${mode}`).run()
      if (sql('pragma user_version').get()?.user_version !== STEPS.length) throw new Refusal(ANOTHER_VERSION)
      const result = run(sql)
      sql('commit').run()
      return result
    } catch (error) {
      if (connection.database.isTransaction) sql('rollback').run()
      if (!isPassing(error)) this.close()
      throw error
    }
  }

  close (): void {
    const { database } = this.#connection ?? {}
    this.#connection = undefined
    database?.close()
  }

  #connect (): Connection {
    const identity = identityOf(this.#file)
    if (this.#connection && this.#connection.identity !== identity) this.close()
    // An empty one in its place would be worse: all owners would be gone.
    if (identity === undefined) throw new Refusal('is gone: put it back, or start again to begin with an empty store')
    this.#connection ??= { database: openDatabase(this.#file), identity, statements: new Map() }
    return this.#connection
  }
}

function statement ({ database, statements }: Connection, text: string): StatementSync {
  const known = statements.get(text)
  if (known) return known
  const made = database.prepare(text)
  statements.set(text, made)
  return made
}

function openDatabase (file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_MS, enableForeignKeyConstraints: true })
  try {
    checkSchema(database)
    database.exec(SETTINGS)
    const mode = database.prepare('pragma journal_mode').get()?.journal_mode
    if (mode !== 'wal') throw new Refusal(`needs SQLite's write-ahead log, which its disk does not allow (it stays in mode "${mode}"): name a directory of a local disk`)
    checkIntegrity(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Of all but the versions' contents, which may take gigabytes. Before anything is written to what is broken. */
function checkIntegrity (database: DatabaseSync): void {
  const tables = database.prepare("select name from sqlite_schema where type = 'table' and name <> 'version'").all()
  for (const { name } of tables) {
    const found = database.prepare(`pragma quick_check(${name})`).get()?.quick_check
    if (found !== 'ok') throw new Refusal(`is corrupt: put a backup in its place, or move it away to begin with an empty store (${found})`)
  }
}
