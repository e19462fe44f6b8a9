import { type Static, Type } from '@sinclair/typebox'
import { assert } from '../../endpoint.ts'
import type { EntryListing, Registry } from '../../tenancy/registry.ts'
import { action } from '../action.ts'
import { Name, readUuid, Uuid, Value } from './schemas.ts'

const common = { api: 'environ', tags: ['environment'] }

const Entry = Type.Object({
  name: Type.String(),
  value: Type.Optional(Type.String({ description: 'Not of a secret' })),
  secret: Type.Optional(Type.Boolean({ description: 'It can be set and removed, and is never shown' }))
})

const Entries = Type.Object({ entries: Type.Array(Entry) })

/** The endpoints of what tenants' code finds in `context.env`. */
export function environ (registry: Pick<Registry, 'entriesOf' | 'setEntry' | 'removeEntry'>): Record<string, unknown> {
  const listEntries = action('listEntries', {
    ...common,
    params: ['uuid'],
    summary: "Lists a tenant's environment",
    description: 'Of secret entries the names only.',
    args: Type.Object({ uuid: Uuid }),
    returns: Entries
  }, async ({ uuid }, { owner }) => {
    const entries = await registry.entriesOf(owner, readUuid(uuid))
    return { entries: entries.map(shown) }
  })

  const setEntry = action('setEntry', {
    ...common,
    method: 'PUT',
    summary: "Sets an entry of a tenant's environment",
    description: 'A secret is encrypted where it is kept, and never shown again; a tenant that has one runs in a process of its own.',
    args: Type.Object({ uuid: Uuid, name: Name, value: Value, secret: Type.Boolean({ default: false }) }),
    returns: Entry
  }, async ({ uuid, name, value, secret }, { owner, query }) => {
    assert(!Object.hasOwn(query, 'value'), 400, 'value: expected it in the payload, since URLs are logged; found it in the query')
    await registry.setEntry(owner, readUuid(uuid), { name, value, secret })
    return shown({ name, value, secret })
  })

  const removeEntry = action('removeEntry', {
    ...common,
    method: 'DELETE',
    params: ['uuid', 'name'],
    summary: "Removes an entry of a tenant's environment",
    args: Type.Object({ uuid: Uuid, name: Name })
  }, ({ uuid, name }, { owner }) => registry.removeEntry(owner, readUuid(uuid), name))

  return { listEntries, setEntry, removeEntry }
}

function shown ({ name, value, secret }: EntryListing): Static<typeof Entry> {
  return secret || value === undefined ? { name, secret: true } : { name, value }
}
