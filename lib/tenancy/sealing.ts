import type { FastifyBaseLogger } from 'fastify'
import type { Store, StoredOwner } from '../../types/store.ts'
import { messageOf, platformError } from '../errors.ts'
import { reach } from './reach.ts'
import type { Secrets } from './secrets.ts'

/** What the probe says: it is no secret, but whoever can open it has the key that sealed it. */
const PROBE = { text: 'fastify-microservices', about: 'probe' }

// So many writes share a commit, and no more of them are in the store's way at once.
const PORTION = 32

type Sealed = Pick<StoredOwner, 'uuid' | 'keys' | 'environment'>

/** What a sealed text is bound to, so that it cannot be moved to another owner or name. */
export function aboutOf ({ owner, kind, name }: { owner: string, kind: 'key' | 'entry', name: string }): string {
  return `${kind} ${owner} ${name}`
}

/**
 * Makes sure that what was sealed in this store can be opened: with the keys that are there, or with none if nothing is.
 *
 * @throws `FMS_ERR_STORE`
 */
export async function checkKeys (store: Store, secrets: Secrets, records: () => Iterable<Sealed>): Promise<void> {
  if (secrets.ids.length === 0) {
    for (const { uuid, keys, environment } of records()) {
      if (keys.length === 0 && !Object.values(environment).some(entry => 'sealed' in entry)) continue
      throw platformError('FMS_ERR_STORE', `SECRETS_KEY: expected the key that this installation's secrets were sealed with; found none, and ${uuid} has some`)
    }
    return
  }
  const kept = await reach(() => store.probe(secrets.seal(PROBE.text, PROBE.about)))
  try {
    if (secrets.open(kept, PROBE.about).toString() === PROBE.text) return
  } catch (error) {
    throw platformError('FMS_ERR_STORE', `SECRETS_KEY: expected the key that this installation's secrets were sealed with; found ${secrets.ids.join(', ')} (the ids of those that are there), with which they cannot be opened: ${messageOf(error)}`)
  }
  throw platformError('FMS_ERR_STORE', 'SECRETS_KEY: expected the key that this installation\'s secrets were sealed with; found another installation\'s store')
}

interface Rotation {
  readonly store: Store
  readonly secrets: Secrets
  readonly log: FastifyBaseLogger
  readonly records: () => Iterable<Sealed>
  /** Knows what the store has. */
  readonly look: () => Promise<void>
  readonly closed: () => boolean
}

interface Task { readonly owner?: string, readonly from: string, readonly about: string }

/**
 * Seals with the first key what others have sealed, so that these can be dropped. The probe comes last: as long as it
 * needs an old key, so may something else. Each text is replaced by itself, if it is still there: nothing is lost where
 * it is cut off, nor where two nodes do it at once.
 *
 * @throws `FMS_ERR_UNAVAILABLE`; it can be begun again
 */
export async function reseal ({ store, secrets, log, records, look, closed }: Rotation): Promise<void> {
  const count = { done: 0, damaged: 0 }
  const replace = async ({ owner, from, about }: Task): Promise<void> => {
    let to: string
    try {
      to = secrets.seal(secrets.open(from, about), about)
    } catch {
      count.damaged++
      return
    }
    await reach(() => store.reseal(owner, from, to))
    count.done++
  }
  const tasks = [...records()].flatMap(tasksOf).filter(({ from }) => !secrets.isCurrent(from))
  while (tasks.length > 0) {
    if (closed()) return
    await Promise.all(tasks.splice(-PORTION).map(replace))
  }
  const probe = await reach(() => store.probe(secrets.seal(PROBE.text, PROBE.about)))
  if (!secrets.isCurrent(probe)) await replace({ from: probe, about: PROBE.about })
  if (count.done + count.damaged === 0) return
  await look()
  log.info(`SECRETS_KEY: ${count.done} secrets are sealed with the first key now; no other is needed any more` +
    (count.damaged > 0 ? `, but perhaps for ${count.damaged} that could not be opened` : ''))
}

function tasksOf ({ uuid, keys, environment }: Sealed): Task[] {
  return [
    ...keys.map(({ id, sealed }) => ({ owner: uuid, from: sealed, about: aboutOf({ owner: uuid, kind: 'key', name: id }) })),
    ...Object.entries(environment).flatMap(([name, entry]) => 'sealed' in entry
      ? [{ owner: uuid, from: entry.sealed, about: aboutOf({ owner: uuid, kind: 'entry', name }) }]
      : [])
  ]
}
