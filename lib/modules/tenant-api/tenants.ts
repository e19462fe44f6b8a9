import { type Static, Type } from '@sinclair/typebox'
import { assert } from '../../endpoint.ts'
import type { Owner } from '../../tenancy/owner.ts'
import type { Registry } from '../../tenancy/registry.ts'
import { action } from '../action.ts'
import { NewKey, OwnLimits, readUuid, Tenant, Userid, Uuid } from './schemas.ts'

const ByUuid = Type.Object({ uuid: Uuid })
const tags = ['tenants']

type Tenants = Pick<Registry, 'register' | 'list' | 'get' | 'setEnabled' | 'remove' | 'setLimits'>

/** The endpoints of tenants as such. */
export function tenants (registry: Tenants): Record<string, unknown> {
  return { ...readers(registry), ...life(registry), ...states(registry) }
}

function readers (registry: Tenants): Record<string, unknown> {
  const list = action('list', {
    tags,
    summary: 'Lists your tenants',
    description: 'In the order of their UUIDs. Where there are more, `next` is what `after` takes for the next page.',
    args: Type.Object({
      after: Type.Optional(Type.String({ description: '`next` of the page before' })),
      limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100, description: 'Tenants of a page' })
    }),
    returns: Type.Object({ tenants: Type.Array(Tenant), next: Type.Optional(Type.String()) })
  }, ({ after, limit }, { owner }) => {
    const { owners, next } = registry.list(owner, { limit, ...(after !== undefined && { after: readUuid(after, 'after') }) })
    return { tenants: owners.map(shown), ...(next !== undefined && { next }) }
  })

  const show = action('show', {
    tags, params: ['uuid'], summary: 'Shows a tenant', args: ByUuid, returns: Tenant
  }, async ({ uuid }, { owner }) => shown(await registry.get(owner, readUuid(uuid))))

  return { list, show }
}

function life (registry: Tenants): Record<string, unknown> {
  const register = action('register', {
    method: 'POST',
    tags,
    summary: 'Adds a tenant',
    description: 'It is enabled, with the limits of the installation and two keys, one of each kind, which are shown this once.',
    args: Type.Object({ userid: Userid, uuid: Type.Optional(Uuid) }),
    returns: Type.Object({ uuid: Uuid, userid: Userid, keys: Type.Array(NewKey) })
  }, async ({ userid, uuid }, context) => {
    const { owner, keys } = await registry.register(context.owner, { userid, ...(uuid !== undefined && { uuid: readUuid(uuid) }) })
    return { uuid: owner.uuid, userid, keys }
  })

  const remove = action('remove', {
    method: 'DELETE',
    tags,
    params: ['uuid'],
    summary: 'Removes a tenant',
    description: 'With its keys, its environment and its modules. Its userid and its UUID are free again.',
    args: ByUuid
  }, ({ uuid }, { owner }) => registry.remove(owner, readUuid(uuid)))

  return { register, remove }
}

function states (registry: Tenants): Record<string, unknown> {
  const state = (name: 'enable' | 'disable', description: string) => action(name, {
    method: 'POST', tags, params: ['uuid'], summary: `${name === 'enable' ? 'Enables' : 'Disables'} a tenant`, description, args: ByUuid, returns: Tenant
  }, async ({ uuid }, { owner }) => shown(await registry.setEnabled(owner, readUuid(uuid), name === 'enable')))

  const limits = action('limits', {
    method: 'PUT',
    tags,
    params: ['uuid'],
    summary: "Sets a tenant's limits",
    description: "These, or those of a plan, take the place of all limits of its own; with neither, it has the installation's, which none may exceed.",
    args: Type.Object({ uuid: Uuid, plan: Type.Optional(Type.String({ maxLength: 200, description: 'Name of a plan' })), ...OwnLimits.properties }),
    returns: Tenant
  }, async ({ uuid, plan, ...own }, { owner }) => {
    assert(plan === undefined || Object.keys(own).length === 0, 400, `plan: expected either a plan or limits; found a plan and ${Object.keys(own).join(', ')}`)
    return shown(await registry.setLimits(owner, readUuid(uuid), plan === undefined ? { limits: own } : { plan }))
  })

  return {
    enable: state('enable', 'Takes effect on every node within a second.'),
    disable: state('disable', 'Its URLs are then as unknown, and its keys open nothing, on every node within a second. Requests under way finish.'),
    limits
  }
}

function shown ({ uuid, userid, enabled, createdAt, plan, limits, ownLimits, isolation, registered, configured }: Owner): Static<typeof Tenant> {
  return {
    uuid, userid, enabled, createdAt: createdAt === null ? null : new Date(createdAt).toISOString(), plan, limits, ownLimits, isolation, registered, configured
  }
}
