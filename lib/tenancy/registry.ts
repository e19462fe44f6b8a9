import { randomBytes, randomUUID } from 'node:crypto'
import type { OwnerChange, OwnerName, StoredKey } from '../../types/store.ts'
import { assert, fail } from '../endpoint.ts'
import { unavailable } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { canonicalUuid } from '../names.ts'
import { show } from '../show.ts'
import { FIRST_KEY, newOwner, type Owner } from './owner.ts'
import { reach } from './reach.ts'
import { Replica } from './replica.ts'
import { checkEntry, checkLimits, checkPlan, checkUserid, KEYS_MAX } from './rules.ts'
import { aboutOf } from './sealing.ts'

export type { Owner, OwnerKey } from './owner.ts'
export type { RegistrySettings } from './roster.ts'

/** A key as it is given out, this once. */
export interface NewKey {
  /** What tokens made with it name. */
  readonly kid: string
  readonly kind: 'call' | 'manage'
  /** 32 bytes as base64url. */
  readonly secret: string
}

export interface KeyListing {
  readonly kid: string
  readonly kind: 'call' | 'manage'
  /** Milliseconds since the epoch; none: it is an admin's first, of ADMIN_SECRET. */
  readonly createdAt?: number
}

export interface EntryListing {
  readonly name: string
  readonly secret: boolean
  /** Not of a secret. */
  readonly value?: string
}

const KEY_BYTES = 32
const KEY_ID_BYTES = 9

/**
 * What admins do with their tenants: written to the store first, then known here, and on other nodes with their next
 * look. `admin` is the UUID of whoever asks; a tenant of anyone else's is as unknown to it as one that does not exist.
 *
 * All throw errors of 400, 404 and 409 for what is the caller's fault, and what `reach` says.
 */
export class Registry extends Replica {
  /** Adds a tenant, with a key of each kind. */
  async register (admin: string, { userid, uuid: wanted }: { userid: string, uuid?: string }): Promise<{ owner: Owner, keys: NewKey[] }> {
    checkUserid(userid)
    const uuid = wanted === undefined ? randomUUID() : canonicalUuid(wanted)
    if (uuid === undefined) fail(400, `uuid: expected a UUID; found ${show(wanted)}`)
    if (this.settings.configured.has(uuid)) fail(409, `uuid: expected one that nobody has; found ${uuid}, which is a tenant by configuration already`)
    const made = (['call', 'manage'] as const).map(kind => this.#makeKey(uuid, kind))
    const tenant = { ...newOwner({ uuid, role: 'tenant', admin }), userid, keys: made.map(({ stored }) => stored) }
    const outcome = await reach(() => this.store.addOwner(tenant))
    if (outcome === 'userid') fail(409, `userid: expected one that no other tenant of yours has; found ${show(userid)} a second time`)
    if (outcome === 'uuid') {
      const left = await this.#isLeft(admin, uuid) ? ', by what is left of a tenant that the configuration named: remove that first' : ''
      fail(409, `uuid: expected one that nobody has; found ${uuid}, which is taken${left}`)
    }
    if (outcome !== 'added') throw unavailable(`the store: expected addOwner() to answer added, uuid or userid; found ${show(outcome)}`)
    await this.#see()
    return { owner: this.#still(tenant) ?? this.roster.sketch(tenant), keys: made.map(({ given }) => given) }
  }

  /** An admin's tenants by UUID, from the one after `after`; `next` is the `after` of the next page. */
  list (admin: string, { after = '', limit }: { after?: string, limit: number }): { owners: Owner[], next?: string } {
    const owners = this.roster.page(admin, after.toLowerCase(), limit + 1)
    return owners.length > limit ? { owners: owners.slice(0, limit), next: owners[limit - 1]!.uuid } : { owners }
  }

  async get (admin: string, uuid: string): Promise<Owner> {
    return await this.#tenant(admin, uuid)
  }

  async setEnabled (admin: string, uuid: string, enabled: boolean): Promise<Owner> {
    return await this.#update(await this.#tenantNow(admin, uuid), { enabled })
  }

  /** Its own limits in the place of those that it has, or a plan's. */
  async setLimits (admin: string, uuid: string, to: { plan: string } | { limits: Partial<Limits> }): Promise<Owner> {
    const tenant = await this.#tenantNow(admin, uuid)
    if ('plan' in to) checkPlan(to.plan, this.settings.plans)
    else checkLimits(to.limits, tenant.most)
    return await this.#update(tenant, 'plan' in to ? { plan: to.plan, limits: {} } : { plan: null, limits: to.limits })
  }

  /** With its keys, environment and modules. */
  async remove (admin: string, uuid: string): Promise<void> {
    const canonical = canonicalUuid(uuid)
    if (canonical === undefined || !await this.#isLeft(admin, canonical)) {
      const { configured } = await this.#tenantNow(admin, uuid)
      assert(!configured, 409, `uuid: expected a tenant that is not of the configuration; found ${uuid}: take it out there, or disable it`)
    }
    const removed = await reach(() => this.store.removeOwner({ uuid: canonical!, admin }))
    await this.#see()
    if (!removed) failUnknown(uuid)
  }

  /** An admin's own as well, as with the next two. */
  async keysOf (admin: string, uuid: string): Promise<KeyListing[]> {
    const owner = await this.#owner(admin, uuid)
    const keys = owner.keys.map(({ id, kind, createdAt }) => ({ kid: `${owner.uuid}.${id}`, kind, createdAt }))
    return owner.hasFirstKey ? [{ kid: `${owner.uuid}.${FIRST_KEY}`, kind: 'manage' }, ...keys] : keys
  }

  async addKey (admin: string, uuid: string, kind: 'call' | 'manage'): Promise<NewKey> {
    const owner = await this.#ownerNow(admin, uuid)
    const { given, stored } = this.#makeKey(owner.uuid, kind)
    const added = await this.#write(owner, () => this.store.addKey(owner.storedAs, stored, KEYS_MAX - Number(owner.hasFirstKey)))
    assert(added, 409, `keys: expected ${KEYS_MAX} at most; found that many: remove one first`)
    return given
  }

  /** @param kid as it is listed */
  async removeKey (admin: string, uuid: string, kid: string): Promise<void> {
    const owner = await this.#ownerNow(admin, uuid)
    const id = kid.startsWith(`${owner.uuid}.`) ? kid.slice(owner.uuid.length + 1) : ''
    assert(id !== FIRST_KEY || !owner.hasFirstKey, 409, 'kid: expected a key of the store; found the first one, which is in the settings: change ADMIN_SECRET')
    const removed = await this.#write(owner, () => this.store.removeKey(owner.storedAs, id))
    assert(removed, 404, `kid: expected that of a key of ${owner.uuid}; found ${show(kid)}`)
  }

  /** By name; without what the configuration says. */
  async entriesOf (admin: string, uuid: string): Promise<EntryListing[]> {
    const { entries } = await this.#tenant(admin, uuid)
    return Object.entries(entries).sort(([one], [other]) => one < other ? -1 : 1)
      .map(([name, entry]) => 'value' in entry ? { name, secret: false, value: entry.value } : { name, secret: true })
  }

  async setEntry (admin: string, uuid: string, { name, value, secret }: { name: string, value: string, secret: boolean }): Promise<void> {
    const tenant = await this.#tenantNow(admin, uuid)
    checkEntry(name, value, tenant.entries)
    const entry = secret ? { sealed: this.secrets.seal(value, aboutOf({ owner: tenant.uuid, kind: 'entry', name })) } : { value }
    if (!await this.#write(tenant, () => this.store.setEntries(tenant.storedAs, { [name]: entry }))) failUnknown(uuid)
  }

  async removeEntry (admin: string, uuid: string, name: string): Promise<void> {
    const tenant = await this.#tenantNow(admin, uuid)
    assert(Object.hasOwn(tenant.entries, name), 404, `name: expected that of an entry of ${tenant.uuid}; found ${show(name)}`)
    if (!await this.#write(tenant, () => this.store.setEntries(tenant.storedAs, { [name]: null }))) failUnknown(uuid)
  }

  async #tenant (admin: string, uuid: string): Promise<Owner> {
    return asTenant(await this.#owner(admin, uuid))
  }

  /** For what is to be changed: as other nodes have left it. That it is still this admin's when it is written, the store sees to. */
  async #ownerNow (admin: string, uuid: string): Promise<Owner> {
    await this.look()
    return await this.#owner(admin, uuid)
  }

  async #tenantNow (admin: string, uuid: string): Promise<Owner> {
    return asTenant(await this.#ownerNow(admin, uuid))
  }

  /** A tenant of the admin's, or the admin. */
  async #owner (admin: string, uuid: string): Promise<Owner> {
    const canonical = canonicalUuid(uuid)
    if (canonical === undefined) failUnknown(uuid)
    // What is not known here, another node may have registered just now.
    if (this.find(canonical) === undefined) await this.look()
    const owner = this.find(canonical)
    return owner?.admin === admin ? owner : failUnknown(uuid)
  }

  /** Whether the admin has no such tenant, but a record of one that the configuration named once. */
  async #isLeft (admin: string, uuid: string): Promise<boolean> {
    if (this.find(uuid) !== undefined) return false
    await this.look()
    const left = this.roster.idle(uuid)
    return left?.role === 'tenant' && left.userid === null && left.admin === admin
  }

  async #update (owner: Owner, change: OwnerChange): Promise<Owner> {
    const updated = await this.#write(owner, () => this.store.updateOwner(owner.storedAs, change))
    return (updated ? this.#still(owner) : undefined) ?? failUnknown(owner.uuid)
  }

  async #write (owner: Owner, write: () => Promise<boolean>): Promise<boolean> {
    // An owner of the settings has no record before its first change. Another node may make it at the same time.
    if (!owner.stored) await reach(() => this.store.addOwner(newOwner(owner)))
    const written = await reach(write)
    await this.#see()
    return written || (this.#still(owner) === undefined ? failUnknown(owner.uuid) : false)
  }

  /** As it is known now; undefined where it is gone, also if its UUID is another admin's. */
  #still ({ uuid, admin }: OwnerName): Owner | undefined {
    const owner = this.find(uuid)
    return owner?.admin === admin ? owner : undefined
  }

  /** What is written is written: if it cannot be read now, it is seen as soon as the store can be reached again. */
  async #see (): Promise<void> {
    await this.look().catch(() => {})
  }

  #makeKey (owner: string, kind: 'call' | 'manage'): { given: NewKey, stored: StoredKey } {
    const id = randomBytes(KEY_ID_BYTES).toString('base64url')
    const secret = randomBytes(KEY_BYTES)
    const sealed = this.secrets.seal(secret, aboutOf({ owner, kind: 'key', name: id }))
    return { given: { kid: `${owner}.${id}`, kind, secret: secret.toString('base64url') }, stored: { id, kind, sealed, createdAt: Date.now() } }
  }
}

function asTenant (owner: Owner): Owner {
  assert(owner.role === 'tenant', 400, `uuid: expected a tenant's; found ${owner.uuid}, which is your own`)
  return owner
}

/** The same for one that does not exist, and for another admin's. */
function failUnknown (uuid: string): never {
  return fail(404, `uuid: expected that of a tenant of yours; found ${show(uuid)}`)
}
