import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { Bubblewrap } from '../../lib/sandbox/wall/bubblewrap.ts'
import { becomesNobody, type Candidate, type Identity, nobody, ourselves } from '../../lib/sandbox/wall/candidate.ts'
import { Child } from '../../lib/sandbox/wall/child.ts'
import { librariesOf } from '../../lib/sandbox/wall/libraries.ts'
import { Plain, SETPRIV } from '../../lib/sandbox/wall/plain.ts'
import { nodePath, prepare, type Program } from '../../lib/sandbox/wall/program.ts'
import { UNSHARE, UtilLinux } from '../../lib/sandbox/wall/utillinux.ts'

interface Teardown {
  teardown (end: () => unknown): void
}

const BWRAP = '/usr/bin/bwrap'
export const PERL = '/usr/bin/perl'

/** A wall, and why it cannot be tested here, in the words of the system rather than in ours. */
export interface Wall {
  readonly name: string
  readonly candidate: Candidate
  readonly skip: string | false
}

const isRoot = process.geteuid?.() === 0
const libraries = process.platform === 'linux' ? (await Promise.all([nodePath, SETPRIV].map(librariesOf))).flat() : []

/** Whose wall it is matters to what it holds, so each way is tested. */
export const walls: readonly Wall[] = (isRoot ? [nobody, becomesNobody] : [ourselves]).flatMap((identity): Wall[] => {
  // Where root keeps its user, it makes none, and needs the right to make the other namespaces.
  const user = identity === becomesNobody ? [] : ['--unshare-user']
  const [bubblewrap, utilLinux] = [new Bubblewrap(BWRAP, libraries, identity), new UtilLinux(libraries, identity)]
  return [
    { name: bubblewrap.name, candidate: bubblewrap, skip: unusable([BWRAP, ...user, '--unshare-net', '--ro-bind', '/', '/', '/bin/true'], identity) },
    { name: utilLinux.name, candidate: utilLinux, skip: unusable([UNSHARE, ...(user.length > 0 ? ['--user', '--map-root-user'] : []), '--mount', '--net', '/bin/true'], identity) }
  ]
})

/** No wall: what the walls' own figures compare with. */
export const plain = new Plain(ourselves)

function unusable ([file, ...given]: string[], { launcher }: Identity): string | false {
  if (process.platform !== 'linux') return 'walls are Linux only'
  if (!existsSync(file!)) return `${file} is not installed`
  const { status, stderr } = spawnSync(file!, given, { ...launcher, encoding: 'utf8' })
  return status === 0 ? false : `this system does not let it make namespaces: ${stderr}`
}

export const proberProgram: Program = {
  entry: join(import.meta.dirname, 'prober.ts'),
  readable: [],
  nodeArguments: ['--no-node-snapshot', '--no-warnings'],
  spawns: false,
  scratchBytes: 0
}

export class Prober {
  readonly child: Child
  readonly #lines: AsyncIterator<string>

  /** Ends with the test. Never under Node's permission model; with the filter of system calls where the wall has one. */
  static async start (t: Teardown, candidate: Candidate, { filtered = false, ...changes }: Partial<Program> & { filtered?: boolean } = {}): Promise<Prober> {
    const child = await Child.start(candidate, { ...prepare({ ...proberProgram, ...changes }, false), filtered })
    t.teardown(async () => {
      child.kill()
      await soon(child.exited, 'its end')
    })
    return new Prober(child)
  }

  private constructor (child: Child) {
    this.child = child
    this.#lines = createInterface({ input: child.socket })[Symbol.asyncIterator]()
  }

  send (name: string, argument?: unknown): void {
    this.child.socket.write(`${JSON.stringify([name, argument])}\n`)
  }

  /** What came of a probe. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as JSON.parse says it
  async try (name: string, argument?: unknown): Promise<any> {
    this.send(name, argument)
    const { value, done } = await soon(this.#lines.next(), `an answer to ${name}`)
    if (done === true) throw new Error(`it ended instead of answering to ${name}: ${this.child.lastWords()}`)
    return JSON.parse(value)
  }
}

/** What a test waits for, with a deadline that also keeps the process alive. */
export async function soon<Value> (promise: Promise<Value>, what: string): Promise<Value> {
  const timer = new AbortController()
  try {
    return await Promise.race([
      promise,
      delay(20_000, undefined, { signal: timer.signal }).then(() => { throw new Error(`20 s passed without ${what}`) })
    ])
  } finally {
    timer.abort()
  }
}

export async function until (what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`20 s passed, and not yet: ${what}`)
    await delay(10)
  }
}

/** Fields of /proc/<pid>/status, as we see it. */
export function statusOf (pid: number): Record<string, string> {
  return Object.fromEntries(readFileSync(`/proc/${pid}/status`, 'utf8').trim().split('\n').map(line => line.split(/:\s*/, 2) as [string, string]))
}

/** Whether nothing runs there any more; a zombie does not. */
export function isGone (pid: number): boolean {
  try {
    return statusOf(pid)['State']!.startsWith('Z')
  } catch {
    return true
  }
}
