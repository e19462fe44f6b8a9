import type { Test } from 'tap'
import type { MicroservicesOptions } from '../../lib/index.ts'
import { adminCredentials, tenant } from '../owners/owners.ts'
import { becomes, installation, Node } from './nodes.ts'

const STALE_SECS = 3
/** A driver of a database takes its time to find that a connection is of no use, or is of use again. */
const RECOVER_WITHIN_MS = 15_000

interface Away {
  /** Of the node that loses its store; TENANTS_DIR is of `tenantFiles`. */
  readonly options: Partial<MicroservicesOptions>
  readonly frail?: boolean
  /** Of another, which keeps the same store. */
  readonly kept: Partial<MicroservicesOptions>
  cut (node: Node): Promise<void>
  restore (node: Node): Promise<void>
}

/** A node that loses its store serves what it knows for STALE_SECS, and is as before when it has it again. */
export async function testAway (t: Test, { options, frail = false, kept, cut, restore }: Away): Promise<void> {
  const start = (own: Partial<MicroservicesOptions>, frail: boolean) => Node.start(t, { options: installation({ MULTI_TENANT: true, STALE_SECS, ...own }), frail })
  const node = await start(options, frail)
  const other = await start(kept, false)
  const hello = `/${tenant}/hello`
  t.equal((await node.manage('POST', 'register', { userid: 'ada', uuid: tenant })).status, 200, 'registered')
  t.equal(await node.status(hello), 200, 'a tenant is served')

  await cut(node)
  t.equal(await node.status(hello), 200, 'also once the store is away')
  const refusals = await Promise.all([
    node.call(hello, { by: adminCredentials }),
    node.manage('GET', 'list'),
    node.manage('POST', 'disable', { uuid: tenant }),
    node.manage('POST', 'register', { userid: 'grace' })
  ])
  for (const { status, body, headers } of refusals) {
    t.match({ status, code: body['code'], retryAfter: headers.get('retry-after') }, { status: 503, code: 'FMS_ERR_UNAVAILABLE', retryAfter: '1' })
  }
  t.equal(await node.status('/00000000-0000-4000-8000-000000000000/hello'), 404)
  await becomes(t, 'what is known gets too old', () => node.status(hello), 503, RECOVER_WITHIN_MS)
  const { body, headers } = await node.call(hello)
  t.equal(body['code'], 'FMS_ERR_UNAVAILABLE')
  t.equal(headers.get('retry-after'), '1')

  t.equal((await other.manage('POST', 'register', { userid: 'grace' })).status, 200, 'nothing was done, and the other node works')
  await restore(node)
  await becomes(t, 'all is as before', () => node.status(hello), 200, RECOVER_WITHIN_MS)
  await becomes(t, 'tokens are taken', () => node.status(hello, { by: adminCredentials }), 200, RECOVER_WITHIN_MS)
  const { body: { tenants } } = await node.manage('GET', 'list')
  t.strictSame((tenants as Array<{ userid: string }>).map(({ userid }) => userid).sort(), ['ada', 'grace'], 'what happened meanwhile is known')
  t.equal((await node.manage('POST', 'disable', { uuid: tenant })).status, 200)
  await becomes(t, 'and what it does, the other knows', () => other.status(hello), 404)
}
