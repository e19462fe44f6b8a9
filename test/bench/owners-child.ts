import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { MicroservicesOptions } from '../../types/options.ts'
import type { StoreSettings } from '../../lib/installation.ts'
import { produce } from '../../lib/tokens/produce.ts'
import { databaseName, mongoServer } from '../mongo-server.ts'
import { withDirectory } from './modules.ts'
import { withProgram } from './processes.ts'
import type { LookUps, RegistryTask } from './owners-registry.ts'
import { admin } from './sandbox-scenarios.ts'
import type { SandboxQuestion, SandboxReady, SandboxServerSpec } from './sandbox-server.ts'

/** A store that is not quick may take this long for 10,000 registrations. */
const REGISTRY_WITHIN_MS = 300_000
const START_WITHIN_MS = 120_000
const ANSWER_WITHIN_MS = 30_000

/** What all servers say clients call them. */
export const origin = 'http://bench.example.com'
export const adminSecret = newKey()
export const secretsKey = newKey()

/** Of an app with management; `DATA_DIR` and modules are to be added. */
export const installation: MicroservicesOptions = {
  plugins: [],
  ADMIN_ID: admin,
  ADMIN_SECRET: adminSecret,
  SECRETS_KEY: secretsKey,
  PUBLIC_URL: origin,
  env: false,
  watch: false
}

/** Names that the settings of a MongoDB have, for registries that are opened without an app. */
const collections = { admin: 'ADMIN', tenant: 'TENANT', environ: 'ENVIRON' }

/** A store, in the words of the app's options and in those of `chooseStore`. */
export interface StoreChoice {
  readonly name: string
  readonly options: MicroservicesOptions & { DATA_DIR: string }
  readonly settings: StoreSettings
}

export interface OwnersServer extends SandboxReady {
  readonly pid: number
  /** Milliseconds for which the event loop stood still at most, since this was last asked. */
  blocked (): Promise<number>
}

function newKey (): string {
  return randomBytes(32).toString('base64url')
}

/** Gives `use` a SQLite store that is empty, and removes it afterwards. */
export async function withSqlite<T> (use: (store: StoreChoice) => Promise<T>): Promise<T> {
  return withDirectory(directory => use({ name: 'SQLite', options: { DATA_DIR: directory }, settings: { kind: 'sqlite', directory } }))
}

/** The same of a MongoDB: undefined where there is none. */
export async function withMongo<T> (use: (store: StoreChoice) => Promise<T>): Promise<T | undefined> {
  const teardowns: Array<() => unknown> = []
  const t = { teardown: (teardown: () => unknown) => { teardowns.unshift(teardown) } }
  try {
    const server = await mongoServer(t)
    if (server === undefined) return undefined
    const { url } = server
    const database = databaseName(t, server)
    return await withDirectory(directory => use({
      name: 'MongoDB',
      options: { DATA_DIR: directory, MONGO_URL: url, ADMIN_TABLE: database },
      settings: { kind: 'mongo', mongo: { url, database, collections } }
    }))
  } finally {
    for (const teardown of teardowns) await teardown()
  }
}

/** Does one thing with a registry in a fresh process. */
export async function runRegistry (task: Omit<RegistryTask, 'secretsKey' | 'kind'> & { kind: 'look' }): Promise<LookUps>
export async function runRegistry (task: Omit<RegistryTask, 'secretsKey' | 'kind'> & { kind: 'open' | 'register' }): Promise<number>
export async function runRegistry (task: Omit<RegistryTask, 'secretsKey'>): Promise<unknown> {
  const args = [join(import.meta.dirname, 'owners-registry.ts'), JSON.stringify({ ...task, secretsKey } satisfies RegistryTask)]
  return withProgram({ command: process.execPath, args }, ({ message }) => message(REGISTRY_WITHIN_MS))
}

/** Starts an app with the plugin. */
export async function withOwnersServer<T> (options: MicroservicesOptions, use: (server: OwnersServer) => Promise<T>): Promise<T> {
  const spec: SandboxServerSpec = { options, modules: 0 }
  const args = [join(import.meta.dirname, 'sandbox-server.ts'), JSON.stringify(spec)]
  return withProgram({ command: process.execPath, args }, async ({ child, pid, message }) => {
    const ready = await message(START_WITHIN_MS) as SandboxReady
    return use({
      ...ready,
      pid,
      async blocked () {
        child.send('blocked' satisfies SandboxQuestion)
        return await message(ANSWER_WITHIN_MS) as number
      }
    })
  })
}

/** A token of the admin's, for a path with its query; for management as well. */
export function adminToken (method: string, path: string, body = '', base = origin): Promise<string> {
  return produce({ kid: `${admin}.first`, key: adminSecret, method, url: base + path, manage: /\/(?:tenant|module)-api\//.test(path), body })
}

/** A request with a token of the admin's, as it goes over the wire. */
export async function tokenRequest (path: string, payload?: unknown): Promise<string> {
  const method = payload === undefined ? 'GET' : 'POST'
  const body = payload === undefined ? '' : JSON.stringify(payload)
  const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${await adminToken(method, path, body)}\r\n`
  return payload === undefined
    ? `${head}\r\n`
    : `${head}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
