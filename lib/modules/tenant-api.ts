import { environ } from './tenant-api/environ.ts'
import { keys } from './tenant-api/keys.ts'
import { tenants } from './tenant-api/tenants.ts'

/** What management asks of the registry, which decides: whose a tenant is, what there may be of it, what is kept. */
export type TenantRegistry = Parameters<typeof tenants>[0] & Parameters<typeof keys>[0] & Parameters<typeof environ>[0]

/** Exports of the built-in module `tenant-api`, by which admins manage their tenants. */
export function tenantApi (registry: TenantRegistry): Record<string, unknown> {
  return { ...tenants(registry), ...keys(registry), ...environ(registry) }
}
