import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'

/** A store that is open, and closed with the test. */
export async function openStore (t: Test, directory: string): Promise<SqliteStore> {
  const store = new SqliteStore({ directory })
  t.teardown(() => store.close())
  await store.open()
  return store
}

export interface Other {
  readonly child: ChildProcess
  /** The next line that it says; undefined when it has ended. */
  readonly line: () => Promise<string | undefined>
  /** Lets it go on, with what it is to know. */
  readonly go: (text?: string) => void
  readonly ended: Promise<unknown>
}

/** Another process on the same directory, which ends with the test at the latest; see sqlite-child.ts. */
export function otherProcess (t: Test, what: string, directory: string, options: { uid?: number, gid?: number } = {}): Other {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'sqlite-child.ts'), what, directory], { ...options, stdio: ['pipe', 'pipe', 'inherit'], env: {} })
  const ended = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return {
    child,
    line: async () => (await lines.next()).value as string | undefined,
    go: (text = 'go') => { child.stdin!.write(`${text}\n`) },
    ended
  }
}
