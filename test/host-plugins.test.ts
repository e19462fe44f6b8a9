import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fastifyCors from '@fastify/cors'
import fastifyEnv from '@fastify/env'
import fastifyHelmet from '@fastify/helmet'
import fastifyRateLimit from '@fastify/rate-limit'
import fastifySwagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { build, moduleSource } from './helper.ts'

const limited = (max: number, result = 'limited') => `{ config: { rateLimit: { max: ${max}, timeWindow: '1 hour' } } }, () => '${result}'`

t.test('@fastify/env of the host', async t => {
  const schema = { type: 'object', required: ['FMS_TEST_HOST'], properties: { FMS_TEST_HOST: { type: 'string' }, NUM_URL_PARMS: { type: 'number' } } }
  process.env['FMS_TEST_HOST'] = 'mine'
  process.env['NUM_URL_PARMS'] = '2'
  t.teardown(() => {
    delete process.env['FMS_TEST_HOST']
    delete process.env['NUM_URL_PARMS']
  })
  const register = async (app: FastifyInstance) => { await app.register(fastifyEnv, { schema, confKey: 'settings' }) }
  for (const when of [{ before: register }, { after: register }]) {
    t.test(`registered ${Object.keys(when)[0]} ours`, async t => {
      const { app, url } = await build(t, { files: { 'demo.ts': moduleSource({ echo: '{}, args => args' }) }, env: true, ...when })
      t.same(app.getDecorator('settings'), { FMS_TEST_HOST: 'mine', NUM_URL_PARMS: 2 })
      t.same(app.getEnvs(), { FMS_TEST_HOST: 'mine', NUM_URL_PARMS: 2 })
      t.equal((await app.inject(url('/echo/1/2'))).statusCode, 200)
      t.equal((await app.inject(url('/echo/1/2/3'))).statusCode, 404, 'ours has read its own')
    })
  }

  t.test('ours leaves no trace', async t => {
    const { app } = await build(t, { env: true })
    t.notOk(app.hasDecorator('getEnvs'))
    t.notOk(app.hasDecorator('config'))
    t.notOk(app.hasRequestDecorator('getEnvs'))
  })
})

t.test('@fastify/swagger documents endpoints', async t => {
  interface Operation { summary?: string, description?: string, tags?: string[], deprecated?: boolean, parameters?: unknown[], requestBody?: unknown, responses?: unknown }
  const files = {
    'shop.ts': moduleSource({
      product: `{
        method: 'GET|POST', summary: 'Finds', description: 'By label', tags: ['shop'], deprecated: true,
        args: Type.Object({ label: Type.String(), max: Type.Optional(Type.Integer()) }),
        returns: Type.Object({ id: Type.String() })
      }, () => ({ id: '7' })`,
      plain: '{}, () => 1',
      either: "{ method: 'GET|POST', args: Type.Union([Type.Object({ a: Type.String() }), Type.Object({ b: Type.String() })]) }, args => args",
      referring: "{ args: { type: 'object', properties: { a: { $ref: '#/$defs/x' } }, $defs: { x: { type: 'string' } } } }, args => args"
    }, "export const __alias__ = 'v1'")
  }
  const document = async (t: Parameters<typeof build>[0], envelope: boolean) => {
    const { app } = await build(t, {
      files, envelope, before: async app => { await app.register(fastifySwagger, { openapi: { info: { title: 'Shop', version: '1' } } }) }
    })
    return app.swagger().paths as Record<string, Record<string, Operation>>
  }

  t.test('with their arguments, results and texts', async t => {
    const paths = await document(t, false)
    for (const path of ['/rest/services/product', '/rest/services/shop/product', '/rest/services/v1/product']) {
      const { get, post } = paths[path] ?? {}
      const texts = { summary: 'Finds', description: 'By label', tags: ['shop'], deprecated: true }
      const responses = { 200: { content: { 'application/json': { schema: { properties: { id: { type: 'string' } } } } } } }
      t.match(get, { ...texts, responses, parameters: [{ in: 'query', name: 'label', required: true }, { in: 'query', name: 'max', required: false }] }, path)
      t.match(post, {
        ...texts,
        responses,
        requestBody: { content: { 'application/json': { schema: { required: ['label'], properties: { label: { type: 'string' }, max: { type: 'integer' } } } } } }
      })
    }
    t.ok(paths['/rest/services/plain']?.['get'])
    t.same(Object.keys(paths).filter(path => /[*{]/.test(path)), [], 'routes with slugs and the catch-all are hidden')
  })

  t.test('with the envelope around results', async t => {
    const paths = await document(t, true)
    t.match(paths['/rest/services/product']?.['get']?.responses, {
      200: { content: { 'application/json': { schema: { properties: { status: { type: 'string' }, response: { properties: { id: { type: 'string' } } } } } } } }
    })
  })
})

t.test('@fastify/rate-limit', async t => {
  const files = { 'demo.ts': moduleSource({ scarce: limited(2), free: "{}, () => 'free'" }, "export const __alias__ = 'v1'") }

  t.test('`config.rateLimit` of an endpoint limits each of its URL forms, and no other endpoint', async t => {
    const { app, url } = await build(t, { files, before: async app => { await app.register(fastifyRateLimit, { global: false }) } })
    for (const path of ['/scarce', '/scarce/slug', '/demo/scarce', '/demo/scarce/slug', '/v1/scarce', '/v1/scarce/slug']) {
      const codes = []
      for (let i = 0; i < 3; i++) codes.push((await app.inject(url(path))).statusCode)
      t.same(codes, [200, 200, 429], path)
    }
    for (const path of ['/scarce/', '/SCARCE', '/scarce?a=1', '/%73carce', '/./scarce']) {
      t.not((await app.inject(url(path))).body, '"limited"', `no way around it: ${path}`)
    }
    for (let i = 0; i < 5; i++) {
      const answer = await app.inject(url('/free'))
      t.equal(answer.statusCode, 200)
      t.notOk(answer.headers['x-ratelimit-limit'])
    }
  })

  t.test('a global limit counts for endpoints, known at start and not', async t => {
    const { app, url, directory } = await build(t, {
      files, before: async app => { await app.register(fastifyRateLimit, { global: true, max: 3, timeWindow: '1 hour' }) }
    })
    writeFileSync(join(directory, 'later.ts'), moduleSource({ late: "{}, () => 'late'" }))
    await app.microservices.refresh()
    for (const path of ['/free', '/free/slug', '/late']) {
      const answers = []
      for (let i = 0; i < 4; i++) answers.push(await app.inject(url(path)))
      t.match(answers[0]?.headers, { 'x-ratelimit-limit': '3' }, path)
      t.equal(answers.at(-1)?.statusCode, 429)
    }
  })
})

t.test('@fastify/helmet adds its headers', async t => {
  const { app, url } = await build(t, {
    files: { 'demo.ts': moduleSource({ plain: '{}, () => 1', web: "{}, () => new Response('x', { headers: { 'x-own': '1' } })" }) },
    before: async app => { await app.register(fastifyHelmet) }
  })
  for (const path of ['/plain', '/plain/slug', '/web', '/nothing', '/__dir__']) {
    const { headers } = await app.inject(url(path))
    t.match(headers, { 'x-content-type-options': 'nosniff', 'content-security-policy': String }, path)
  }
  t.equal((await app.inject(url('/web'))).headers['x-own'], '1')
})

t.test('@fastify/cors answers for endpoints', async t => {
  const { app, url } = await build(t, {
    files: { 'demo.ts': moduleSource({ save: "{ method: 'PUT' }, () => 'saved'" }) },
    before: async app => { await app.register(fastifyCors, { origin: 'https://example.org', methods: ['GET', 'PUT'] }) }
  })
  const origin = { origin: 'https://example.org' }
  for (const path of ['/save', '/demo/save/slug']) {
    const preflight = await app.inject({ method: 'OPTIONS', url: url(path), headers: { ...origin, 'access-control-request-method': 'PUT' } })
    t.equal(preflight.statusCode, 204, path)
    t.match(preflight.headers, { 'access-control-allow-origin': 'https://example.org', 'access-control-allow-methods': 'GET, PUT' })
    const answer = await app.inject({ method: 'PUT', url: url(path), headers: origin })
    t.equal(answer.json(), 'saved')
    t.equal(answer.headers['access-control-allow-origin'], 'https://example.org')
  }
})

t.test('the route `config` of an endpoint', async t => {
  const open = "{}, () => 'open'"

  t.test('is seen by hooks of the host', async t => {
    const { app, url } = await build(t, {
      files: { 'demo.ts': moduleSource({ guarded: "{ config: { role: 'admin' } }, () => 1", open }) },
      before: app => {
        app.addHook('onRequest', async ({ routeOptions }, reply) => {
          if ((routeOptions.config as { role?: string }).role === 'admin') return await reply.code(401).send('who are you?')
        })
      }
    })
    for (const path of ['/guarded', '/guarded/1', '/demo/guarded', '/demo/guarded/1']) t.equal((await app.inject(url(path))).statusCode, 401, path)
    t.equal((await app.inject(url('/open'))).statusCode, 200)
  })

  t.test('that appears or changes after start waits for a restart, and says so', async t => {
    const lines: string[] = []
    const logger = { level: 'warn', stream: { write: (line: string) => { lines.push(line) } } }
    const files = { 'demo.ts': moduleSource({ same: limited(9, 'same'), changes: limited(9), gains: open, free: open }) }
    const { app, url, directory } = await build(t, { files, fastify: { logger }, before: async app => { await app.register(fastifyRateLimit, { global: false }) } })
    for (const path of ['/same', '/changes', '/gains', '/free']) t.equal((await app.inject(url(path))).statusCode, 200, path)
    t.same(app.microservices.directory().problems, [])

    const changed = { 'demo.ts': moduleSource({ same: limited(9, 'new'), changes: limited(8), gains: limited(9), free: "{}, () => 'new'" }) }
    writeFileSync(join(directory, 'demo.ts'), changed['demo.ts'])
    writeFileSync(join(directory, 'later.ts'), moduleSource({ appears: limited(9) }))
    await app.microservices.refresh()
    for (const path of ['/same', '/free', '/demo/same']) t.equal((await app.inject(url(path))).json(), 'new', path)
    for (const path of ['/changes', '/changes/1', '/demo/changes', '/gains', '/gains/1', '/demo/gains', '/appears', '/later/appears', '/appears/1']) {
      const answer = await app.inject(url(path))
      t.equal(answer.statusCode, 404, path)
      t.match(answer.json(), { code: 'FMS_ERR_UNDEFINED' })
    }
    const { problems } = app.microservices.directory()
    t.same(problems.map(({ code, endpoint }) => [code, endpoint]).sort(), [
      ['FMS_ERR_RESTART', 'appears'], ['FMS_ERR_RESTART', 'changes'], ['FMS_ERR_RESTART', 'gains']
    ])
    for (const endpoint of ['appears', 'changes', 'gains']) {
      t.ok(lines.some(line => line.includes('FMS_ERR_RESTART') && line.includes(endpoint)), `${endpoint} is in the log`)
    }

    writeFileSync(join(directory, 'demo.ts'), files['demo.ts'])
    rmSync(join(directory, 'later.ts'))
    await app.microservices.refresh()
    t.same(app.microservices.directory().problems, [], 'back to what the routes know')
    t.equal((await app.inject(url('/changes'))).json(), 'limited')
    t.equal((await app.inject(url('/gains'))).json(), 'open')

    writeFileSync(join(directory, 'demo.ts'), changed['demo.ts'])
    await t.test('which serves it', async t => {
      const { app } = await build(t, { plugins: [directory], before: async app => { await app.register(fastifyRateLimit, { global: false }) } })
      for (const path of ['/changes', '/gains', '/demo/gains']) t.equal((await app.inject(url(path))).json(), 'limited', path)
      t.same(app.microservices.directory().problems, [])
    })
  })

  t.test('never vanishes because another module goes or comes', async t => {
    const { app, url, directory } = await build(t, {
      files: {
        'a.ts': moduleSource({ open: "{ api: 'shared' }, () => 'a'" }),
        'b.ts': moduleSource({ limited: "{ api: 'shared', config: { rateLimit: { max: 1, timeWindow: '1 hour' } } }, () => 'b'" })
      },
      before: async app => { await app.register(fastifyRateLimit, { global: false }) }
    })
    t.equal((await app.inject(url('/shared'))).json(), 'a')
    rmSync(join(directory, 'a.ts'))
    await app.microservices.refresh()
    for (const path of ['/shared', '/shared/1']) t.equal((await app.inject(url(path))).statusCode, 404, `${path} has no limit, so it does not serve b`)
    t.same(app.microservices.directory().problems.map(({ code, endpoint }) => [code, endpoint]), [['FMS_ERR_RESTART', 'limited']])
    t.equal((await app.inject(url('/b/shared'))).json(), 'b', 'its own URL has the limit')
    t.equal((await app.inject(url('/b/shared'))).statusCode, 429)

    writeFileSync(join(directory, 'a.ts'), moduleSource({ open: "{ api: 'shared' }, () => 'a'" }))
    await app.microservices.refresh()
    t.equal((await app.inject(url('/shared'))).json(), 'a')
    t.same(app.microservices.directory().problems, [])
  })

  t.test('never vanishes where a module is named like an endpoint', async t => {
    const { app, url, directory } = await build(t, {
      files: { 'a.ts': moduleSource({ one: open }), z: {} },
      before: async app => { await app.register(fastifyRateLimit, { global: false }) }
    })
    mkdirSync(join(directory, 'one'))
    writeFileSync(join(directory, 'one/index.ts'), moduleSource({ two: limited(1), three: open }))
    await app.microservices.refresh()
    t.equal((await app.inject(url('/one/two'))).statusCode, 404)
    t.equal((await app.inject(url('/one/three'))).json(), 'open')
    t.equal((await app.inject(url('/one'))).json(), 'open')
  })
})
