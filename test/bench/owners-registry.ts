/**
 * A registry under measurement, run as a child process without an app: its one argument is a `RegistryTask` as JSON. It
 * tells by message what it measured, and ends.
 */
import { performance } from 'node:perf_hooks'
import Fastify from 'fastify'
import type { Snapshot } from '../../lib/catalog/snapshot.ts'
import type { StoreSettings } from '../../lib/installation.ts'
import type { Settings } from '../../lib/options.ts'
import { admin, tenantId } from './sandbox-scenarios.ts'

export interface RegistryTask {
  /** `open`: milliseconds of `Registry.open()`; `register`: how many a second; `look`: a `LookUps`. */
  readonly kind: 'open' | 'register' | 'look'
  readonly store: StoreSettings
  readonly secretsKey: string
  /** Tenants to register, beginning with number `from`; or those that there are. */
  readonly tenants: number
  readonly from?: number
  readonly atOnce?: number
}

/** Microseconds of CPU that a request needs for each. */
export type LookUps = Readonly<Record<'namespace' | 'admin' | 'tenant' | 'key' | 'all', number>>

const REQUESTS = 1_000_000

// As it is published: threads that a store starts have no types to strip.
const built = new URL('.', import.meta.resolve('fastify-microservices'))
const { namespaceOf } = await load<typeof import('../../lib/http/resolve.ts')>('http/resolve.js')
const { chooseStore } = await load<typeof import('../../lib/store/choose.ts')>('store/choose.js')
const { Registry } = await load<typeof import('../../lib/tenancy/registry.ts')>('tenancy/registry.js')
const { Logs } = await load<typeof import('../../lib/tenancy/logs.ts')>('tenancy/logs.js')
const { Tenants } = await load<typeof import('../../lib/tenancy/tenants.ts')>('tenancy/tenants.js')
const { readSandbox } = await load<typeof import('../../lib/tenants.ts')>('tenants.js')

const task = JSON.parse(process.argv[2] as string) as RegistryTask
const app = Fastify()
const store = await chooseStore(app, task.store)
const registry = new Registry({
  store,
  log: app.log,
  settings: {
    admins: [admin],
    adminSecrets: [],
    secretsKeys: [task.secretsKey],
    staleSecs: 300,
    plans: new Map(),
    sandbox: readSandbox({}, {}, 30, [admin], []),
    configured: new Map()
  }
})
const begun = performance.now()
await registry.open()
const openMs = performance.now() - begun
try {
  process.send?.(task.kind === 'open' ? openMs : task.kind === 'register' ? await register(task) : lookUp(task.tenants))
} finally {
  await registry.close()
  await app.close()
  process.disconnect?.()
}

async function load<Exports> (path: string): Promise<Exports> {
  return await import(new URL(path, built).href) as Exports
}

async function register ({ tenants, from = 0, atOnce = 1 }: RegistryTask): Promise<number> {
  let next = from
  const begun = performance.now()
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < from + tenants) {
      const number = next++
      await registry.register(admin, { userid: `tenant-${number}`, uuid: tenantId(number) })
    }
  }))
  return tenants / (performance.now() - begun) * 1000
}

function lookUp (tenants: number): LookUps {
  const { owners } = registry.list(admin, { limit: tenants })
  if (owners.length < tenants) throw new Error(`expected ${tenants} tenants; found ${owners.length}`)
  const environments = new Tenants(registry, new Logs())
  const namespaces = new Map(owners.map(({ uuid }) => [uuid, { modules: [] }]))
  const snapshot = { namespaces } as unknown as Snapshot
  const settings = { multiTenant: true } as Settings
  const looks = {
    // As it comes: a part of a request's text, which was never looked up before.
    none: (path: string) => path.slice(1, 37).length,
    namespace: (path: string) => namespaceOf(snapshot, [path.slice(1, 37), 'hello'], settings, registry).namespace,
    admin: (path: string) => registry.adminOf(path.slice(1, 37)),
    tenant: (path: string) => environments.find(path.slice(1, 37)),
    key: (path: string) => registry.key(path.slice(1)),
    all (path: string) {
      const uuid = path.slice(1, 37)
      return !registry.stale && namespaceOf(snapshot, [uuid, 'hello'], settings, registry).namespace !== undefined &&
        registry.adminOf(uuid) !== undefined && registry.find(uuid) !== undefined && environments.find(uuid)
    }
  }
  // Those of other tests must not be in one shape's way: each of them is met in random order.
  const kids = owners.map(({ uuid, keys }) => `${uuid}.${keys[0]?.id}`)
  const micros = Object.fromEntries(Object.entries(looks).map(([name, look]) => [name, time(look, kids)])) as Record<keyof typeof looks, number>
  const { none, ...rest } = micros
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, value - none])) as LookUps
}

function time (look: (path: string) => unknown, kids: readonly string[]): number {
  const run = (requests: number) => {
    for (let i = 0; i < requests; i++) {
      const kid = kids[Math.floor(Math.random() * kids.length)] as string
      if (!look(`/${kid}`)) throw new Error(`expected ${kid} to be found`)
    }
  }
  // Compiled, and all that is made once is made.
  run(REQUESTS / 10)
  const before = process.cpuUsage()
  run(REQUESTS)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / REQUESTS
}
