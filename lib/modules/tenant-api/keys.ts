import { Type } from '@sinclair/typebox'
import type { Registry } from '../../tenancy/registry.ts'
import { action } from '../action.ts'
import { Kid, Kind, NewKey, readUuid, Uuid } from './schemas.ts'

const common = { api: 'keys', tags: ['keys'] }

/** The endpoints of tenants' keys, and of the admin's own. */
export function keys (registry: Pick<Registry, 'keysOf' | 'addKey' | 'removeKey'>): Record<string, unknown> {
  const listKeys = action('listKeys', {
    ...common,
    params: ['uuid'],
    summary: "Lists a tenant's keys",
    description: 'Without the keys themselves: nobody is told them twice. Your own UUID gives your own.',
    args: Type.Object({ uuid: Uuid }),
    returns: Type.Object({
      keys: Type.Array(Type.Object({
        kid: Kid, kind: Kind, createdAt: Type.Optional(Type.String({ description: 'ISO 8601; none for a key of the configuration' }))
      }))
    })
  }, async ({ uuid }, { owner }) => {
    const found = await registry.keysOf(owner, readUuid(uuid))
    return { keys: found.map(({ kid, kind, createdAt }) => ({ kid, kind, ...(createdAt !== undefined && { createdAt: new Date(createdAt).toISOString() }) })) }
  })

  const addKey = action('addKey', {
    ...common,
    method: 'POST',
    summary: 'Adds a key',
    description: 'It is shown this once. Then use it, and remove the old one: that is how keys are changed without a gap.',
    args: Type.Object({ uuid: Uuid, kind: Type.Unsafe<'call' | 'manage'>({ ...Kind, default: 'call' }) }),
    returns: NewKey
  }, ({ uuid, kind }, { owner }) => registry.addKey(owner, readUuid(uuid), kind))

  const removeKey = action('removeKey', {
    ...common,
    method: 'DELETE',
    params: ['uuid', 'kid'],
    summary: 'Removes a key',
    description: 'Its tokens open nothing any more, on every node within a second.',
    args: Type.Object({ uuid: Uuid, kid: Kid })
  }, ({ uuid, kid }, { owner }) => registry.removeKey(owner, readUuid(uuid), kid))

  return { listKeys, addKey, removeKey }
}
