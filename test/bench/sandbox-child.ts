import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { withDirectory } from './modules.ts'
import { withProgram } from './processes.ts'
import { admin, tenantIds } from './sandbox-scenarios.ts'
import type { SandboxQuestion, SandboxReady, SandboxServerSpec } from './sandbox-server.ts'
import type { MicroservicesOptions } from '../../types/options.ts'
import type { SandboxStatus } from '../../types/status.ts'

/** The first start of 1,000 tenants' modules builds all of them. */
const START_WITHIN_MS = 180_000
const ANSWER_WITHIN_MS = 30_000

export interface SandboxServer extends SandboxReady {
  readonly pid: number
  status (): Promise<SandboxStatus>
  /** Bytes in memory, of the app's process, after full collections. */
  memory (): Promise<number>
  /** Milliseconds for which the app's event loop stood still at most, since this was last asked. */
  blocked (): Promise<number>
}

export interface Folders {
  readonly tenants: string
  readonly data: string
}

/** Gives `use` a TENANTS_DIR and a DATA_DIR, both empty, and removes them afterwards. */
export async function withFolders<T> (use: (folders: Folders) => Promise<T>): Promise<T> {
  return withDirectory(tenants => withDirectory(data => use({ tenants, data })))
}

/** Starts an app that serves a TENANTS_DIR. */
export async function withSandbox<T> (
  folders: Folders, options: Partial<MicroservicesOptions>, use: (server: SandboxServer) => Promise<T>
): Promise<T> {
  const files = await readdir(folders.tenants, { recursive: true })
  return withSandboxServer({
    modules: files.filter(name => name.endsWith('.ts')).length,
    options: {
      plugins: [],
      MULTI_TENANT: true,
      ADMIN_ID: admin,
      TENANTS_DIR: folders.tenants,
      DATA_DIR: folders.data,
      tenants: Object.fromEntries(files.filter(name => !name.includes(sep)).map(uuid => [uuid, {}])),
      env: false,
      watch: false,
      ...options,
      // What the system denies is told by the status; a benchmark that does not start tells nothing.
      sandbox: { weakened: true, ...options.sandbox }
    } as MicroservicesOptions
  }, use)
}

/** Starts bare Fastify with the scenarios' routes for as many tenants. */
export async function withBare<T> (tenants: number, use: (server: SandboxServer) => Promise<T>): Promise<T> {
  return withSandboxServer({ owners: tenantIds(tenants) }, use)
}

async function withSandboxServer<T> (spec: SandboxServerSpec, use: (server: SandboxServer) => Promise<T>): Promise<T> {
  const args = ['--expose-gc', join(import.meta.dirname, 'sandbox-server.ts'), JSON.stringify(spec)]
  return withProgram({ command: process.execPath, args }, async ({ child, pid, message }) => {
    const ready = await message(START_WITHIN_MS) as SandboxReady
    const ask = (question: SandboxQuestion) => {
      child.send(question)
      return message(ANSWER_WITHIN_MS)
    }
    return use({
      ...ready,
      pid,
      status: () => ask('status') as Promise<SandboxStatus>,
      memory: () => ask('memory') as Promise<number>,
      blocked: () => ask('blocked') as Promise<number>
    })
  })
}
