import fastifySwagger from '@fastify/swagger'
import t from 'tap'
import { admin, adminCredentials, buildOwners, tenant } from '../owners/owners.ts'

interface Listing { name: string, endpoints: Array<{ api: string, methods: string[], summary?: string, args?: { properties: object }, returns?: object }> }

const apis = ['register', 'list', 'show', 'enable', 'disable', 'remove', 'keys', 'limits', 'environ']

t.test('__dir__ describes the module to its admin', async t => {
  const { call } = await buildOwners(t)
  for (const path of [`/${admin}/__dir__`, `/${admin}/tenant-api/__dir__`]) {
    const answer = await call(adminCredentials, 'GET', path)
    t.equal(answer.statusCode, 200)
    const listing = answer.json() as { modules: Listing[] } | Listing
    const module = 'modules' in listing ? listing.modules.find(({ name }) => name === 'tenant-api')! : listing
    t.strictSame([...new Set(module.endpoints.map(({ api }) => api))].sort(), [...apis].sort())
    t.equal(module.endpoints.length, 13)
    for (const { api, summary, args } of module.endpoints) t.ok(summary && args?.properties, api)
  }
})

t.test('@fastify/swagger documents the module', async t => {
  const { app } = await buildOwners(t, { before: async app => { await app.register(fastifySwagger, { openapi: { info: { title: 'Desk', version: '1' } } }) } })
  const paths = app.swagger().paths as Record<string, Record<string, { summary?: string, tags?: string[], requestBody?: unknown, responses?: unknown, parameters?: unknown[] }>>
  for (const api of apis) {
    const path = paths[`/rest/services/${admin}/tenant-api/${api}`]
    t.ok(path, api)
    for (const { summary, tags } of Object.values(path ?? {})) t.ok(summary && tags?.length === 1, api)
  }
  const { put } = paths[`/rest/services/${admin}/tenant-api/limits`] ?? {}
  t.match(put?.requestBody, { content: { 'application/json': { schema: { required: ['uuid'], properties: { uuid: { type: 'string' }, plan: {}, turnMs: { type: 'integer', minimum: 10 } } } } } })
  t.match(put?.responses, { 200: { content: { 'application/json': { schema: { properties: { limits: { properties: { turnMs: { type: 'integer' } } } } } } } } })
  t.notMatch(JSON.stringify(put), /"default"/, 'what is not sent is not set')
  t.match(paths[`/rest/services/${admin}/tenant-api/list`]?.['get']?.parameters, [{ in: 'query', name: 'after', required: false }, { in: 'query', name: 'limit' }])
})

t.test('the module is reached by its own name only, and by admins only', async t => {
  const { call, manage } = await buildOwners(t)
  await manage('POST', 'register', { userid: 'a', uuid: tenant })
  t.equal((await call(adminCredentials, 'GET', `/${admin}/list`)).statusCode, 404, 'no short form, which might be that of a module of the admin\'s')
  t.equal((await call(adminCredentials, 'GET', `/${tenant}/tenant-api/list`)).statusCode, 404)
  t.equal((await call(adminCredentials, 'GET', '/tenant-api/list')).statusCode, 404)
})

t.test('without ADMIN_SECRET there is no management', async t => {
  const { call } = await buildOwners(t, { ADMIN_SECRET: [] })
  for (const by of [undefined, adminCredentials]) t.match((await call(by, 'GET', `/${admin}/tenant-api/list`)).statusCode, by ? /401|404/ : 404)
})

t.test('with the envelope, results are in it', async t => {
  const { manage } = await buildOwners(t, { envelope: true })
  t.strictSame((await manage('GET', 'list')).json(), { status: 'OK', response: { tenants: [] } })
})
