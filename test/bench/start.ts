import { readFile } from 'node:fs/promises'
import { type Server, TooSlow, withServer } from './child.ts'
import { withDirectory, writeModules } from './modules.ts'
import { scenarios } from './scenarios.ts'
import type { Kind } from './server.ts'

export interface Start {
  readonly readyMs: number
  /** Bytes after a full collection. */
  readonly rss: number
  /** Bytes of the processes that it keeps: esbuild, of ours. */
  readonly childrenRss: number
}

const kinds = ['ours', 'bare'] as const satisfies readonly Kind[]

/** Starts ours and bare Fastify by turns, with as many endpoints as routes, all of them with schemas. */
export async function measureStart (count: number, runs: number): Promise<Record<Kind, Start[] | undefined>> {
  return withDirectory(async directory => {
    await writeModules(directory, scenarios.mixed, count)
    const starts: Record<Kind, Start[] | undefined> = { ours: [], bare: [] }
    for (let run = 0; run < runs; run++) {
      for (const kind of kinds) {
        try {
          starts[kind]?.push(await withServer({ kind, scenario: 'mixed', count, directory }, look))
        } catch (error) {
          if (kind === 'ours' || !(error instanceof TooSlow)) throw error
          starts.bare = undefined
        }
      }
    }
    return starts
  })
}

async function look (server: Server): Promise<Start> {
  const { rss } = await server.memory()
  return { readyMs: server.readyMs, rss, childrenRss: await childrenRss(server.pid) }
}

/** Linux only: elsewhere 0. */
async function childrenRss (pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  let sum = 0
  for (const child of children.split(' ').filter(Boolean)) {
    const status = await readFile(`/proc/${child}/status`, 'utf8').catch(() => '')
    sum += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
  }
  return sum
}
