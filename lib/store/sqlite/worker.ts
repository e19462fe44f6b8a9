import { setTimeout as delay } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { Database } from './database.ts'
import { failureOf, isBusy, isPassing } from './failure.ts'
import { reads, writes } from './operations.ts'
import type { Operation, Outcome, Reply, Request, WorkerData } from './protocol.ts'
import type { Writing } from './transaction.ts'

// Milliseconds to try for, while another process holds the lock: a node's transaction takes a few.
const LOCKED_MS = 5_000

// Milliseconds to wait between, at most: not all nodes try again at the same moment.
const PAUSE_MS = 5

const { file } = workerData as WorkerData
const database = new Database(file)
const port = parentPort!

port.on('message', async (request: Request) => {
  const reply = await answer(request)
  const contents = reply.outcomes?.flatMap(({ value }) => value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : [])
  port.postMessage(reply, contents)
})

async function answer ({ id, kind, operations }: Request): Promise<Reply> {
  try {
    return { id, outcomes: await patiently(() => perform(kind, operations)) }
  } catch (error) {
    return { id, failure: failureOf(error, file, kind === 'open' ? 'FMS_ERR_STORE' : 'FMS_ERR_UNAVAILABLE') }
  }
}

/** Between two tries, other requests are served: reading needs no lock. */
async function patiently<Result> (run: () => Result): Promise<Result> {
  const deadline = performance.now() + LOCKED_MS
  for (;;) {
    try {
      return run()
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error
      await delay(1 + Math.random() * PAUSE_MS)
    }
  }
}

function perform (kind: Request['kind'], operations: readonly Operation[]): Outcome[] {
  switch (kind) {
    case 'open':
      database.create()
      return [{}]
    case 'close':
      database.close()
      return [{}]
    case 'read':
      return database.transaction('deferred', sql => operations.map(operation => ({ value: call(reads, { sql }, operation) })))
    case 'write':
      return database.transaction('immediate', sql => {
        const revision = Number(sql('select revision from store').get()?.revision) + 1
        const writing: Writing = { sql, revision, hasChanged: false }
        const outcomes = operations.map(operation => attempt(writing, operation))
        if (writing.hasChanged) sql('update store set revision = ?').run(revision)
        return outcomes
      })
  }
}

/** An operation that fails undoes what it has done itself, and nothing of the others'. */
function attempt (writing: Writing, operation: Operation): Outcome {
  const { sql } = writing
  sql('savepoint operation').run()
  try {
    const value = call(writes, writing, operation)
    sql('release operation').run()
    return { value }
  } catch (error) {
    // Some failures are the end of the transaction: of all that is in it, then.
    if (isPassing(error) || !isUndone(sql)) throw error
    return { failure: failureOf(error, file, 'FMS_ERR_UNAVAILABLE') }
  }
}

function isUndone (sql: Writing['sql']): boolean {
  try {
    sql('rollback to operation').run()
    sql('release operation').run()
    return true
  } catch {
    return false
  }
}

function call (table: Readonly<Record<string, unknown>>, transaction: object, [name, ...values]: Operation): unknown {
  return (table[name] as (transaction: object, ...values: unknown[]) => unknown)(transaction, ...values)
}
