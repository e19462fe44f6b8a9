import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { build, moduleSource } from '../helper.ts'

const files = {
  'shop.ts': moduleSource({
    product: `{
      method: ['post', 'GET'], params: ['id'], summary: 'One product', description: 'By its number', tags: ['shop'], deprecated: true, timeoutSecs: 5,
      args: Type.Object({ id: Type.Integer() }), returns: Type.Object({ id: Type.Integer() }), config: { secret: 1 }
    }, ({ id }) => ({ id })`,
    list: "{ api: 'products' }, () => []"
  }, `export const __alias__ = 'v1'
export function helper () {}
export const arrow = () => 1
export class Thing {}
export const value = { a: 1 }
export function __private () {}
export default function () {}
export const count = command({ api: 'word-count', run: ['wc'], env: { TOKEN: 'x' } })`),
  'zero.ts': 'export const nothing = 1',
  'also.ts': moduleSource({ products: '{}, () => 1', bad: "{ method: 'BREW' }, () => 1" }),
  'broken.ts': 'export const a =\n= 1\n'
}

const endpoints = [
  { api: 'word-count', function: 'count', methods: ['GET'] },
  { api: 'products', function: 'list', methods: ['GET'] },
  {
    api: 'product',
    function: 'product',
    methods: ['POST', 'GET'],
    params: ['id'],
    args: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] },
    returns: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] },
    summary: 'One product',
    description: 'By its number',
    tags: ['shop'],
    deprecated: true
  }
]

t.test('`__dir__` lists the modules in order', async t => {
  const { app, url } = await build(t, { files })
  const answer = await app.inject(url('/__dir__'))
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  const { modules, ...rest } = answer.json()
  t.strictSame(rest, {}, 'and nothing else')
  t.strictSame(modules.map(({ name }: { name: string }) => name), ['also', 'shop', 'zero'])
  const { version, functions, ...shop } = modules[1]
  t.match(version, /^\S{8,}$/)
  t.strictSame(functions, ['arrow', 'default', 'helper'])
  t.strictSame({ ...shop, endpoints: undefined }, { name: 'shop', alias: 'v1', endpoints: undefined })
  t.strictSame([...shop.endpoints].sort((one, other) => one.function < other.function ? -1 : 1), endpoints)
  t.strictSame({ ...modules[2], version: '' }, { name: 'zero', version: '', endpoints: [], functions: [] })
  t.strictSame(modules[0].endpoints.map(({ api }: { api: string }) => api), ['products'])
  t.equal((await app.inject(url('/__dir__/'))).body, answer.body)
  t.equal((await app.inject(url('/__dir__?a=b'))).body, answer.body)
  t.notMatch(answer.body, /TOKEN|secret|\/plugins/, 'no files, configuration or environments')
})

t.test('`<module>/__dir__` lists one', async t => {
  const { app, url } = await build(t, { files })
  const { modules } = (await app.inject(url('/__dir__'))).json()
  for (const [path, module] of [['/shop/__dir__', modules[1]], ['/v1/__dir__', modules[1]], ['/v1/__dir__/', modules[1]], ['/zero/__dir__', modules[2]], ['/%76%31/__dir__', modules[1]]]) {
    const answer = await app.inject(url(path))
    t.equal(answer.statusCode, 200, path)
    t.strictSame(answer.json(), module, path)
  }
  for (const path of ['/nope/__dir__', '/broken/__dir__', '/product/__dir__/x', '/shop/product/__dir__/y/z', '/__dir__/x', '/__dir__/__dir__', '/__directory__']) {
    const answer = await app.inject(url(path))
    t.equal(answer.statusCode, 404, path)
    t.match(answer.json(), { code: 'FMS_ERR_UNDEFINED', message: / is undefined for GET\.$/ }, path)
  }
})

t.test('a slug that is called so is a slug', async t => {
  const { app, url } = await build(t, { files: { 'a.ts': moduleSource({ echo: '{}, (args, { params }) => params', free: "{ params: ['any'] }, (args, { params }) => params" }) } })
  t.strictSame((await app.inject(url('/echo/__dir__'))).json(), { parm_1: '__dir__' })
  t.strictSame((await app.inject(url('/a/echo/__dir__'))).json(), { parm_1: '__dir__' })
  t.strictSame((await app.inject(url('/free/__dir__'))).json(), { any: '__dir__' })
})

t.test('a listing is there to be read only', async t => {
  const { app, url } = await build(t, { files })
  for (const path of ['/__dir__', '/shop/__dir__', '/v1/__dir__']) {
    const head = await app.inject({ method: 'HEAD', url: url(path) })
    t.match(head, { statusCode: 200, body: '' }, path)
    t.equal(head.headers['content-length'], String((await app.inject(url(path))).rawPayload.length), path)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const answer = await app.inject({ method, url: url(path), payload: {} })
      t.match(answer.json(), { statusCode: 404, code: 'FMS_ERR_UNDEFINED', message: `__dir__ is undefined for ${method}.` }, `${method} ${path}`)
      t.strictSame(String(answer.headers.allow).split(', ').sort(), ['GET', 'HEAD'], `${method} ${path}`)
    }
  }
})

t.test('`directory: false` turns both off, in URLs only', async t => {
  const { app, url } = await build(t, { files, directory: false })
  for (const path of ['/__dir__', '/shop/__dir__', '/v1/__dir__']) {
    const answer = await app.inject(url(path))
    t.match(answer.json(), { statusCode: 404, code: 'FMS_ERR_UNDEFINED', message: '__dir__ is undefined for GET.' }, path)
    t.equal(answer.headers.allow, undefined, path)
  }
  t.equal((await app.inject({ method: 'POST', url: url('/__dir__'), payload: {} })).headers.allow, undefined)
  t.equal((await app.inject(url('/products'))).statusCode, 200)
  t.equal(app.microservices.directory().modules.length, 3)
})

t.test('the envelope is for results, not for listings', async t => {
  const { app, url } = await build(t, { files, envelope: true })
  t.type((await app.inject(url('/__dir__'))).json().modules, Array)
})

t.test('an installation without modules has an empty listing', async t => {
  const { app, url } = await build(t)
  t.strictSame((await app.inject(url('/__dir__'))).json(), { modules: [] })
})

t.test('a listing is that of the moment', async t => {
  const { app, url, directory } = await build(t, { files })
  const before = (await app.inject(url('/zero/__dir__'))).json()
  writeFileSync(join(directory, 'zero.ts'), moduleSource({ now: '{}, () => 1' }))
  await app.microservices.refresh()
  const after = (await app.inject(url('/zero/__dir__'))).json()
  t.strictSame(after.endpoints, [{ api: 'now', function: 'now', methods: ['GET'] }])
  t.not(after.version, before.version)
  writeFileSync(join(directory, 'zero.ts'), 'export const nothing = 1')
  await app.microservices.refresh()
  t.strictSame((await app.inject(url('/zero/__dir__'))).json(), before, 'equal files, equal versions')
})

t.test('`directory()` tells the app all: files, problems, shadowed names', async t => {
  const { app, url, directory } = await build(t, { files })
  const all = app.microservices.directory()
  t.strictSame(Object.keys(all).sort(), ['directories', 'modules', 'problems', 'shadowed'])
  t.strictSame(all.directories, [{ owner: 'local', path: directory }])
  t.strictSame(all.modules.map(({ owner, file, name }) => ({ owner, file, name })), ['also', 'shop', 'zero'].map(name => ({ owner: 'local', file: join(directory, `${name}.ts`), name })))
  t.strictSame(all.shadowed, [{ owner: 'local', module: 'shop', api: 'products', by: 'also' }])
  t.match([...all.problems].sort((one, other) => one.file < other.file ? -1 : 1), [
    { code: 'FMS_ERR_DESCRIPTOR', owner: 'local', file: join(directory, 'also.ts'), endpoint: 'bad', field: 'method', message: /BREW/ },
    { code: 'FMS_ERR_MODULE', owner: 'local', file: join(directory, 'broken.ts'), line: 2, message: String }
  ])
  t.equal(all.problems.length, 2)
  t.strictSame((await app.inject(url('/__dir__'))).json().modules, JSON.parse(JSON.stringify(all.modules.map(({ owner, file, ...module }) => module))))
})

t.test('values of SECRETS are masked in listings', async t => {
  process.env['FMS_TEST_SECRET'] = 'hush-hush'
  t.teardown(() => { delete process.env['FMS_TEST_SECRET'] })
  const { app, url } = await build(t, {
    files: { 'a.ts': moduleSource({ one: "{ summary: 'says hush-hush', args: Type.Object({ a: Type.String({ default: process.env.FMS_TEST_SECRET }) }) }, () => 1", two: "{ summary: 5 as never, description: 'x', tags: 'hush-hush' as never }, () => 1" }) },
    SECRETS: 'FMS_TEST_SECRET'
  })
  const { body } = await app.inject(url('/__dir__'))
  t.match(body, /says \[secret\]/)
  t.notMatch(body, /hush-hush/)
  const all = JSON.stringify(app.microservices.directory())
  t.match(all, /FMS_ERR_DESCRIPTOR/)
  t.notMatch(all, /hush-hush/)
})
