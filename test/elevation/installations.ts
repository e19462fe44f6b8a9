import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { type Installation, openInstallation } from '../../lib/cli/elevation/installation.ts'
import type { MicroservicesOptions } from '../../lib/index.ts'
import { packFiles, singleFile, versionOf } from '../../lib/source/files.ts'
import { produce } from '../../lib/tokens/produce.ts'
import type { StoredVersion } from '../../types/store.ts'
import { moduleSource, temporaryDirectory } from '../helper.ts'
import { admin, type Credentials, newKey, tenant } from '../owners/owners.ts'
import type { Order, Outcome } from './child.ts'

const root = join(import.meta.dirname, '../..')
const prefix = '/rest/services'

/** Generous: machines of tests are slow and shared. */
const DEADLINE_MS = 60_000

/** Says who runs it: trusted code has the app, and sees what it was given in the environment. */
export const whoami = moduleSource({
  whoami: "{ method: 'GET' }, (_, context) => ({ trusted: 'app' in context, owner: context.owner, env: { ...context.env } })"
})

export const plainEntries = { GREETING: 'good morning', QUOTED: 'it\'s "so" # no \\n comment $HOME', LINES: 'one\ntwo\nADMIN_ID=three\n', EMPTY: '' }
export const secretEntries = { API_KEY: 'not-for-your-eyes', PEM: '-----BEGIN KEY-----\nabc+/=\n-----END KEY-----\n' }

export interface OldInstallation {
  readonly folder: string
  /** Where the new one is to be. */
  readonly to: string
  readonly secrets: { readonly admin: string, readonly key: string }
  /** The settings of its `.env`, as options. */
  readonly options: MicroservicesOptions
}

/** A version of a module of one source, as the store keeps it. */
export function uploadOf (module: string, createdAt: number, source: string): StoredVersion & { readonly content: Uint8Array } {
  const files = singleFile(Buffer.from(source), false)
  return { owner: tenant, module, version: versionOf(files), createdAt, note: JSON.stringify({ by: `${tenant}.first` }), content: packFiles(files) }
}

/** Two versions, of which the older is active, and a module with none that is. */
export const uploads = [
  uploadOf('shout', 1_000, moduleSource({ shout: "{ params: ['word'] }, ({ word }) => word.toUpperCase()" })),
  uploadOf('shout', 2_000, moduleSource({ shout: "{ params: ['word'] }, ({ word }) => word + '!'" })),
  uploadOf('idle', 3_000, moduleSource({ idle: '{}, () => 1' }))
] as const

/** On the disk: an installation with a tenant that has modules of all origins, and entries of all kinds. */
export async function oldInstallation (t: Test, more: Readonly<Record<string, string>> = {}): Promise<OldInstallation> {
  const folder = temporaryDirectory(t)
  const secrets = { admin: newKey(), key: newKey() }
  const settings = { ADMIN_ID: admin, ADMIN_SECRET: secrets.admin, SECRETS_KEY: secrets.key, TENANTS_DIR: './tenants', URL_PARM1: 'first', TOKENS: 'optional', ...more }
  write(folder, {
    '.env': Object.entries({ ...settings, MULTI_TENANT: 'true' }).map(([name, value]) => `${name}=${value}\n`).join(''),
    'plugins/admins.ts': moduleSource({ admins: '{}, () => 1' }),
    'plugins/given.ts': moduleSource({ given: '{}, () => "given"' }, `export const __ID__ = '${tenant}'`),
    [`tenants/${tenant}/whoami.ts`]: whoami,
    [`tenants/${tenant}/folder/index.ts`]: `import { word } from './parts/word.ts'\n${moduleSource({ folder: '{}, (args) => ({ word, args })' })}`,
    [`tenants/${tenant}/folder/parts/word.ts`]: "export const word = 'from a folder'\n"
  })
  const options = { ...settings, env: false, MULTI_TENANT: true, plugins: [join(folder, 'plugins')], TENANTS_DIR: join(folder, 'tenants'), DATA_DIR: join(folder, 'data') } as MicroservicesOptions
  await change(options, async ({ registry, store }) => {
    await registry.register(admin, { userid: 'someone', uuid: tenant })
    await registry.register(admin, { userid: 'another' })
    for (const [name, value] of Object.entries(plainEntries)) await registry.setEntry(admin, tenant, { name, value, secret: false })
    for (const [name, value] of Object.entries(secretEntries)) await registry.setEntry(admin, tenant, { name, value, secret: true })
    for (const { content, ...version } of uploads) await store.addVersion({ uuid: tenant, admin }, version, content)
    await store.activate({ uuid: tenant, admin }, 'shout', uploads[0].version)
  })
  return { folder, to: join(temporaryDirectory(t), 'new'), secrets, options }
}

/** Opens an installation beside whatever runs, and closes it again. */
export async function change<T> (options: MicroservicesOptions, work: (opened: Installation) => Promise<T>): Promise<T> {
  const opened = await openInstallation(options)
  try {
    return await work(opened)
  } finally {
    await opened.close()
  }
}

export function write (folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

export interface Ended { readonly code: number | null, readonly signal: NodeJS.Signals | null, readonly stdout: string, readonly stderr: string }

/** The command line, in the old installation's folder. */
export function runCommand ({ folder }: Pick<OldInstallation, 'folder'>, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return runScript(join(root, 'lib/cli/main.ts'), args, folder, environment)
}

/** What came of each order; nothing where it was killed. */
export async function elevateEach ({ folder }: Pick<OldInstallation, 'folder'>, orders: readonly Order[]): Promise<Outcome[]> {
  const { signal, stdout, stderr } = await runScript(join(import.meta.dirname, 'child.ts'), [JSON.stringify(orders)], folder)
  if (signal === 'SIGKILL') return []
  if (stdout === '') throw new Error(`it ended without a word: ${stderr}`)
  return JSON.parse(stdout) as Outcome[]
}

/** Undefined where it was killed. */
export async function elevateIn (old: Pick<OldInstallation, 'folder'>, order: Order): Promise<Outcome | undefined> {
  const [outcome] = await elevateEach(old, [order])
  return outcome
}

function runScript (script: string, args: readonly string[], cwd: string, environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const { PATH = '' } = process.env
  return new Promise(resolve => {
    const child = execFile(process.execPath, [script, ...args], { cwd, env: { PATH, ...environment }, timeout: DEADLINE_MS }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr })
    })
  })
}

export interface Served {
  call (path: string, call?: { method?: string, by?: Credentials, payload?: unknown }): Promise<{ status: number, body: unknown }>
  stop (): Promise<void>
}

/** An app in the folder, by its `.env`, in a process that ends with the test. */
export async function serve (t: Test, folder: string, environment: Readonly<Record<string, string>> = {}): Promise<Served> {
  const { PATH = '' } = process.env
  const child = fork(join(import.meta.dirname, 'serve.ts'), { cwd: folder, execArgv: [], env: { PATH, ...environment }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', text => { said += text })
  t.teardown(() => end(child))
  const ended = new AbortController()
  child.once('exit', () => ended.abort(new Error(`the app ended: ${said}`)))
  const [address] = await once(child, 'message', { signal: AbortSignal.any([ended.signal, AbortSignal.timeout(DEADLINE_MS)]) })
    .catch(() => { throw ended.signal.reason ?? new Error('the app said nothing') }) as [string]
  return {
    stop: () => end(child),
    call: async (path, { method = 'GET', by, payload } = {}) => {
      const url = `${address}${prefix}${path}`
      const body = payload === undefined ? undefined : JSON.stringify(payload)
      const bearer = by && await produce({ kid: by.kid, key: by.secret, method, url, body: body ?? '', manage: path.includes('-api/') })
      const response = await fetch(url, {
        method,
        headers: { ...bearer && { authorization: `Bearer ${bearer}` }, ...body !== undefined && { 'content-type': 'application/json' } },
        ...body !== undefined && { body },
        signal: AbortSignal.timeout(DEADLINE_MS)
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
    }
  }
}

async function end (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await exit
  clearTimeout(timer)
}
