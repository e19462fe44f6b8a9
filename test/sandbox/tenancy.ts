import { join } from 'node:path'
import type { Test } from 'tap'
import { build, type BuildOptions, type Built } from '../helper.ts'

export const admin = '70dd81e5-961a-470e-9e88-63d828674757'
export const tenant = '0d9e4a76-52f1-4f0e-9a3c-6b1d2e8f7a10'
export const other = '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'

const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Generous: machines of tests are slow and shared. */
export const WITHIN_MS = 10_000

export interface BuiltTenants extends Built {
  /** Of the directories that `tenants` became: TENANTS_DIR. */
  tenantsDirectory: string
  /** Path of an endpoint of the first tenant. */
  own: (path: string) => string
}

type Files = NonNullable<BuildOptions['files']>

interface TenantOptions extends Omit<BuildOptions, 'plugins'> {
  tenantFiles?: Record<string, Files>
  /** Directories beside, by name, for `plugins` to name. */
  beside?: Record<string, Files>
  plugins?: (directory: string) => string[]
  /** Whether all modules are made before they are called. */
  refresh?: boolean
}

/** An app with one admin whose tenants have these files, by UUID; the admin has `files`. They exist by option `tenants`, as do `tenant` and `other`. */
export async function buildTenants (
  t: Test, { tenantFiles = {}, files = {}, beside = {}, plugins, tenants = {}, refresh = true, ...options }: TenantOptions = {}
): Promise<BuiltTenants> {
  const directory = t.testdir({ plugins: files, tenants: tenantFiles, ...beside })
  const tenantsDirectory = join(directory, 'tenants')
  const built = await build(t, {
    plugins: plugins?.(directory) ?? [join(directory, 'plugins')],
    MULTI_TENANT: true,
    ADMIN_ID: admin,
    TENANTS_DIR: tenantsDirectory,
    DATA_DIR: join(directory, 'data'),
    tenants: { ...unnamed([tenant, other, ...Object.keys(tenantFiles)], tenants), ...tenants },
    ...options
  })
  if (refresh) await built.app.microservices.refresh()
  return { ...built, directory: join(directory, 'plugins'), tenantsDirectory, own: path => built.url(`/${tenant}${path}`) }
}

/** Tenants for whom nothing is said, as entries of option `tenants`. */
function unnamed (names: readonly string[], tenants: object): Record<string, object> {
  const named = new Set(Object.keys(tenants).map(name => name.toLowerCase()))
  return Object.fromEntries(names.filter(name => isUuid.test(name) && name !== admin && !named.has(name)).map(name => [name, {}]))
}
