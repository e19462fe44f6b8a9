import { inspect } from 'node:util'
import type { FastifyBaseLogger } from 'fastify'
import type { Test } from 'tap'
import { limitsSchema, type Limits } from '../../lib/limits.ts'
import { Registry, type RegistrySettings } from '../../lib/tenancy/registry.ts'
import type { TenantSettings } from '../../lib/tenants.ts'
import type { Store } from '../../types/store.ts'
import { FakeStore, keyOf } from './fake-store.ts'

export const admin = '11111111-1111-4111-8111-111111111111'
export const second = '22222222-2222-4222-8222-222222222222'
export const tenant = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'
export const other = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb'

export const limits = Object.freeze(Object.fromEntries(Object.entries(limitsSchema.properties).map(([name, schema]) => [name, schema.default])) as Limits)
export const others: TenantSettings = Object.freeze({ limits, isolation: 'shared', webAssembly: false, environment: Object.freeze({}) })

export function settingsOf (given: Partial<RegistrySettings> = {}): RegistrySettings {
  return {
    admins: [admin, second],
    adminSecrets: [keyOf('first of admin')],
    secretsKeys: [keyOf('new')],
    staleSecs: 300,
    plans: new Map([['small', { ...limits, memoryMb: 16 }]]),
    sandbox: { tenants: new Map(), others },
    configured: new Map(),
    ...given
  }
}

export interface Line { level: 'info' | 'warn' | 'error', text: string }

/** What was logged, as a logger would print it. */
export function collect (lines: Line[]): FastifyBaseLogger {
  const at = (level: Line['level']) => (...values: unknown[]) => lines.push({ level, text: values.map(value => typeof value === 'string' ? value : inspect(value)).join(' ') })
  return { info: at('info'), warn: at('warn'), error: at('error') } as unknown as FastifyBaseLogger
}

/** A registry that is not open yet. */
export function make<S extends Store = FakeStore> (given: Partial<RegistrySettings> & { store?: S } = {}) {
  const { store = new FakeStore() as unknown as S, ...settings } = given
  const lines: Line[] = []
  return { registry: new Registry({ store, settings: settingsOf(settings), log: collect(lines) }), store, lines }
}

/** An open one, closed with the test. */
export async function open<S extends Store = FakeStore> (t: Test, given: Partial<RegistrySettings> & { store?: S } = {}) {
  const made = make(given)
  // A registry alone keeps no process alive.
  const alive = setInterval(() => {}, 1_000)
  t.teardown(async () => {
    clearInterval(alive)
    await made.registry.close()
  })
  await made.registry.open()
  return made
}

/** Looks again and again, for at most ten seconds. */
export async function until (isSo: () => unknown): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`it never came to be that ${isSo}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

export async function thrown (promise: Promise<unknown>): Promise<Error & { code?: string, statusCode?: number, headers?: unknown }> {
  return await promise.then(() => { throw new Error('it did not fail') }, error => error)
}
