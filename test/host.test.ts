import { writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import microservices from '../lib/index.ts'
import { build, moduleSource } from './helper.ts'

const files = {
  'demo.ts': moduleSource({
    echo: "{ method: 'GET|POST' }, (args, { body, headers, query }) => ({ args, body: body === undefined ? 'none' : body, seen: headers['x-seen'] })",
    typed: "{ method: 'POST', args: Type.Object({ age: Type.Integer() }) }, ({ age }) => age",
    refuse: "{}, () => fail(409, 'Taken')",
    crash: "{}, () => { throw new Error('a secret of the house') }"
  })
}

const json = { 'content-type': 'application/json' }

t.test('content types', async t => {
  t.test('JSON is parsed by us, and by the host on its own routes', async t => {
    const { app, url } = await build(t, {
      files,
      before: app => {
        app.removeContentTypeParser('application/json')
        app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => { done(null, { host: body }) })
        app.post('/host', async ({ body }) => body)
      }
    })
    const payload = '{"a":1}'
    t.same((await app.inject({ method: 'POST', url: url('/echo'), headers: json, payload })).json(), { args: { a: 1 }, body: { a: 1 } })
    t.same((await app.inject({ method: 'POST', url: '/host', headers: json, payload })).json(), { host: payload })
  })

  t.test('others are the host\'s', async t => {
    const { app, url } = await build(t, {
      files,
      before: app => {
        app.addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, body, done) => { done(null, (body as string).split(',')) })
        app.addContentTypeParser(/^application\/.*\+json$/, { parseAs: 'string' }, (_request, body, done) => { done(null, JSON.parse(body as string)) })
      }
    })
    const send = async (type: string, payload: string) => await app.inject({ method: 'POST', url: url('/echo'), headers: { 'content-type': type }, payload })
    t.same((await send('text/csv', 'a,b')).json(), { args: {}, body: ['a', 'b'] })
    t.same((await send('application/vnd.x+json', '{"a":1}')).json(), { args: { a: 1 }, body: { a: 1 } })
    t.same((await send('text/plain', 'text')).json(), { args: {}, body: 'text' }, "Fastify's own")
    t.equal((await send('image/png', 'x')).statusCode, 415)
  })

  t.test('that the host removed are gone', async t => {
    const { app, url } = await build(t, { files, before: app => app.removeAllContentTypeParsers() })
    t.equal((await app.inject({ method: 'POST', url: url('/echo'), headers: { 'content-type': 'text/plain' }, payload: 'x' })).statusCode, 415)
    t.equal((await app.inject({ method: 'POST', url: url('/echo'), headers: json, payload: '{"a":1}' })).json().args.a, 1)
  })

  t.test('routes of the host parse JSON as they did', async t => {
    const add = (app: FastifyInstance) => { app.post('/host', async ({ body }) => ({ body, keys: Object.keys(body ?? {}) })) }
    const bare = Fastify()
    t.teardown(() => bare.close())
    add(bare)
    const { app } = await build(t, { files, after: add })
    for (const payload of ['{"__proto__":{"a":1}}', '{"constructor":{"prototype":{"a":1}}}', '', 'nonsense', '{"a":1}']) {
      const [ours, theirs] = await Promise.all([app, bare].map(one => one.inject({ method: 'POST', url: '/host', headers: json, payload })))
      t.equal(ours?.statusCode, theirs?.statusCode, payload)
      t.equal(ours?.body, theirs?.body, payload)
    }
  })

  t.test('the settings onProtoPoisoning and onConstructorPoisoning of the host do not open ours', async t => {
    const { app, url } = await build(t, { files, fastify: { onProtoPoisoning: 'ignore', onConstructorPoisoning: 'error' } })
    const send = async (payload: string) => await app.inject({ method: 'POST', url: url('/echo'), headers: json, payload })
    t.equal((await send('{"__proto__":{"a":1}}')).statusCode, 400)
    const given = await send('{"constructor":{"prototype":1},"a":1}')
    t.same(given.json().args, { a: 1 })
    t.ok(Object.hasOwn(given.json().body, 'constructor'))
  })
})

t.test('the body limit of the host is ours', async t => {
  const { app, url } = await build(t, { files, fastify: { bodyLimit: 20 } })
  const send = async (length: number) => await app.inject({ method: 'POST', url: url('/echo'), headers: json, payload: `{"a":"${'x'.repeat(length)}"}` })
  t.equal((await send(5)).statusCode, 200)
  t.match(await send(20), { statusCode: 413 })
})

t.test('the error handler of the host is given our errors', async t => {
  interface Seen { code?: string, statusCode?: number, message: string, cause?: unknown, validation?: unknown }
  const seen: Seen[] = []
  const { app, url } = await build(t, {
    files,
    authorize: ({ headers }) => headers['x-stranger'] === undefined,
    before: app => {
      app.setErrorHandler((error: Seen, _request, reply) => {
        seen.push(error)
        return reply.code(error.statusCode ?? 500).send({ problem: error.code ?? 'none', title: error.message })
      })
    }
  })
  const unknown = await app.inject(url('/nothing'))
  t.equal(unknown.statusCode, 404)
  t.same(unknown.json(), { problem: 'FMS_ERR_UNDEFINED', title: 'nothing is undefined for GET.' })

  const refused = await app.inject(url('/refuse'))
  t.equal(refused.statusCode, 409)
  t.same(refused.json(), { problem: 'none', title: 'Taken' })

  const crashed = await app.inject(url('/crash'))
  t.equal(crashed.statusCode, 500)
  t.same(crashed.json(), { problem: 'FMS_ERR_FUNCTION', title: 'Internal Server Error' })
  t.equal((seen.at(-1)?.cause as Error).message, 'a secret of the house', 'the cause is for the host')

  const invalid = await app.inject({ method: 'POST', url: url('/typed'), headers: json, payload: '{"age":"old"}' })
  t.equal(invalid.statusCode, 400)
  t.match(seen.at(-1), { code: 'FST_ERR_VALIDATION', validation: [{ instancePath: '/age' }] })

  const stranger = await app.inject({ url: url('/echo'), headers: { 'x-stranger': '1' } })
  t.equal(stranger.statusCode, 403)
  t.equal(stranger.json().problem, 'FMS_ERR_FORBIDDEN')

  const malformed = await app.inject({ method: 'POST', url: url('/echo'), headers: json, payload: '{' })
  t.equal(malformed.statusCode, 400)
  t.equal(seen.length, 6)
})

t.test('what the host sets up after a registration that it does not wait for counts as well', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(microservices, { plugins: [t.testdir(files)], watch: false, env: false })
  app.addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, body, done) => { done(null, (body as string).split(',')) })
  app.addHook('onRequest', async request => { request.raw.headers['x-seen'] = 'by the host' })
  app.setErrorHandler((error: Error, _request, reply) => reply.code(418).send({ title: error.message }))
  app.setNotFoundHandler((request, reply) => reply.code(404).send({ lost: request.url }))
  const answer = await app.inject({ method: 'POST', url: '/rest/services/echo', headers: { 'content-type': 'text/csv' }, payload: 'a,b' })
  t.same(answer.json(), { args: {}, body: ['a', 'b'], seen: 'by the host' })
  t.same((await app.inject('/rest/services/refuse')).json(), { title: 'Taken' })
  t.same((await app.inject('/rest/services')).json(), { lost: '/rest/services' })
})

t.test('the hooks of the host run on endpoints, known at start and not', async t => {
  const ran: string[] = []
  const errors: unknown[] = []
  const { app, url, directory } = await build(t, {
    files,
    before: app => {
      app.addHook('onRequest', async request => { ran.push('onRequest'); request.raw.headers['x-seen'] = 'by the host' })
      app.addHook('preParsing', async (_request, _reply, payload) => { ran.push('preParsing'); return payload })
      app.addHook('preValidation', async () => { ran.push('preValidation') })
      app.addHook('preHandler', async () => { ran.push('preHandler') })
      app.addHook('preSerialization', async (_request, _reply, payload) => {
        ran.push('preSerialization')
        return typeof payload === 'object' ? { ...payload, added: typeof payload } : payload
      })
      app.addHook('onSend', async (_request, reply, payload) => { ran.push('onSend'); reply.header('x-sent', '1'); return payload })
      app.addHook('onResponse', async () => { ran.push('onResponse') })
      app.addHook('onError', async (_request, _reply, error) => { ran.push('onError'); errors.push(error.message) })
    }
  })
  writeFileSync(`${directory}/later.ts`, moduleSource({ late: "{ method: 'GET|POST' }, (args, { headers }) => ({ args, seen: headers['x-seen'] })" }))
  await app.microservices.refresh()

  for (const path of ['/echo', '/echo/slug', '/demo/echo', '/late', '/later/late']) {
    ran.length = 0
    const answer = await app.inject({ method: 'POST', url: url(path), headers: json, payload: '{"a":1}' })
    t.match(answer.json(), { args: { a: 1 }, seen: 'by the host', added: 'object' }, path)
    t.equal(answer.headers['x-sent'], '1')
    t.same(ran, ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend', 'onResponse'], path)
  }
  ran.length = 0
  await app.inject(url('/refuse'))
  await app.inject(url('/nothing'))
  t.same(ran.filter(name => ['onRequest', 'onError', 'onResponse'].includes(name)),
    ['onRequest', 'onError', 'onResponse', 'onRequest', 'onError', 'onResponse'])
  t.same(errors, ['Taken', 'nothing is undefined for GET.'])
})

t.test('a hook of the host that answers itself spares the endpoint', async t => {
  for (const name of ['onRequest', 'preValidation', 'preHandler'] as const) {
    const { app, url } = await build(t, {
      files,
      before: app => { app.addHook(name, async (_request, reply) => reply.code(401).send({ who: 'the host' })) }
    })
    for (const path of ['/crash', '/crash/1']) {
      const answer = await app.inject(url(path))
      t.equal(answer.statusCode, 401, `${name} ${path}`)
      t.same(answer.json(), { who: 'the host' })
    }
  }
})

t.test('a hook of the host that fails is told to the client', async t => {
  for (const name of ['preSerialization', 'onSend'] as const) {
    const { app, url } = await build(t, {
      files,
      before: app => {
        app.addHook(name, async (_request: unknown, reply: { statusCode: number }, payload: unknown) => {
          if (reply.statusCode === 200) throw Object.assign(new Error('the hook failed'), { statusCode: 503 })
          return payload
        })
      }
    })
    const answer = await app.inject(url('/echo'))
    t.equal(answer.statusCode, 503, name)
    t.match(answer.json(), { statusCode: 503, message: 'the hook failed' })
  }
})

t.test('the not-found handler of the host answers outside, and for what names nothing', async t => {
  const { app } = await build(t, {
    files,
    before: app => { app.setNotFoundHandler((request, reply) => reply.code(404).send({ lost: request.url })) }
  })
  for (const url of ['/', '/elsewhere', '/rest', '/rest/servicesx/echo', '/rest/services', '/rest/services/', '/rest/services?a=1']) {
    const answer = await app.inject(url)
    t.equal(answer.statusCode, 404, url)
    t.same(answer.json(), { lost: url })
  }
  t.equal((await app.inject('/rest/services/nothing')).json().code, 'FMS_ERR_UNDEFINED')
})

t.test('prefix', async t => {
  const cases: ReadonlyArray<[title: string, prefix: string, base: string]> = [
    ['the root', '/', ''],
    ['with a slash at its end', '/api/', '/api'],
    ['with a parameter', '/api/:version', '/api/v7']
  ]
  for (const [title, prefix, base] of cases) {
    t.test(title, async t => {
      const { app } = await build(t, { files, prefix })
      for (const path of ['/echo', '/echo/', '/demo/echo', '/demo/echo/']) t.equal((await app.inject(base + path)).statusCode, 200, path)
      t.match((await app.inject(`${base}/echo/one`)).json(), { args: { parm_1: 'one' } })
      t.match((await app.inject(`${base}/__dir__`)).json(), { modules: [{ name: 'demo' }] })
      t.equal((await app.inject(`${base}/nothing`)).json().code, 'FMS_ERR_UNDEFINED')
    })
  }

  t.test('of the context, also with a parameter', async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    const directory = t.testdir(files)
    await app.register(async tenant => {
      tenant.get('/own', async ({ params }) => params)
      await tenant.register(microservices, { plugins: [directory], watch: false, env: false, prefix: '/rest' })
      t.equal(tenant.microservices.prefix, '/:tenant/rest')
    }, { prefix: '/:tenant' })
    t.match((await app.inject('/acme/rest/echo/one?a=1')).json(), { args: { parm_1: 'one', a: '1' } })
    t.match((await app.inject('/acme/rest/demo/echo/one')).json(), { args: { parm_1: 'one' } })
    t.same((await app.inject('/acme/own')).json(), { tenant: 'acme' })
    t.equal((await app.inject('/rest/echo')).statusCode, 404)
    t.notOk(app.hasDecorator('microservices'), 'it stays in its context')
  })
})

t.test('settings of the host\'s router', async t => {
  const router = async (t: Test, routerOptions: NonNullable<FastifyServerOptions['routerOptions']>, more: FastifyServerOptions = {}) =>
    (await build(t, { files: { ...files, 'Other.ts': moduleSource({ Big: '{}, args => args' }) }, fastify: { ...more, routerOptions } })).app

  t.test('ignoreTrailingSlash', async t => {
    const app = await router(t, { ignoreTrailingSlash: true })
    for (const path of ['/echo', '/echo/', '/demo/echo', '/demo/echo/']) t.equal((await app.inject(`/rest/services${path}`)).statusCode, 200, path)
    t.equal((await app.inject('/rest/services')).statusCode, 404)
    t.match((await app.inject('/rest/services/echo/1/')).json(), { args: { parm_1: '1' } })
  })

  t.test('caseSensitive: false', async t => {
    const app = await router(t, { caseSensitive: false })
    for (const path of ['/rest/services/Big', '/REST/Services/big', '/rest/services/other/BIG', '/rest/services/ECHO']) {
      t.equal((await app.inject(path)).statusCode, 200, path)
    }
    t.same((await app.inject('/rest/services/big/Slug')).json(), { parm_1: 'Slug' }, 'with a slug, whose case stays')
    t.same((await app.inject('/rest/services/other/big/Slug')).json(), { parm_1: 'Slug' })
    t.match((await app.inject('/REST/services/__dir__')).json(), { modules: [{ name: 'Other' }, { name: 'demo' }] })
  })

  t.test('caseSensitive: false, where two names differ in nothing else', async t => {
    const { app, url } = await build(t, {
      files: { 'demo.ts': moduleSource({ Twin: "{}, () => 'first'", twin: "{ method: 'GET|POST' }, () => 'second'" }) },
      fastify: { routerOptions: { caseSensitive: false } }
    })
    t.equal((await app.inject(url('/twin'))).statusCode, 200)
    t.equal((await app.inject({ method: 'POST', url: url('/TWIN') })).json(), 'second')
  })

  t.test('ignoreDuplicateSlashes', async t => {
    const app = await router(t, { ignoreDuplicateSlashes: true })
    t.equal((await app.inject('/rest//services/echo')).statusCode, 200)
    t.match((await app.inject('/rest//services//echo//1')).json(), { args: { parm_1: '1' } })
  })

  t.test('useSemicolonDelimiter', async t => {
    const options = { caseSensitive: true, useSemicolonDelimiter: true }
    const app = await router(t, options)
    t.match((await app.inject('/rest/services/echo;a=1')).json(), { args: { a: '1' } })
    t.match((await app.inject('/rest/services/echo/one;a=1')).json(), { args: { parm_1: 'one', a: '1' } })
  })

  t.test('rewriteUrl', async t => {
    const app = await router(t, {}, { rewriteUrl: ({ url = '' }) => url.replace(/^\/short/, '/rest/services') })
    t.match((await app.inject('/short/echo/one')).json(), { args: { parm_1: 'one' } })
  })

  for (const exposeHeadRoutes of [true, false]) {
    t.test(`exposeHeadRoutes: ${exposeHeadRoutes}`, async t => {
      const app = await router(t, {}, { exposeHeadRoutes })
      for (const path of ['/echo', '/echo/slug', '/__dir__']) {
        const answer = await app.inject({ method: 'HEAD', url: `/rest/services${path}` })
        t.equal(answer.statusCode, 200, path)
        t.equal(answer.body, '')
      }
      t.equal((await app.inject({ method: 'HEAD', url: '/rest/services/typed' })).statusCode, 404)
    })
  }
})

t.test('registered more than once', async t => {
  const one = { 'one.ts': moduleSource({ who: "{}, () => 'one'" }) }
  const two = { 'two.ts': moduleSource({ who: "{}, () => 'two'" }) }
  const given = (plugins: string, prefix: string) => ({ plugins: [plugins], prefix, watch: false, env: false } as const)

  t.test('under two prefixes: the first keeps the decorator, and at() gives each', async t => {
    const path = t.testdir({ one, two })
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(microservices, given(`${path}/one`, '/a'))
    await app.register(microservices, given(`${path}/two`, '/b'))
    t.equal((await app.inject('/a/who')).json(), 'one')
    t.equal((await app.inject('/b/who')).json(), 'two')
    t.equal(app.microservices.prefix, '/a')
    t.equal(app.microservices.at('/a'), app.microservices)
    t.equal(app.microservices.at('/b/').prefix, '/b')
    t.match(app.microservices.at('/b').directory().modules, [{ name: 'two' }])
    t.throws(() => app.microservices.at('/c'), { code: 'FMS_ERR_PREFIX', message: /"\/c".*\/a, \/b/ })
  })

  t.test('under one prefix: an error', async t => {
    const path = t.testdir({ one, two })
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(microservices, given(`${path}/one`, '/a'))
    await t.rejects(async () => await app.register(microservices, given(`${path}/two`, '/a/')), { code: 'FMS_ERR_OPTIONS', message: /prefix: .*"\/a" a second time/ })
  })

  t.test('in sibling contexts: each has its own', async t => {
    const path = t.testdir({ one, two })
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(async left => {
      await left.register(microservices, given(`${path}/one`, '/rest'))
      t.equal(left.microservices.prefix, '/left/rest')
    }, { prefix: '/left' })
    await app.register(async right => {
      await right.register(microservices, given(`${path}/two`, '/rest'))
      t.equal(right.microservices.prefix, '/right/rest')
      t.throws(() => right.microservices.at('/left/rest'), { code: 'FMS_ERR_PREFIX' })
    }, { prefix: '/right' })
    t.equal((await app.inject('/left/rest/who')).json(), 'one')
    t.equal((await app.inject('/right/rest/who')).json(), 'two')
  })

  t.test('one prefix within the other: the longer path wins', async t => {
    const path = t.testdir({ one, two })
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(microservices, given(`${path}/one`, '/rest'))
    await app.register(microservices, given(`${path}/two`, '/rest/inner'))
    t.equal((await app.inject('/rest/who')).json(), 'one')
    t.equal((await app.inject('/rest/inner/who')).json(), 'two')
  })
})

t.test('a route of the host at one of our URLs stays the host\'s', async t => {
  const both = { 'demo.ts': moduleSource({ taken: "{ method: 'GET|POST|PUT' }, () => 'ours'", free: "{}, () => 'free'" }) }
  for (const [method, url] of [['GET', '/rest/services/taken'], ['POST', '/rest/services/taken'], ['PUT', '/rest/services/taken'],
    ['HEAD', '/rest/services/taken'], ['GET', '/rest/services/taken/*'], ['PUT', '/rest/services/demo/taken']] as const) {
    t.test(`${method} ${url}`, async t => {
      const { app } = await build(t, {
        files: both,
        before: app => { app.route({ method, url, handler: async () => 'theirs' }) }
      })
      const path = url.replace('*', 'x')
      const answer = await app.inject({ method, url: path })
      t.equal(answer.statusCode, 200)
      if (method !== 'HEAD') t.equal(answer.body, 'theirs')
      t.equal((await app.inject('/rest/services/free')).json(), 'free')
      for (const other of ['GET', 'POST', 'PUT'] as const) {
        if (other !== method) t.equal((await app.inject({ method: other, url: path })).json(), 'ours', `${other} is ours as before`)
      }
    })
  }
})

t.test('over the network: 413 and an early answer leave the connection usable', async t => {
  const { app, url } = await build(t, { files, fastify: { bodyLimit: 1000 } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const send = (payload: string) => new Promise<number | undefined>((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path: url('/echo'), method: 'POST', headers: json }, answer => {
      answer.resume().once('end', () => { resolve(answer.statusCode) })
    })
    request.once('error', reject)
    request.end(payload)
  })
  t.equal(await send(JSON.stringify({ a: 'x'.repeat(5000) })), 413)
  t.equal(await send('{"a":1}'), 200)
})
