import { readFileSync } from 'node:fs'
import { MARK_BYTES } from '../protocol.ts'
import type { Credentials } from './candidate.ts'
import { limiterOf } from './limiter.ts'
import type { Prepared } from './program.ts'

// An idle cell has 20 descriptors and 11 threads, however many isolates; the rest is room for what Node may come to need.
// Each open pipe may hold a megabyte of the kernel's memory that nothing counts.
const CELL_DESCRIPTORS = 64
const CELL_THREADS = 64
// esbuild reads files side by side, and starts threads for it.
const BUILDER_DESCRIPTORS = 1_024
const BUILDER_THREADS = 256

/** Limits from the first instruction on, as arguments that come before a command: no cores, no files beyond what is needed. */
export function limited ({ spawns, scratchBytes }: Prepared): string[] {
  return [
    '--core=0',
    `--nofile=${spawns ? BUILDER_DESCRIPTORS : CELL_DESCRIPTORS}`,
    `--fsize=${Math.max(scratchBytes, MARK_BYTES)}`,
    '--'
  ]
}

/**
 * Limits threads and processes. Only once the child has its own user namespace: in ours, the count includes whatever
 * else runs as the same user.
 */
export async function limitThreads (pid: number, { spawns }: Prepared, credentials: Credentials | undefined): Promise<void> {
  await limiterOf(credentials).limit(pid, `--nproc=${spawns ? BUILDER_THREADS : CELL_THREADS}`)
}

/**
 * Limits private memory; the kernel refuses what is beyond. Only the soft limit, so that it can be raised again: V8 takes
 * 515 MB of address space for the code of each new isolate, all counted. The filter of system calls keeps the child from
 * raising it by itself.
 */
export async function limitData (pid: number, bytes: number, credentials: Credentials | undefined): Promise<void> {
  await limiterOf(credentials).limit(pid, `--data=${Math.ceil(bytes)}:`)
}

/** Private memory as the kernel counts it. @throws where the process is gone */
export function dataBytesOf (pid: number): number {
  return Number(/^VmData:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024
}
