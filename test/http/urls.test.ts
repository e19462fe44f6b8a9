import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { build, type BuildOptions, type Built, moduleSource } from '../helper.ts'

/** An endpoint that tells what a URL was taken for. */
const tell = (descriptor: string) => `${descriptor}, (args, { module, api, method, params, path }) => ({ module, api, method, params, args, path })`
const all = tell("{ method: 'GET|POST|PUT|PATCH|DELETE' }")

const files = {
  'first.ts': moduleSource({
    echo: all,
    second: tell("{ method: 'GET' }"),
    onlyPost: tell("{ api: 'only-post', method: 'POST' }"),
    both: tell("{ method: 'POST|GET' }"),
    free: tell("{ params: ['name', 'rest'] }"),
    none: tell('{ params: [] }'),
    twin: tell("{ api: 'shared', method: 'GET' }"),
    prototype: tell("{ api: 'constructor' }")
  }, "export const __alias__ = 'v1'"),
  'second.ts': moduleSource({
    echo: tell("{ method: 'GET|DELETE' }"),
    second: all,
    own: tell("{ method: 'PUT' }"),
    shared: tell("{ method: 'POST' }"),
    both: tell("{ method: 'PUT' }")
  }, "export const __alias__ = 'product_v2'"),
  'empty.ts': 'export const nothing = 1'
}

interface Answer { status: number, headers: Record<string, string>, body: string }

/** Sends the path as it is: `inject` and fetch would normalise it. */
async function raw (app: FastifyInstance, target: string, method = 'GET'): Promise<Answer> {
  const { port } = app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  socket.end(`${method} ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  const answer = await text(socket)
  const [head = '', ...body] = answer.split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]))
  return { status: Number(first.split(' ')[1]), headers, body: body.join('\r\n\r\n') }
}

/** The same files as real routes, and by the catch-all. */
const ways: ReadonlyArray<[name: string, make: (t: Test, options?: BuildOptions) => Promise<Built>]> = [
  ['known at start', (t, options) => build(t, { files, ...options })],
  ['added later', async (t, options) => {
    const built = await build(t, options)
    for (const [name, source] of Object.entries(files)) writeFileSync(join(built.directory, name), source)
    await built.app.microservices.refresh()
    return built
  }]
]

/** What a request means, or the status and message of its refusal. */
const cases: ReadonlyArray<[request: string, expected: Record<string, unknown> | string, allow?: string[]]> = [
  // All forms.
  ['GET /echo', { module: 'first', api: 'echo', method: 'GET', params: {} }],
  ['GET /echo/', { module: 'first', api: 'echo', params: {} }],
  ['GET /echo/a/b-c/D_9', { module: 'first', params: { parm_1: 'a', parm_2: 'b-c', parm_3: 'D_9' } }],
  ['GET /echo/a/', { module: 'first', params: { parm_1: 'a' } }],
  ['GET /first/echo', { module: 'first', api: 'echo', params: {} }],
  ['GET /first/echo/', { module: 'first', params: {} }],
  ['GET /first/echo/a/b', { module: 'first', params: { parm_1: 'a', parm_2: 'b' } }],
  ['GET /v1/echo/a', { module: 'first', params: { parm_1: 'a' } }],
  ['DELETE /second/echo/a', { module: 'second', method: 'DELETE', params: { parm_1: 'a' } }],
  ['PATCH /product_v2/second/a', { module: 'second', api: 'second', method: 'PATCH', params: { parm_1: 'a' } }],
  ['PUT /own', { module: 'second', api: 'own' }],
  // An endpoint may be called like a module.
  ['GET /second', { module: 'first', api: 'second', params: {} }],
  ['GET /second/x', { module: 'first', api: 'second', params: { parm_1: 'x' } }],
  ['GET /second/second', { module: 'second', api: 'second', params: {} }],
  ['GET /second/second/second', { module: 'second', api: 'second', params: { parm_1: 'second' } }],
  ['GET /first/second/second', { module: 'first', api: 'second', params: { parm_1: 'second' } }],
  // The path decides, never the method: each of these would fit another endpoint by its method.
  ['POST /second/echo', '404 echo is undefined for POST.', ['GET', 'HEAD', 'DELETE']],
  ['GET /second/own', '404 own is undefined for GET.', ['PUT']],
  ['POST /shared', '404 shared is undefined for POST.', ['GET', 'HEAD']],
  ['POST /second/shared', { module: 'second', api: 'shared' }],
  ['PUT /both', '404 both is undefined for PUT.', ['POST', 'GET', 'HEAD']],
  ['PUT /second/both', { module: 'second' }],
  // Unknown.
  ['GET /nope', '404 nope is undefined for GET.'],
  ['DELETE /nope/a/b', '404 nope is undefined for DELETE.'],
  ['GET /first', '404 first is undefined for GET.'],
  ['GET /first/nope', '404 nope is undefined for GET.'],
  ['GET /first/nope/echo', '404 nope is undefined for GET.'],
  ['GET /empty/echo', '404 echo is undefined for GET.'],
  ['GET /only-post', '404 only-post is undefined for GET.', ['POST']],
  ['GET /only-post/a', '404 only-post is undefined for GET.', ['POST']],
  ['GET /onlyPost', '404 onlyPost is undefined for GET.'],
  ['GET /ECHO', '404 ECHO is undefined for GET.'],
  ['GET /constructor', { module: 'first', api: 'constructor' }],
  ['GET /toString', '404 toString is undefined for GET.'],
  ['GET /__proto__', '404 __proto__ is undefined for GET.'],
  ['GET /first/__proto__', '404 __proto__ is undefined for GET.'],
  ['GET /first/hasOwnProperty', '404 hasOwnProperty is undefined for GET.'],
  ['GET /__alias__', '404 __alias__ is undefined for GET.'],
  // Slugs.
  ['GET /echo/1/2/3/4/5/6/7/8/9/10', { params: Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`parm_${i + 1}`, `${i + 1}`])) }],
  ['GET /echo/1/2/3/4/5/6/7/8/9/10/11', '404 echo is undefined for GET.'],
  ['GET /first/echo/1/2/3/4/5/6/7/8/9/10/11', '404 echo is undefined for GET.'],
  ['GET /echo/a.b', '404 echo is undefined for GET.'],
  ['GET /echo/a%20b', '404 echo is undefined for GET.'],
  ['GET /echo/a+b', '404 echo is undefined for GET.'],
  ['GET /echo/%C3%A9', '404 echo is undefined for GET.'],
  ['GET /echo/a%2Fb', '404 echo is undefined for GET.'],
  ['GET /echo/a%2fb', '404 echo is undefined for GET.'],
  ['GET /echo/%00', '404 echo is undefined for GET.'],
  ['GET /echo/a%0A', '404 echo is undefined for GET.'],
  ['GET /echo/%2561', '404 echo is undefined for GET.'],
  ['GET /echo/a;b', '404 echo is undefined for GET.'],
  ['GET /echo/%61%2D%5F', { params: { parm_1: 'a-_' } }],
  [`GET /echo/${'a'.repeat(5000)}`, { params: { parm_1: 'a'.repeat(5000) } }],
  [`GET /${'a'.repeat(5000)}`, `404 ${'a'.repeat(5000)} is undefined for GET.`],
  // Any text under `params`.
  ['GET /free/a%2Fb/%C3%A9%20%3F%23%25', { params: { name: 'a/b', rest: 'é ?#%' } }],
  ['GET /free/%00', { params: { name: '\0' } }],
  ['GET /free/%252F', { params: { name: '%2F' } }],
  ['GET /free/a+b', { params: { name: 'a+b' } }],
  ['GET /free', { params: {} }],
  ['GET /free/a/b/c', '404 free is undefined for GET.'],
  [`GET /free/${'%2F'.repeat(2000)}`, { params: { name: '/'.repeat(2000) } }],
  ['GET /none', { params: {} }],
  ['GET /none/a', '404 none is undefined for GET.'],
  // Encoded names.
  ['GET /%65cho', { module: 'first', api: 'echo', params: {} }],
  ['GET /%65cho/%61', { module: 'first', api: 'echo', params: { parm_1: 'a' } }],
  ['GET /f%69rst/ech%6F/a', { module: 'first', api: 'echo', params: { parm_1: 'a' } }],
  ['GET /%2565cho', '404 %65cho is undefined for GET.'],
  ['GET /echo%2Fa', '404 echo/a is undefined for GET.'],
  ['GET /first%2Fecho', '404 first/echo is undefined for GET.'],
  ['GET /echo%20', '404 echo  is undefined for GET.'],
  ['GET /echo%3Fa=1', '404 echo?a=1 is undefined for GET.'],
  // The query is not part of the path, whatever it holds.
  ['GET /echo/a?b=c/d&e=f?g', { params: { parm_1: 'a' }, args: { b: 'c/d', e: 'f?g', parm_1: 'a' } }],
  ['GET /echo?a=%23%2F', { params: {}, args: { a: '#/' } }],
  ['GET /echo/?a=1', { params: {}, args: { a: '1' } }],
  ['GET /first/echo?/second/echo', { module: 'first', params: {} }]
]

for (const [name, make] of ways) {
  t.test(`endpoints ${name}: every form of a URL`, async t => {
    const { app, url } = await make(t)
    for (const [request, expected, allow] of cases) {
      const [method, path = ''] = request.split(' ')
      const label = request.slice(0, 80)
      const answer = await app.inject({ method: method as 'GET', url: url(path) })
      if (typeof expected === 'string') {
        t.match(answer.json(), { statusCode: 404, code: 'FMS_ERR_UNDEFINED', error: 'Not Found', message: expected.slice(4) }, label)
        t.equal(answer.statusCode, 404, label)
        t.strictSame(answer.headers.allow?.toString().split(', ').sort(), allow?.sort(), `${label}: Allow`)
      } else {
        t.match(answer.json(), { ...expected, method }, label)
        if ('params' in expected) t.strictSame(answer.json().params, expected['params'], `${label}: no more slugs`)
      }
    }
  })

  t.test(`endpoints ${name}: paths that a client would normalise`, async t => {
    const { app, url } = await make(t)
    await app.listen({ port: 0, host: '127.0.0.1' })
    for (const path of ['//echo', '/echo//', '/echo//a', '/first//echo', '/./echo', '/../services/echo', '/echo/.', '/echo/..', '/first/../echo', '/echo/a/..', '/echo/%2E%2E']) {
      const { status, body } = await raw(app, url(path))
      t.equal(status, 404, path)
      t.match(JSON.parse(body).message, / is undefined for GET\.$/, path)
    }
    t.strictSame(JSON.parse((await raw(app, url('/free/../.'))).body).params, { name: '..', rest: '.' }, 'text to an endpoint that takes any')
    t.strictSame(JSON.parse((await raw(app, url('/free/%2E%2E/..%2F..'))).body).params, { name: '..', rest: '../..' })
    t.strictSame(JSON.parse((await raw(app, url('/echo/a#/b'))).body).params, { parm_1: 'a' }, 'a fragment is not part of the path')
    t.strictSame(JSON.parse((await raw(app, url('/echo?b=1#/a'))).body).params, {}, 'nor one after the query')
    t.strictSame(JSON.parse((await raw(app, '/r%65st/services/echo/a')).body).params, { parm_1: 'a' }, 'an encoded prefix')
    for (const path of ['/echo/%', '/echo/%zz', '/echo/%C3', '/%zz', '/first/%', '/free/%E0%A4%A']) {
      const { status, body } = await raw(app, url(path))
      // Fastify's router refuses some with its own 400, before anything of ours sees them.
      t.ok(status === 404 || (status === 400 && JSON.parse(body).code === 'FST_ERR_BAD_URL'), `${path}: ${status}`)
    }
    t.equal((await raw(app, url('/echo/a'))).status, 200, 'still served')
  })

  // RFC 9112, 3.2.2: a server must accept the absolute form, which proxies send.
  t.test(`endpoints ${name}: a request target in absolute form`, async t => {
    const { app, url } = await make(t)
    await app.listen({ port: 0, host: '127.0.0.1' })
    for (const [path, params] of [['/echo', {}], ['/echo/a', { parm_1: 'a' }], ['/first/echo/a/b?c=d', { parm_1: 'a', parm_2: 'b' }]] as const) {
      const { status, body } = await raw(app, `http://example.com${url(path)}`)
      t.equal(status, 200, path)
      t.strictSame(JSON.parse(body).params, params, path)
    }
  })

  t.test(`endpoints ${name}: HEAD follows GET`, async t => {
    const { app, url } = await make(t)
    await app.listen({ port: 0, host: '127.0.0.1' })
    for (const path of ['/echo', '/echo/a', '/first/echo/a', '/v1/second']) {
      const head = await raw(app, url(path), 'HEAD')
      t.equal(head.status, 200, path)
      t.equal(head.body, '', `${path}: no body`)
      const { body } = await raw(app, url(path))
      t.equal(Number(head.headers['content-length']), Buffer.byteLength(body.replace('"GET"', '"HEAD"')), `${path}: the length of what GET would send`)
    }
    for (const path of ['/only-post', '/only-post/a', '/own']) {
      const head = await raw(app, url(path), 'HEAD')
      t.equal(head.status, 404, path)
      t.equal(head.body, '')
      t.equal(head.headers['allow'], path === '/own' ? 'PUT' : 'POST')
    }
  })

  t.test(`endpoints ${name}: names and number of slugs are settings`, async t => {
    const few = await make(t, { NUM_URL_PARMS: 2, URL_PARM0: 'ignored', URL_PARM1: 'id', URL_PARM3: 'ignored' })
    t.strictSame((await few.app.inject(few.url('/echo/a/b'))).json().params, { id: 'a', parm_2: 'b' })
    t.equal((await few.app.inject(few.url('/echo/a/b/c'))).statusCode, 404)
    t.strictSame((await few.app.inject(few.url('/free/a/b'))).json().params, { name: 'a', rest: 'b' }, '`params` has names and a number of its own')

    const no = await make(t, { NUM_URL_PARMS: 0 })
    t.equal((await no.app.inject(no.url('/echo/'))).statusCode, 200)
    t.equal((await no.app.inject(no.url('/echo/a'))).statusCode, 404)
    t.equal((await no.app.inject(no.url('/free/a/b'))).statusCode, 200)

    const many = await make(t, { NUM_URL_PARMS: 500 })
    t.equal((await many.app.inject(many.url(`/echo${'/a'.repeat(500)}`))).json().params.parm_500, 'a')
    t.equal((await many.app.inject(many.url(`/echo${'/a'.repeat(501)}`))).statusCode, 404)
  })
}

for (const [name, make] of ways) {
  t.test(`endpoints ${name}: paths are read as the host's router reads them`, async t => {
    // Not a literal in place: Fastify's types do not know the last one here, Fastify does.
    const routerOptions = { ignoreDuplicateSlashes: true, ignoreTrailingSlash: true, useSemicolonDelimiter: true }
    const loose = await make(t, { fastify: { routerOptions } })
    await loose.app.listen({ port: 0, host: '127.0.0.1' })
    for (const [path, expected] of [
      ['//echo', {}], ['/echo//a', { parm_1: 'a' }], ['/first//echo///a//b', { parm_1: 'a', parm_2: 'b' }], ['/echo/a/', { parm_1: 'a' }],
      ['/echo;b=1', {}], ['/echo/a;b=1', { parm_1: 'a' }], ['/first/echo/a;b=/c', { parm_1: 'a' }]
    ] as const) {
      const { status, body } = await raw(loose.app, loose.url(path))
      t.equal(status, 200, path)
      t.strictSame(JSON.parse(body).params, expected, path)
    }
  })

  t.test(`endpoints ${name}: each owner has a namespace`, async t => {
    const [one, two] = ['70dd81e5-961a-470e-9e88-63d828674757', '0c6a9dd2-3f4f-4b0c-8f0e-2f3a5d2c1b0a']
    const { app, url } = await make(t, { MULTI_TENANT: true, ADMIN_ID: [one, two] })
    for (const [path, module, params] of [
      ['/echo', 'first', {}], ['/echo/a', 'first', { parm_1: 'a' }], ['/second/echo/a', 'second', { parm_1: 'a' }], ['/v1/echo', 'first', {}]
    ] as const) {
      t.match((await app.inject(url(`/${one}${path}`))).json(), { module, api: 'echo', params }, path)
    }
    const bodies = new Set<string>()
    for (const owner of [two, '11111111-2222-4333-8444-555555555555', 'not-a-uuid', one.slice(1), `${one}0`, '__proto__', 'first', '%00']) {
      const answer = await app.inject(url(`/${owner}/echo`))
      t.equal(answer.statusCode, 404, owner)
      t.equal(answer.headers.allow, undefined, owner)
      bodies.add(answer.body)
    }
    t.strictSame([...bodies], ['{"statusCode":404,"code":"FMS_ERR_UNDEFINED","error":"Not Found","message":"echo is undefined for GET."}'], 'the same for each')
    t.equal((await app.inject(url('/echo'))).statusCode, 404)
    t.equal((await app.inject(url(`/${one}/nope/a`))).json().message, 'nope is undefined for GET.')
    t.strictSame((await app.inject(url(`/${one}/__dir__`))).json().modules.length, 3)
    t.strictSame((await app.inject(url(`/${two}/__dir__`))).json(), { modules: [] })
    t.equal((await app.inject(url(`/${one}/first/__dir__`))).json().name, 'first')
    t.equal((await app.inject(url('/not-a-uuid/__dir__'))).statusCode, 404)
    t.equal((await app.inject(url('/__dir__'))).statusCode, 404)
  })
}

t.test('a route that was made at start follows its endpoint', async t => {
  const versions = [
    tell("{ method: 'GET|PUT', params: ['a'] }"),
    tell("{ method: 'POST|PUT', params: ['b', 'c'] }"),
    tell("{ api: 'renamed' }")
  ].map(echo => moduleSource({ echo }))
  const { app, url, directory } = await build(t, { files: { 'one.ts': versions[0] as string } })
  const answers = async () => await Promise.all((['GET', 'POST', 'PUT'] as const).map(async method => {
    const answer = await app.inject({ method, url: url('/one/echo/x') })
    return answer.statusCode === 200 ? answer.json().params : answer.headers.allow ?? answer.json().message
  }))
  t.strictSame(await answers(), [{ a: 'x' }, 'GET, HEAD, PUT', { a: 'x' }])
  for (const [version, expected] of [
    [1, ['POST, PUT', { b: 'x' }, { b: 'x' }]],
    [2, ['GET', 'POST', 'PUT'].map(method => `echo is undefined for ${method}.`)],
    [0, [{ a: 'x' }, 'GET, HEAD, PUT', { a: 'x' }]]
  ] as const) {
    writeFileSync(join(directory, 'one.ts'), versions[version] as string)
    await app.microservices.refresh()
    t.strictSame(await answers(), expected)
  }
})

t.test('the prefix alone, and what is beside it, is the host\'s', async t => {
  const { app, url } = await build(t, { files, before: app => app.setNotFoundHandler((_request, reply) => reply.code(404).send('the host')) })
  for (const path of ['', '/', 'x/echo', '/../other']) {
    const answer = await app.inject(url(path))
    t.equal(answer.statusCode, 404, path)
    t.equal(answer.body, 'the host', path)
  }
  t.equal((await app.inject(url('/nope'))).json().message, 'nope is undefined for GET.')
})

t.test('a method that endpoints never have is a 404', async t => {
  const { app, url } = await build(t, { files })
  t.equal((await app.inject({ method: 'OPTIONS', url: url('/echo') })).statusCode, 404)
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.equal((await raw(app, url('/echo'), 'TRACE')).status, 404)
  t.equal((await raw(app, url('/echo'), 'PROPFIND')).status, 404)
})

t.test('another prefix, also one of the context that it is registered in', async t => {
  const { app, url } = await build(t, { files, prefix: '/a/b' })
  t.strictSame((await app.inject(url('/echo/x'))).json().params, { parm_1: 'x' })
  t.equal((await app.inject('/rest/services/echo')).statusCode, 404)

  const root = await build(t, { files, prefix: '/' })
  t.strictSame((await root.app.inject('/echo/x')).json().params, { parm_1: 'x' })
  t.equal((await root.app.inject('/nope')).json().message, 'nope is undefined for GET.')
})

const who = moduleSource({ who: '{}, (args, { module }) => ({ module, file: import.meta.filename })' })

t.test('order is that of the directories, then of the names; never that of the time of loading', async t => {
  const root = join(t.testdirName, 'plugins')
  const files = { one: { 'b.ts': who, 'd.ts': who }, two: { 'a.ts': who } }
  const { app, url } = await build(t, { files, plugins: [join(root, 'one'), join(root, 'two')] })
  const answers = async () => (await app.inject(url('/who'))).json().module
  t.equal(await answers(), 'b')
  t.strictSame(app.microservices.directory().shadowed.map(({ module, api, by }) => ({ module, api, by })), [
    { module: 'd', api: 'who', by: 'b' },
    { module: 'a', api: 'who', by: 'b' }
  ])
  for (const module of ['a', 'b', 'd']) t.equal((await app.inject(url(`/${module}/who`))).json().module, module, 'each through its module')

  writeFileSync(join(root, 'one', 'Z.ts'), who)
  await app.microservices.refresh()
  t.equal(await answers(), 'Z', 'a later file that comes first by code point')

  rmSync(join(root, 'one', 'Z.ts'))
  rmSync(join(root, 'one', 'b.ts'))
  await app.microservices.refresh()
  t.equal(await answers(), 'd', 'the next one takes over')
  t.equal((await app.inject(url('/b/who'))).json().message, 'b is undefined for GET.', 'a removed endpoint\'s route answers as unknown')

  rmSync(join(root, 'one', 'd.ts'))
  await app.microservices.refresh()
  t.match((await app.inject(url('/who'))).json(), { module: 'a', file: join(root, 'two', 'a.ts') })
})

t.test('a module whose name or alias is taken is refused whole, and reported', async t => {
  const alias = (name: string) => moduleSource({ who: '{}, (args, { module }) => module', [name]: '{}, () => 1' }, `export const __alias__ = '${name}'`)
  const root = join(t.testdirName, 'plugins')
  const files = { one: { 'a.ts': alias('x'), 'b.ts': alias('a'), 'c.ts': alias('x'), 'x.ts': who }, two: { 'a.ts': who, 'd.ts': alias('e') } }
  const { app, url } = await build(t, { files, plugins: [join(root, 'one'), join(root, 'two')] })
  const { problems, modules } = app.microservices.directory()
  t.strictSame(modules.map(({ name }) => name), ['a', 'd'])
  t.strictSame(problems.map(({ code, file }) => [code, file.slice(root.length)]), ['/one/b.ts', '/one/c.ts', '/one/x.ts', '/two/a.ts'].map(file => ['FMS_ERR_NAME', file]))
  t.equal((await app.inject(url('/x/who'))).json(), 'a')
  t.equal((await app.inject(url('/a/who'))).json(), 'a')
  t.equal((await app.inject(url('/b/who'))).statusCode, 404)
})

t.test('names that Fastify\'s router would read as a pattern cannot be had', async t => {
  const { app } = await build(t, { files: { 'a.ts': moduleSource({ one: "{ api: ':x' }, () => 1", two: "{ api: '*' }, () => 1", $three: '{}, () => 1' }) } })
  t.strictSame(app.microservices.directory().problems.map(({ endpoint, field }) => [endpoint, field]), [['$three', 'api'], ['one', 'api'], ['two', 'api']])
})

t.test('the host may listen while modules come and go', async t => {
  const { app, url, directory } = await build(t, { files })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const closed = once(app.server, 'close')
  writeFileSync(join(directory, 'third.ts'), moduleSource({ third: all }))
  await app.microservices.refresh()
  t.equal((await raw(app, url('/third/x'))).status, 200)
  await app.close()
  await t.resolves(closed)
})
