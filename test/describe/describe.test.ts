import { join } from 'node:path'
import t from 'tap'
import { assert, command, endpoint, fail } from '../../lib/index.ts'
import { build, moduleSource } from '../helper.ts'

/** Descriptors that are refused: the source of each, the field that is named, and what the message says. */
const wrong: ReadonlyArray<[descriptor: string, field: string, says: RegExp]> = [
  // Not even a descriptor.
  ['null', 'descriptor', /object/],
  ['undefined', 'descriptor', /object/],
  ['[]', 'descriptor', /object/],
  ["'GET'", 'descriptor', /object/],
  ['5', 'descriptor', /object/],
  ["{ methods: 'GET' }", 'methods', /unknown field.*method/],
  ['{ timeout: 5 }', 'timeout', /unknown field.*timeoutSecs/],
  ["{ run: ['ls'] }", 'run', /unknown field/],
  // method
  ["{ method: 'BREW' }", 'method', /BREW/],
  ["{ method: 'GET|BREW' }", 'method', /BREW/],
  ["{ method: ['GET', 'BREW'] }", 'method', /BREW/],
  ["{ method: 'HEAD' }", 'method', /HEAD/],
  ["{ method: 'OPTIONS' }", 'method', /OPTIONS/],
  ["{ method: '' }", 'method', /GET/],
  ["{ method: 'GET|' }", 'method', /GET/],
  ["{ method: 'GET,POST' }", 'method', /GET,POST/],
  ['{ method: [] }', 'method', /\[\]/],
  ['{ method: [5] }', 'method', /5/],
  ['{ method: 5 }', 'method', /5/],
  ['{ method: null }', 'method', /null/],
  ['{ method: {} }', 'method', /\{\}/],
  // api
  ["{ api: '' }", 'api', /""/],
  ["{ api: 'a b' }", 'api', /a b/],
  ["{ api: 'a/b' }", 'api', /a\/b/],
  ["{ api: 'a.b' }", 'api', /a\.b/],
  ["{ api: 'é' }", 'api', /é/],
  ["{ api: 'a\\n' }", 'api', /a/],
  ["{ api: '__dir__' }", 'api', /__dir__/],
  ["{ api: '__x' }", 'api', /__x/],
  ['{ api: 5 }', 'api', /5/],
  ['{ api: null }', 'api', /null/],
  // params
  ["{ params: 'a' }", 'params', /"a"/],
  ["{ params: ['a', 'a'] }", 'params', /unique/],
  ["{ params: ['1a'] }", 'params', /1a/],
  ["{ params: ['a-b'] }", 'params', /a-b/],
  ["{ params: [''] }", 'params', /""/],
  ['{ params: [5] }', 'params', /5/],
  ["{ params: ['constructor'] }", 'params', /constructor/],
  ["{ params: ['prototype'] }", 'params', /prototype/],
  ["{ params: ['__proto__'] }", 'params', /__proto__/],
  ["{ params: ['__map__'] }", 'params', /__map__/],
  // args and returns
  ...['args', 'returns'].flatMap((field): Array<[string, string, RegExp]> => [
    [`{ ${field}: 'string' }`, field, /string/],
    [`{ ${field}: null }`, field, /null/],
    [`{ ${field}: [] }`, field, /\[\]/],
    [`{ ${field}: { type: 'text' } }`, field, /type/],
    [`{ ${field}: { type: 'object', properties: { a: { type: 5 } } } }`, field, /a/],
    [`{ ${field}: { type: 'object', properties: { a: { minimum: 'x' } } } }`, field, /minimum/],
    [`{ ${field}: { type: 'object', required: 'a' } }`, field, /required/],
    [`{ ${field}: { type: 'object', properties: { a: { $ref: 'https://example.com/schema.json' } } } }`, field, /example\.com.*remote/],
    [`{ ${field}: { type: 'object', properties: { a: { $ref: 'other.json#/a' } } } }`, field, /other\.json/],
    [`{ ${field}: { type: 'object', properties: { a: { $ref: '#/definitions/none' } } } }`, field, /definitions\/none/],
    [`{ ${field}: { type: 'object', allOf: [{ not: { $ref: 'file:///etc/passwd' } }] } }`, field, /etc\/passwd/],
    [`{ ${field}: { type: 'object', properties: { a: { typ: 'string' } } } }`, field, /typ/],
    [`{ ${field}: { type: 'object', properties: { a: { type: 'string', format: 'telephone' } } } }`, field, /telephone/],
    [`{ ${field}: { type: 'object', properties: { a: { type: 'string', pattern: '(' } } } }`, field, /\(|regular expression|pattern/i],
    [`{ ${field}: (() => { const a = { type: 'object', properties: {} }; a.properties.a = a; return a })() }`, field, /circular/i]
  ]),
  ["{ args: { type: 'string' } }", 'args', /string/],
  ["{ args: { type: 'array' } }", 'args', /array/],
  ["{ args: { type: ['object', 'null'] } }", 'args', /null/],
  ['{ args: Type.Array(Type.String()) }', 'args', /array/],
  // The rest
  ["{ timeoutSecs: '5' }", 'timeoutSecs', /5/],
  ['{ timeoutSecs: 0 }', 'timeoutSecs', /0/],
  ['{ timeoutSecs: -1 }', 'timeoutSecs', /-1/],
  ['{ timeoutSecs: NaN }', 'timeoutSecs', /NaN|null/],
  ['{ timeoutSecs: Infinity }', 'timeoutSecs', /Infinity|null/],
  ['{ timeoutSecs: 1e9 }', 'timeoutSecs', /86400/],
  ["{ config: 'x' }", 'config', /x/],
  ['{ config: null }', 'config', /null/],
  ['{ config: [] }', 'config', /\[\]/],
  ['{ summary: 5 }', 'summary', /5/],
  ['{ description: {} }', 'description', /\{\}/],
  ["{ tags: 'a' }", 'tags', /a/],
  ['{ tags: [5] }', 'tags', /5/],
  ["{ deprecated: 'yes' }", 'deprecated', /yes/]
]

const wrongCommands: typeof wrong = [
  ['null', 'descriptor', /object/],
  ['{}', 'run', /./],
  ["{ run: 'ls' }", 'run', /ls/],
  ['{ run: [] }', 'run', /\[\]/],
  ["{ run: ['ls', 5] }", 'run', /5/],
  ["{ run: [''] }", 'run', /./],
  ["{ run: ['ls'], cwd: 5 }", 'cwd', /5/],
  ["{ run: ['ls'], env: { A: 5 } }", 'env', /5/],
  ["{ run: ['ls'], env: ['A=5'] }", 'env', /A=5/],
  ["{ run: ['ls'], shell: true }", 'shell', /unknown field/],
  ["{ run: ['ls'], method: 'BREW' }", 'method', /BREW/],
  ["{ run: ['ls'], args: { type: 'string' } }", 'args', /string/]
]

t.test('a wrong descriptor refuses its endpoint alone, in a report that names file, endpoint and field', async t => {
  const exports = [
    ...wrong.map(([descriptor], i) => `export const w${i} = endpoint(${descriptor} as never, () => 1)`),
    ...wrongCommands.map(([descriptor], i) => `export const c${i} = command(${descriptor} as never)`)
  ]
  const { app, url, directory } = await build(t, { files: { 'one.ts': moduleSource({ neighbour: "{}, () => 'served'" }, exports.join('\n')) } })
  const { problems, modules } = app.microservices.directory()
  const expected = [...wrong.map((one, i) => [`w${i}`, ...one] as const), ...wrongCommands.map((one, i) => [`c${i}`, ...one] as const)]
  for (const [endpoint, descriptor, field, says] of expected) {
    const found = problems.filter(problem => problem.endpoint === endpoint)
    t.strictSame(found.map(problem => problem.field), [field], `${descriptor}: one problem, of one field`)
    t.match(found[0], { code: 'FMS_ERR_DESCRIPTOR', owner: 'local', file: join(directory, 'one.ts'), message: says }, descriptor)
    t.equal((await app.inject(url(`/${endpoint}`))).statusCode, 404, `${descriptor}: not served`)
  }
  t.equal(problems.length, expected.length)
  t.strictSame(modules[0]?.endpoints.map(({ api }) => api), ['neighbour'])
  t.equal((await app.inject(url('/neighbour'))).json(), 'served')
})

t.test('every wrong field is reported, not the first alone', async t => {
  const { app } = await build(t, { files: { 'one.ts': moduleSource({ bad: "{ method: 5, params: 'a', summary: {}, nope: 1 } as never, () => 1", worse: "{ method: 'BREW', args: { type: 'string' } }, () => 1" }) } })
  t.strictSame(app.microservices.directory().problems.map(({ endpoint, field }) => `${endpoint}: ${field}`).sort(),
    ['bad: method', 'bad: nope', 'bad: params', 'bad: summary', 'worse: args', 'worse: method'])
})

t.test('methods come in many forms', async t => {
  const forms: ReadonlyArray<[form: string, methods: string[]]> = [
    ['{}', ['GET']],
    ["{ method: 'get' }", ['GET']],
    ["{ method: ' Get | put|POST ' }", ['GET', 'PUT', 'POST']],
    ["{ method: 'GET|PUT|POST'.split('|') }", ['GET', 'PUT', 'POST']],
    ["{ method: ['GET', ' delete '] }", ['GET', 'DELETE']],
    ["{ method: ['GET|PATCH', 'PUT'] }", ['GET', 'PATCH', 'PUT']],
    ["{ method: 'GET|get|GET' }", ['GET']],
    ['{ method: undefined }', ['GET']]
  ]
  const { app, url } = await build(t, { files: { 'one.ts': moduleSource(Object.fromEntries(forms.map(([form], i) => [`m${i}`, `${form}, () => 1`]))) } })
  t.strictSame(app.microservices.directory().problems, [])
  for (const [i, [form, methods]] of forms.entries()) {
    t.strictSame(app.microservices.directory().modules[0]?.endpoints[i]?.methods, methods, form)
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      t.equal((await app.inject({ method, url: url(`/m${i}`) })).statusCode, methods.includes(method) ? 200 : 404, `${form}: ${method}`)
    }
  }
})

t.test('schemas that are right are taken', async t => {
  const schemas: Record<string, string> = {
    plain: "{ type: 'object', properties: { a: { type: 'integer' } } }",
    untyped: "{ properties: { a: { type: 'integer' } } }",
    reference: "{ type: 'object', properties: { a: { $ref: '#/definitions/count' } }, definitions: { count: { type: 'integer' } } }",
    defs: "{ type: 'object', properties: { a: { $ref: '#/$defs/count' } }, $defs: { count: { type: 'integer' } } }",
    ids: "{ $id: 'https://example.com/a', type: 'object', properties: { a: { $ref: '#count' } }, definitions: { count: { $id: '#count', type: 'integer' } } }",
    sameId: "{ $id: 'https://example.com/a', type: 'object', properties: { a: { type: 'integer' } } }",
    recursive: "{ type: 'object', properties: { a: { type: 'integer' }, b: { $ref: '#' } } }",
    typebox: 'Type.Recursive(self => Type.Object({ a: Type.Integer(), b: Type.Optional(self) }))',
    shared: '(() => { const a = Type.Integer(); return Type.Object({ a, b: Type.Optional(a) }) })()',
    formats: "{ type: 'object', properties: { a: { type: 'integer' }, at: { type: 'string', format: 'date-time' }, mail: { type: 'string', format: 'email' } } }",
    refAsName: "{ type: 'object', properties: { a: { type: 'integer' }, $ref: { type: 'string' }, typ: { type: 'string' } } }",
    exampleData: "{ type: 'object', properties: { a: { type: 'integer', examples: [{ typ: 1 }], default: 5 } }, examples: [{ $ref: 'x' }] }",
    conditional: "{ type: 'object', properties: { a: { type: 'integer' } }, if: { required: ['b'] }, then: { required: ['a'] }, else: {} }"
  }
  const endpoints = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, `{ params: ['a'], args: ${schema}, returns: ${schema} }, args => args`]))
  const { app, url } = await build(t, { files: { 'one.ts': moduleSource(endpoints) } })
  t.strictSame(app.microservices.directory().problems.map(({ message }) => message), [])
  for (const name of Object.keys(schemas)) {
    t.match((await app.inject(url(`/${name}/5`))).json(), { a: 5 }, name)
    t.match((await app.inject(url(`/${name}/x`))).json(), { statusCode: 400, code: 'FST_ERR_VALIDATION', message: /args\/a must be integer/ }, name)
  }
})

t.test('only tagged functions are exposed', async t => {
  const { app, url } = await build(t, {
    files: {
      'one.ts': moduleSource({ __hidden: '{}, () => 1', shown: '{}, () => 1' }, `
export class Thing {}
export const Anonymous = class extends Thing {}
export const value = 5
export const text = 'x'
export const list = [() => 1]
export const object = { method: 'GET', handler: () => 1 }
export const nothing = null
export const forged = { [Symbol.for('fastify-microservices.endpoint')]: { kind: 'function', descriptor: {} } }
export function helper () { return 1 }
export async function later () { return 1 }
export function * generator () { yield 1 }
export const arrow = () => 1
export { helper as renamed }
export default function main () { return 1 }
`)
    }
  })
  const { modules, problems } = app.microservices.directory()
  t.strictSame(problems, [])
  t.strictSame(modules[0]?.endpoints.map(({ api }) => api), ['shown'])
  t.strictSame(modules[0]?.functions, ['arrow', 'default', 'generator', 'helper', 'later', 'renamed'])
  for (const name of ['__hidden', 'Thing', 'Anonymous', 'value', 'text', 'list', 'object', 'nothing', 'forged', ...modules[0]?.functions ?? [], 'one', 'main']) {
    t.equal((await app.inject(url(`/${name}`))).statusCode, 404, name)
    t.equal((await app.inject(url(`/one/${name}`))).statusCode, 404, name)
  }
})

t.test('an endpoint may be the default export, under its own or the name `default`', async t => {
  const { app, url } = await build(t, { files: { 'one.ts': moduleSource({}, "export default endpoint({ api: 'main' }, () => 1)"), 'two.ts': moduleSource({}, 'export default endpoint({}, () => 2)') } })
  t.strictSame(app.microservices.directory().problems, [])
  t.equal((await app.inject(url('/main'))).json(), 1)
  t.equal((await app.inject(url('/default'))).json(), 2)
})

t.test('an export whose name makes no URL needs an api', async t => {
  const { app, url, directory } = await build(t, { files: { 'one.ts': moduleSource({ $bad: '{}, () => 1', $good: "{ api: 'good' }, () => 1", é: '{}, () => 1' }) } })
  t.match(app.microservices.directory().problems, [
    { code: 'FMS_ERR_DESCRIPTOR', file: join(directory, 'one.ts'), endpoint: '$bad', field: 'api', message: /\$bad/ },
    { endpoint: 'é', field: 'api' }
  ])
  t.equal((await app.inject(url('/good'))).json(), 1)
})

t.test('one handler may serve several endpoints, and one api several methods', async t => {
  const { app, url } = await build(t, {
    files: {
      'one.ts': moduleSource({
        first: "{ params: ['a'] }, handler",
        second: "{ method: 'POST', params: ['b'] }, handler",
        read: "{ api: 'thing', method: 'GET' }, () => 'read'",
        write: "{ api: 'thing', method: 'PUT|POST' }, () => 'written'"
      }, 'const handler = (args: unknown) => args')
    }
  })
  t.strictSame((await app.inject(url('/first/x'))).json(), { a: 'x' })
  t.strictSame((await app.inject({ method: 'POST', url: url('/second/x') })).json(), { b: 'x' })
  t.equal((await app.inject({ method: 'POST', url: url('/first/x') })).statusCode, 404)
  t.equal((await app.inject(url('/thing'))).json(), 'read')
  t.equal((await app.inject({ method: 'PUT', url: url('/thing') })).json(), 'written')
  t.strictSame((await app.inject({ method: 'DELETE', url: url('/thing') })).headers.allow?.toString().split(', ').sort(), ['GET', 'HEAD', 'POST', 'PUT'])
})

t.test('the same method of the same api twice in a module is reported, and one of them answers', async t => {
  const { app, url, directory } = await build(t, { files: { 'one.ts': moduleSource({ b: "{ api: 'x' }, () => 'b'", a: "{ api: 'x', method: 'GET|PUT' }, () => 'a'", c: "{ method: 'GET' }, () => 'c'" }) } })
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_DESCRIPTOR', file: join(directory, 'one.ts'), endpoint: 'b', field: 'api', message: /GET x.*a's/ }])
  t.equal((await app.inject(url('/x'))).json(), 'a')
  t.equal((await app.inject(url('/c'))).json(), 'c')
})

t.test('an endpoint is a function that a unit test calls', async t => {
  const handler = ({ name }: { name?: unknown }, context: { module?: string } | undefined): unknown => `${String(name)} ${context?.module}`
  const one = endpoint({ method: 'GET' }, handler)
  const two = endpoint({ method: 'POST' }, handler)
  t.equal(one({ name: 'x' }), 'x undefined')
  t.equal(two({ name: 'x' }, { module: 'mine' }), 'x mine')
  t.not(one, handler as unknown, 'a new function: the handler itself stays as it was')
  t.strictSame(Object.getOwnPropertySymbols(handler), [])
  t.ok(Symbol.for('fastify-microservices.endpoint') in one, 'tagged')
  t.strictSame(Object.keys(one), [], 'but not to be seen')
  await t.rejects(Promise.resolve(endpoint({}, async () => fail(404, 'gone'))({})), { statusCode: 404, message: 'gone' })
  t.throws(() => endpoint({}, () => assert(false, 409, 'taken'))({}), { statusCode: 409, message: 'taken' })
  t.throws(() => command({ run: ['ls'] })({}), /cannot be called directly/)
})
