import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { nodePath } from './program.ts'

const LOOK_MS = 5

/** What /proc tells of other processes; nothing, where there is no /proc or no such process. */
function read (path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1')
  } catch {
    return undefined
  }
}

/** Children of its main thread. */
export function childrenOf (pid: number): number[] {
  return (read(`${pid}/task/${pid}/children`) ?? '').trim().split(' ').filter(Boolean).map(Number)
}

/** The pid of Node among the descendants of a wall's program. Nobody tells it, so we look. */
export async function nodeBelow (wall: ChildProcess, descendants: (pid: number) => number[]): Promise<number> {
  while (wall.pid !== undefined && wall.exitCode === null && wall.signalCode === null) {
    const node = descendants(wall.pid).find(pid => read(`${pid}/cmdline`)?.split('\0')[0] === nodePath)
    if (node !== undefined) return node
    await delay(LOOK_MS)
  }
  return await never()
}

/** For a pid of what ends before it has one: whoever waits for it also waits for that end. */
export function never (): Promise<never> {
  return new Promise(() => {})
}

/** In how many of the PID namespaces below ours, and in ours, it has a pid. */
export function namespaceDepthOf (pid: number | 'self'): number {
  return /^NSpid:\s*(.*)$/m.exec(read(`${pid}/status`) ?? '')?.[1]?.trim().split(/\s+/).length ?? 0
}

/** Its real user, as we see it. */
export function userOf (pid: number): number | undefined {
  const user = /^Uid:\s*(\d+)/m.exec(read(`${pid}/status`) ?? '')?.[1]
  return user === undefined ? undefined : Number(user)
}

let pageBytes: number | undefined

export function residentBytesOf (pid: number): number {
  const pages = Number(read(`${pid}/statm`)?.split(' ')[1] ?? 0)
  return pages * (pageBytes ??= measurePage())
}

/** The kernel counts in pages, which are 4 KB on x64 and up to 64 KB on arm64; it tells their size in no file. */
function measurePage (): number {
  const pages = Number(read('self/statm')?.split(' ')[0])
  const kilobytes = Number(/^VmSize:\s*(\d+)/m.exec(read('self/status') ?? '')?.[1])
  // Other threads may map memory between the two readings, so it is the nearest power of two.
  return pages > 0 && kilobytes > 0 ? 2 ** Math.round(Math.log2(kilobytes * 1024 / pages)) : 4_096
}
