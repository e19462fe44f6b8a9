import type { Test } from 'tap'
import type { MicroservicesOptions } from '../../lib/index.ts'
import { type Credentials, tenant } from '../owners/owners.ts'
import { becomes, installation, Node } from './nodes.ts'

const source = `import { endpoint } from 'fastify-microservices'
export const hello = endpoint({}, (args, { env }) => ({ greeting: env.GREETING ?? null }))
export const take = endpoint({ method: 'POST' }, ({ text }) => ({ length: text.length }))
`

/** What TENANTS_DIR holds: modules of one tenant, who exists from when it is registered. */
export const tenantFiles = { [tenant]: { 'main.ts': source } }

/** What one node does, the other knows within a second. `options`: a store that is empty, and a TENANTS_DIR of `tenantFiles`. */
export async function testFollowing (t: Test, options: Partial<MicroservicesOptions>): Promise<void> {
  const spec = { options: installation({ MULTI_TENANT: true, ...options }) }
  // At once: both find the store empty.
  const [one, two] = await Promise.all([Node.start(t, spec), Node.start(t, spec)]) as [Node, Node]
  const hello = `/${tenant}/hello`
  t.equal(await two.status(hello), 404, 'a tenant that nobody registered is unknown')

  const { status, body } = await one.manage('POST', 'register', { userid: 'ada', uuid: tenant })
  t.equal(status, 200, 'registered')
  const [key] = body['keys'] as [Credentials]
  await becomes(t, 'a tenant that one registers is served by the other', () => two.status(hello), 200)
  await becomes(t, 'and its keys are known there', () => two.status(hello, { by: key }), 200)

  t.equal((await two.manage('PUT', 'environ', { uuid: tenant, name: 'GREETING', value: 'hi' })).status, 200)
  await becomes(t, 'an entry of its environment', async () => (await one.call(hello)).body, { greeting: 'hi' })
  t.equal((await one.manage('PUT', 'environ', { uuid: tenant, name: 'GREETING', value: 'a secret', secret: true })).status, 200)
  await becomes(t, 'a secret one', async () => (await two.call(hello)).body, { greeting: 'a secret' })

  const call = { method: 'POST', payload: { text: 'some text' } }
  t.equal(await two.status(`/${tenant}/take`, call), 200)
  t.equal((await one.manage('PUT', 'limits', { uuid: tenant, requestBytes: 10 })).status, 200)
  await becomes(t, 'a limit', () => two.status(`/${tenant}/take`, call), 413)

  t.equal((await one.manage('DELETE', 'keys', { uuid: tenant, kid: key.kid })).status, 204)
  await becomes(t, 'a key that is revoked', () => two.status(hello, { by: key }), 401)

  t.equal((await two.manage('POST', 'disable', { uuid: tenant })).status, 200)
  await becomes(t, 'a tenant that is disabled', () => one.status(hello), 404)
  t.equal((await one.manage('POST', 'enable', { uuid: tenant })).status, 200)
  await becomes(t, 'and enabled again', () => two.status(hello), 200)

  t.equal((await two.manage('DELETE', 'remove', { uuid: tenant })).status, 204)
  await becomes(t, 'a tenant that is removed', () => one.status(hello), 404)
}
