import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Limits } from '../../lib/limits.ts'
import { Builder, type BuiltModule, type Source } from '../../lib/sandbox/workshop/builder.ts'
import { Wall } from '../../lib/sandbox/layers.ts'
import { ModuleError } from '../../lib/source/problem.ts'

type Files = NonNullable<Parameters<Test['testdir']>[0]>

const limits = { moduleBytes: 1024 * 1024, memoryMb: 64 } as Limits

const wall = await Wall.detect({ weakened: true, production: false })

const typebox = "import { Type } from '@sinclair/typebox'\n"
const endpoint = "import { endpoint } from 'fastify-microservices'\n"
const hello = `${endpoint}export const hello = endpoint({}, () => 'hi')\n`

interface Options { entry?: string, root?: string, limits?: Partial<Limits>, owner?: string, prepare?: (directory: string) => void }

interface Refused { message: string, file: string, line: number | undefined, code: string, inputs: readonly string[] }

/** What `make` needs of a test: a builder of its own, which ends with it. */
function open (t: Test, imports: string[] = []): Builder {
  const directory = t.testdir({ module: {} })
  const builder = new Builder({ wall, directory: join(directory, 'cache'), imports })
  t.teardown(() => builder.close())
  return builder
}

const builder = open(t)

function sourceOf (directory: string, { entry = 'index.ts', root = '', owner = 'owner', limits: more }: Options): Source {
  return {
    admin: 'admin', owner, name: 'module', entry: join(directory, 'module', entry), root: join(directory, 'module', root), limits: { ...limits, ...more }
  }
}

async function make (t: Test, files: Files, options: Options = {}): Promise<BuiltModule> {
  const directory = t.testdir({ secret: 'SECRET=1', 'secret.json': '{ "secret": 1 }', 'outside.ts': 'export default 1', module: files })
  options.prepare?.(directory)
  return await builder.build(sourceOf(directory, options))
}

async function failureOf (building: Promise<unknown>): Promise<ModuleError> {
  const outcome: unknown = await building.catch((error: unknown) => error)
  if (outcome instanceof ModuleError) return outcome
  throw new Error('expected the module to be refused', { cause: outcome })
}

/** Builds what must be refused; gives the problem. */
async function refuse (t: Test, files: Files, options: Options = {}): Promise<Refused> {
  const { problem: { message, file, line, code }, inputs } = await failureOf(make(t, files, options))
  t.notMatch(message, /SECRET|\/tmp\/module-/, 'the message tells nothing of what is outside, or of the copy')
  return { message, file: file.slice(file.indexOf('/module/') + '/module/'.length), line, code, inputs }
}

t.test('a module is bundled and described', async t => {
  const built = await make(t, {
    'index.ts': `${endpoint}${typebox}import { greet } from './lib/greet.ts'
export const __alias__ = 'v1'
export const __ID__ = '70dd81e5-961a-470e-9e88-63d828674757'
export const hello = endpoint({
  method: 'get|PUT', api: 'hi', summary: 'Greets', tags: ['a'], params: ['name'], timeoutSecs: 5,
  args: Type.Object({ name: Type.String() }), returns: Type.Object({ hello: Type.String() })
}, ({ name }: { name: string }) => ({ hello: greet(name) }))
export const other = (): void => {}
export class NotListed {}
`,
    // eslint-disable-next-line no-template-curly-in-string
    lib: { 'greet.ts': 'export const greet = (name: string): string => `hi ${name}`\n' }
  })
  t.equal(built.alias, 'v1')
  t.equal(built.identity, '70dd81e5-961a-470e-9e88-63d828674757')
  t.match(built.version, /^[0-9a-f]{12}$/)
  t.strictSame(built.functions, ['other'])
  t.strictSame(built.problems, [])
  t.equal(built.endpoints.length, 1)
  t.match(built.endpoints[0], {
    api: 'hi',
    function: 'hello',
    methods: ['GET', 'PUT'],
    params: ['name'],
    timeoutSecs: 5,
    args: { type: 'object', required: ['name'] },
    returns: { properties: { hello: { type: 'string' } } },
    documentation: { summary: 'Greets', tags: ['a'] },
    config: {},
    configKey: '',
    runner: { kind: 'guest' }
  })
  t.match(built.inputs.map(path => path.slice(path.indexOf('/module') + '/module'.length)).sort(), ['', '/index.ts', '/lib', '/lib/greet.ts'])
  const { code, checks } = await built.script()
  t.match(code, /hi \$\{name\}/)
  t.match(checks, /makeChecks/)
  t.equal(built.mapStack('Error: x\n    at greet (module.js:1:1)').includes('module.js'), true, "esbuild's own lines have no source")
  // eslint-disable-next-line no-template-curly-in-string
  const line = code.split('\n').findIndex(text => text.includes('hi ${name}')) + 1
  t.match(built.mapStack(`Error: x\n    at greet (module.js:${line}:${20})`), /at greet \(lib\/greet\.ts:1:\d+\)/)
})

t.test('what is for trusted modules only is a problem of what has it, and of nothing else', async t => {
  const built = await make(t, {
    'index.ts': `import { command, endpoint } from 'fastify-microservices'
export const __start__ = () => {}
export const run = command({ run: ['ls'] })
export const limited = endpoint({ config: { rateLimit: 1 } }, () => 1)
export const empty = endpoint({ config: {} }, () => 1)
export const wrong = endpoint({ method: 'BREW' }, () => 1)
`
  })
  t.strictSame(built.endpoints.map(({ function: name }) => name), ['empty'])
  t.strictSame(built.problems.map(({ code, endpoint, field }) => [code, endpoint, field]), [
    ['FMS_ERR_MODULE', undefined, undefined],
    ['FMS_ERR_DESCRIPTOR', 'limited', 'config'],
    ['FMS_ERR_DESCRIPTOR', 'run', 'run'],
    ['FMS_ERR_DESCRIPTOR', 'wrong', 'method']
  ])
  for (const { message, file } of built.problems) {
    t.match(message, /trusted modules only|BREW/)
    t.match(file, /module\/index\.ts$/)
  }
})

/** What must not be imported: files of the module, and what the message says. */
const imports: ReadonlyArray<[name: string, files: Files, says: RegExp, options?: Options]> = [
  ['a built-in module', { 'index.ts': "import 'node:fs'" }, /"node:fs", which index\.ts imports, is built into Node/],
  ['a built-in module without its prefix', { 'index.ts': "import './a.ts'", 'a.ts': "import { readFileSync } from 'fs'\nreadFileSync('/etc/passwd')" }, /"fs", which a\.ts imports, is built into Node/],
  ['a built-in module, required', { 'index.ts': "const fs = require('child_process'); export default fs" }, /"child_process", which index\.ts imports, is built into Node/],
  ['a built-in module, imported later', { 'index.ts': "export const a = () => import('node:net')" }, /"node:net", which index\.ts imports, is built into Node/],
  ['a file outside', { 'index.ts': "import '../outside.ts'" }, /cannot find the file "\.\.\/outside\.ts" that index\.ts imports/],
  ['a file outside, the long way', { 'index.ts': "import './lib/../../outside.ts'", lib: { 'a.ts': '' } }, /"\.\/lib\/\.\.\/\.\.\/outside\.ts"/],
  ['an absolute path', { 'index.ts': "import '/etc/passwd'" }, /"\/etc\/passwd"/],
  ['an absolute path of a source', { 'index.ts': "import '/work/main/package.json'" }, /"\/work\/main\/package\.json"/],
  ['a file URL', { 'index.ts': "import 'file:///etc/passwd'" }, /is a URL/],
  ['a URL', { 'index.ts': "import 'https://example.com/a.js'" }, /is a URL/],
  ['a data URL', { 'index.ts': "import 'data:text/javascript,export default 1'" }, /is a URL/],
  ['a missing file', { 'index.ts': "import './none.ts'" }, /cannot find the file "\.\/none\.ts" that index\.ts imports/],
  ['a missing package', { 'index.ts': "import 'lodash'" }, /cannot find the package "lodash" that index\.ts imports.*sandbox\.imports/],
  ['a package of the host', { 'index.ts': "import 'fastify'" }, /cannot find the package "fastify"/],
  ["a subpath of the platform's package", { 'index.ts': "import 'fastify-microservices/lib/index.ts'" }, /cannot find the package/],
  ['a native addon', { 'index.ts': "import './addon.node'", 'addon.node': 'x' }, /"\.\/addon\.node", which index\.ts imports, is a native addon/],
  ['WebAssembly', { 'index.ts': "import './a.wasm'", 'a.wasm': 'x' }, /is a WebAssembly file/],
  ['a file of another kind', { 'index.ts': "import './a.txt'", 'a.txt': 'x' }, /"\.\/a\.txt".*has no ending that is known/],
  ['a folder without an index', { 'index.ts': "import './lib'", lib: { 'a.ts': '' } }, /cannot find the file "\.\/lib"/],
  ['a dotfile', { 'index.ts': "import './.env.json'", '.env.json': '{}' }, /cannot find the file/],
  ['anything beside a module of one file', { 'index.ts': "import './b.ts'", 'b.ts': '' }, /one file has nothing beside it/, { root: 'index.ts' }],
  ['its own package beside a module of one file', { 'index.ts': "import 'x'", node_modules: { x: { 'index.js': '' } } }, /cannot find the package "x"/, { root: 'index.ts' }],
  ['through package.json main', { 'index.ts': "import 'x'", node_modules: { x: { 'package.json': '{ "main": "../../../outside.ts" }' } } }, /"x"/],
  ['through package.json main, to a secret', { 'index.ts': "import 'x'", node_modules: { x: { 'package.json': '{ "main": "../../../secret.json" }' } } }, /"x"/],
  ['through package.json browser', { 'index.ts': "import 'x'", node_modules: { x: { 'package.json': '{ "browser": "../../../outside.ts" }' } } }, /"x"/],
  ['through package.json exports', { 'index.ts': "import 'x'", node_modules: { x: { 'package.json': '{ "exports": "./../../../outside.ts" }' } } }, /"x"/],
  ['through package.json exports by a pattern', { 'index.ts': "import 'x/../../outside'", node_modules: { x: { 'package.json': '{ "exports": { "./*": "./*.ts" } }' } } }, /"x\/\.\.\/\.\.\/outside"/],
  ['through package.json imports', { 'index.ts': "import '#x'", 'package.json': '{ "imports": { "#x": "../outside.ts" } }' }, /"#x"/],
  ['a built-in through package.json imports', { 'index.ts': "import '#x'", 'package.json': '{ "imports": { "#x": "node:fs" } }' }, /"#x"/],
  ['through tsconfig paths', { 'index.ts': "import 'secret'", 'tsconfig.json': '{ "compilerOptions": { "baseUrl": "..", "paths": { "secret": ["../secret.json"] } } }' }, /cannot find the package "secret"/],
  ['a package by the name of a path', { 'index.ts': "import '@../../outside'", node_modules: {} }, /outside/],
  ['a name that is too long', { 'index.ts': `import './${'a/'.repeat(5000)}b.ts'` }, /./],
  ['a name with control characters', { 'index.ts': 'import "./a\\u0000b.ts"\nimport "./a\\u001b[31m.ts"' }, /cannot find|a/]
]

for (const [name, files, says, options] of imports) {
  t.test(`refused: an import of ${name}`, async t => {
    const { message, code } = await refuse(t, files, options)
    t.match(message, says)
    t.equal(code, 'FMS_ERR_MODULE')
    // eslint-disable-next-line no-control-regex
    t.notMatch(message, /[\u0000-\u0009\u000b-\u001f]/)
  })
}

t.test('a tsconfig.json is not read, not even what it extends', async t => {
  const built = await make(t, { 'index.ts': hello, 'tsconfig.json': '{ "extends": "../secret", "compilerOptions": { "jsx": "nonsense" ' })
  t.equal(built.endpoints.length, 1)
})

t.test('links', async t => {
  await t.test('that lead outside refuse the module that imports them, and no other', async t => {
    const prepare = (directory: string): void => {
      symlinkSync('../secret.json', join(directory, 'module/link.json'))
      symlinkSync('..', join(directory, 'module/up'))
    }
    const file = await refuse(t, { 'index.ts': "import './link.json'" }, { prepare })
    t.match(file.message, /"\.\/link\.json", which index\.ts imports, is a link that leads outside of the module's folder: \.\.\/secret\.json/)
    const folder = await refuse(t, { 'index.ts': "import './up/outside.ts'" }, { prepare })
    t.match(folder.message, /"\.\/up\/outside\.ts".*is a link that leads outside/)
    t.equal((await make(t, { 'index.ts': hello }, { prepare })).endpoints.length, 1)
  })

  await t.test('that lead to something inside are followed: one file is one module', async t => {
    const prepare = (directory: string): void => {
      symlinkSync('real.ts', join(directory, 'module/link.ts'))
      symlinkSync('lib', join(directory, 'module/linked'))
      symlinkSync('.', join(directory, 'module/loop'))
    }
    const built = await make(t, {
      'index.ts': "import './link.ts'; import './real.ts'; import './linked/a.ts'; import './loop/loop/lib/a.ts'", 'real.ts': 'globalThis.real = 1', lib: { 'a.ts': 'globalThis.a = 1' }
    }, { prepare })
    const { code } = await built.script()
    t.equal(code.match(/globalThis\.real/g)?.length, 1)
    t.equal(code.match(/globalThis\.a /g)?.length, 1)
  })

  await t.test('of a module of one file are followed within its directory only', async t => {
    const away = await refuse(t, { 'x.ts': '' }, { entry: 'a.ts', root: 'a.ts', prepare: directory => symlinkSync('../outside.ts', join(directory, 'module/a.ts')) })
    t.match(away.message, /it is a link that leads outside of its directory: \.\.\/outside\.ts/)
    const built = await make(t, { 'x.ts': hello }, { entry: 'a.ts', root: 'a.ts', prepare: directory => symlinkSync('x.ts', join(directory, 'module/a.ts')) })
    t.equal(built.endpoints.length, 1)
  })
})

t.test('packages in its own node_modules are bundled, as are those that these import', async t => {
  const built = await make(t, {
    'index.ts': `${endpoint}import one from 'one'\nimport { sub } from '@scope/two/sub'\nimport own from '#own'\nexport const hello = endpoint({ summary: one + sub + own }, () => 1)`,
    'package.json': '{ "imports": { "#own": "./deep/own.js" } }',
    deep: { 'own.js': "export default ' own'" },
    node_modules: {
      one: { 'package.json': '{ "main": "lib/main.js" }', lib: { 'main.js': "module.exports = 'one' + require('three')" }, node_modules: { three: { 'index.js': "module.exports = ' three'" } } },
      '@scope': { two: { 'package.json': '{ "exports": { "./sub": "./src/sub.mjs" } }', src: { 'sub.mjs': "export const sub = ' sub'" } } }
    }
  })
  t.equal(built.endpoints[0]?.documentation.summary, 'one three sub own')
})

t.test('files are found as TypeScript and Node find them', async t => {
  const built = await make(t, {
    'index.ts': `${endpoint}import { a } from './lib/a.js'\nimport b from './lib'\nimport data from './data.json' with { type: 'json' }\nimport { c } from './c.mts'
import type { D } from './none.ts'
export const hello = endpoint({ summary: a + b + data.text + c }, (): D => 1)`,
    'data.json': '{ "text": "data" }',
    'c.mts': '#!/usr/bin/env node\nexport const c = "c"',
    lib: { 'a.ts': "export const a = 'a'", 'index.js': "module.exports = 'b'" }
  })
  t.equal(built.endpoints[0]?.documentation.summary, 'abdatac')
})

t.test("pnpm's layout of node_modules works", async t => {
  const built = await make(t, {
    'index.ts': `${endpoint}import one from 'one'\nexport const hello = endpoint({ summary: one }, () => 1)`,
    node_modules: { '.pnpm': { 'one@1': { node_modules: { one: { 'index.js': "module.exports = 'one' + require('two')" } } }, 'two@1': { node_modules: { two: { 'index.js': "module.exports = ' two'" } } } } }
  }, {
    prepare: directory => {
      symlinkSync('.pnpm/one@1/node_modules/one', join(directory, 'module/node_modules/one'))
      symlinkSync('../../two@1/node_modules/two', join(directory, 'module/node_modules/.pnpm/one@1/node_modules/two'))
    }
  })
  t.equal(built.endpoints[0]?.documentation.summary, 'one two')
})

t.test('option sandbox.imports lets in packages of the app, with what they import', async t => {
  const builder = open(t, ['fast-uri', 'ajv'])
  const directory = join(t.testdirName, 'module')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'index.ts'), `${endpoint}import uri from 'fast-uri'\nimport Ajv from 'ajv'
export const hello = endpoint({ summary: uri.resolve('http://a/b', 'c') + typeof Ajv }, () => 1)`)
  const built = await builder.build(sourceOf(t.testdirName, {}))
  t.equal(built.endpoints[0]?.documentation.summary, 'http://a/cfunction')
  writeFileSync(join(directory, 'index.ts'), "import 'fast-deep-equal'")
  await t.rejects(builder.build(sourceOf(t.testdirName, {})), /cannot find the package "fast-deep-equal"/, 'what those import is not for modules')
  t.throws(() => open(t, ['no-such-package']), /sandbox\.imports.*no-such-package/s)
})

/** What goes wrong when the module is bundled or run: its source, and what the message says. */
const wrong: ReadonlyArray<[name: string, source: string, says: RegExp, line?: number]> = [
  ['a syntax error', 'export const a = 1\nexport const = 2', /Expected identifier/, 2],
  ['a top-level await', 'export const a = await 1', /^top-level await is not supported: await it inside the endpoint$/, 1],
  ['a wrong name', "import { none } from './index.ts'\nexport const a = none", /none/],
  ['a throw', "export const a = 1\n\nthrow new Error('no luck')", /^it threw while loading: no luck$/, 3],
  ['a throw of a string', "throw 'text'", /it threw while loading: "text"/],
  ['a throw of nothing', 'throw undefined', /it threw while loading: undefined/],
  ['a throw of what cannot be shown', "throw { toJSON () { throw new Error('x') } }", /it threw while loading: something that cannot be shown/],
  ['an error that throws when it is looked at', "const e = new Error('x'); Object.defineProperty(e, 'message', { get () { throw e } }); throw e",
    /^it threw while loading: something that cannot be read$/],
  ['a proxy that throws when it is looked at', 'throw new Proxy({}, { get () { throw 1 }, getPrototypeOf () { throw 2 } })', /^it threw while loading: something that cannot be read$/],
  ['brackets that esbuild dies of', `export const a = ${'('.repeat(5e5)}1`, /index\.ts is nested too deep/],
  ['arrays that esbuild takes long for', `export const a = ${'['.repeat(2e5)}${']'.repeat(2e5)}`, /index\.ts is nested too deep/],
  ['a regular expression that V8 refuses', 'export const a = /(?<a>.)(?<a>.)/', /regular expression|Duplicate/i],
  ['a loop', 'for (;;) {}', /^it took more than 2 s to run its top level$/],
  ['a loop in a getter', `${endpoint}export const a = endpoint({ get method () { for (;;) {} } }, () => 1)`, /^it took more than 2 s/],
  ['a loop of microtasks', 'const again = (): unknown => Promise.resolve().then(again); again()', /^it took more than (2 s|64 MB)/],
  ['memory', 'const a: string[] = []; for (;;) a.push("x".repeat(1e6) + a.length)', /memory|ended the process|more than 2 s/],
  ['an array that V8 dies of', 'Array.from({ length: 2 ** 32 - 1 })', /ended the process|memory|more than 2 s/],
  ['a huge buffer', 'const a = []; for (let i = 0; i < 64; i++) a.push(new Uint8Array(64e6).fill(1))', /memory|ended the process|allocation failed/i],
  ['a native loop', '[].indexOf.call({ length: 2 ** 53 - 1 } as never, 1 as never)', /ended the process that builds modules: it does not end/],
  ['an exit', 'process.exit(0)', /process is not defined/, 1],
  ['a script that is too large', `export const a = '${'x'.repeat(1.5e6)}'`, /expected a script of at most 1048576 bytes/],
  ['a reserved alias', "export const __alias__ = 'tenant-api'", /__alias__: "tenant-api" is reserved/],
  ['a wrong alias', "export const __alias__ = 'a b'", /__alias__: expected letters/]
]

for (const [name, source, says, line] of wrong) {
  t.test(`refused, with the reason: ${name}`, async t => {
    const { message, file, inputs, ...problem } = await refuse(t, { 'index.ts': source })
    t.match(message, says)
    t.equal(file, 'index.ts')
    if (line !== undefined) t.equal(problem.line, line)
    // On a machine that is too busy to tell, it gets another try as it is.
    if (!message.includes('more than 2 s')) t.match(inputs, [/module\/index\.ts$/], 'a change of it is worth another try')
    t.equal((await make(t, { 'index.ts': hello })).endpoints.length, 1, 'the next module is built')
  })
}

t.test('a place in an imported file is named', async t => {
  const files = { 'index.ts': "import './lib/a.ts'" }
  const syntax = await refuse(t, { ...files, lib: { 'a.ts': 'let a\nlet a' } })
  t.match([syntax.file, syntax.line], ['lib/a.ts', 2])
  const thrown = await refuse(t, { ...files, lib: { 'a.ts': '\n\nnull.x' } })
  t.match([thrown.file, thrown.line], ['lib/a.ts', 3])
})

t.test('it sees the globals that it will have, and no others', async t => {
  const built = await make(t, {
    'index.ts': `${endpoint}console.log(new URL('http://a/b').host, new TextEncoder().encode('a'), setTimeout(() => {}, 1))
export const hello = endpoint({ summary: [typeof process, typeof Buffer, typeof tool, typeof furnish, typeof WebAssembly, typeof URL, import.meta.url, import.meta.filename].join() }, () => 1)`
  })
  t.equal(built.endpoints[0]?.documentation.summary, 'undefined,undefined,undefined,undefined,undefined,function,file:///module/index.ts,/module/index.ts')
})

t.test('import() of a local file is bundled; of anything else, it fails when it is called', async t => {
  const built = await make(t, {
    'index.ts': `${endpoint}export const hello = endpoint({}, async (name) => [await import('./a.ts'), await import(name)])`, 'a.ts': 'export const inner = 12345'
  })
  const { code } = await built.script()
  t.match(code, /12345/)
  t.notMatch(code, /\bimport\(/, "V8's own import() is never reached")
})

t.test('a glob import brings nothing from outside', async t => {
  // eslint-disable-next-line no-template-curly-in-string
  for (const glob of ["import('../' + name + '.json')", 'import(`./../${name}.json`)', "require('../../' + name)", 'import(`../../../../../../etc/${name}`)']) {
    const outcome = await make(t, { 'index.ts': `${endpoint}export const hello = endpoint({}, (name) => ${glob})` }).then(built => built.script(), error => error as Error)
    t.notMatch(JSON.stringify(outcome), /secret|root:/)
  }
})

t.test('TypeBox is one instance, whichever entry is imported', async t => {
  const built = await make(t, {
    'index.ts': `${endpoint}import { Type, FormatRegistry, Kind } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { TypeCompiler } from '@sinclair/typebox/compiler'
FormatRegistry.Set('odd', value => value === 'odd')
const schema = Type.String({ format: 'odd' })
export const hello = endpoint({ summary: [Value.Check(schema, 'odd'), TypeCompiler.Compile(schema).Check('even'), schema[Kind]].join() }, () => 1)`
  })
  t.equal(built.endpoints[0]?.documentation.summary, 'true,false,String')
})

t.test('a description of the wrong kind is refused', async t => {
  const tampering: ReadonlyArray<[source: string, says: RegExp]> = [
    ["JSON.stringify = () => '[]'", /unusable/],
    ['JSON.stringify = () => 5', /./],
    ["JSON.stringify = () => { throw new Error('x') }", /./],
    ["JSON.stringify = () => '{\"endpoints\":[{\"api\":\"../x\"}],\"functions\":[],\"problems\":[]}'", /unusable/],
    ["JSON.stringify = () => '{\"endpoints\":[],\"functions\":[\"a\\\\u001bb\"],\"problems\":[]}'", /unusable/],
    ["JSON.stringify = () => '{\"thrown\":{\"message\":\"a\\\\u001b[31m\"}}'", /^it threw while loading: a\[31m$/],
    ["const x = 'x'.repeat(2e6); JSON.stringify = () => x", /too large/],
    ['Object.keys = () => { for (;;) {} }', /more than 2 s/],
    ["Array.prototype.push = function () { throw new Error('x') }; export const a = () => 1", /./]
  ]
  for (const [source, says] of tampering) {
    const { message } = await refuse(t, { 'index.ts': `${hello}${source}` })
    t.match(message, says, source)
  }
})

t.test('texts lose what moves a cursor, and are cut', async t => {
  const built = await make(t, { 'index.ts': `${endpoint}export const hello = endpoint({ summary: 'a\\u001b[31mb', description: 'c\\u0007\\nd' }, () => 1)` })
  t.match(built.endpoints[0]?.documentation, { summary: 'a[31mb', description: 'c\nd' })
})

t.test('schema bombs end where they go off', async t => {
  const many = 'const schema = { type: \'object\', properties: {} }; for (let i = 0; i < 2e5; i++) schema.properties[\'p\' + i] = { type: \'string\', pattern: \'^\' + i }'
  const deep = "let schema = { type: 'object' }; for (let i = 0; i < 3e4; i++) schema = { type: 'object', properties: { a: schema } }"
  const wide = "const some = d => d === 0 ? { type: 'string' } : { if: some(d - 1), then: some(d - 1), else: some(d - 1) }; const schema = { type: 'object', properties: { a: some(11) } }"
  const regexp = "const schema = { type: 'object', properties: { a: { type: 'string', pattern: '(' } } }"
  const endless = "const schema = new Proxy({ type: 'object' }, { ownKeys () { for (;;) {} } })"
  for (const bomb of [many, deep, wide, regexp, endless]) {
    const outcome = await make(t, { 'index.ts': `${endpoint}${bomb}\nexport const hello = endpoint({ args: schema }, () => 1)` })
      .then(({ problems }) => problems.map(({ message }) => message).join(), (error: ModuleError) => error.message)
    t.match(outcome, /too large|nested|deep|more than 2 s|memory|regular expression|call stack|ended the process/i, bomb.slice(0, 30))
    t.equal((await make(t, { 'index.ts': hello })).endpoints.length, 1, 'the next module is built')
  }
})

t.test('a map that the app would take long to read is not kept', async t => {
  const lines = Array.from({ length: 8_000 }, (_, i) => `globalThis.f${i} = (a, b) => a + b * ${i} - [a, b].map(x => x + 1).length`)
  const directory = t.testdir({ module: { 'index.ts': `${hello}${lines.join('\n')}\n` } })
  const built = await builder.build(sourceOf(directory, {}))
  const stack = 'Error: x\n    at f (module.js:20:10)'
  t.equal(built.mapStack(stack), stack)
})

t.test('what is bundled has limits', async t => {
  t.match((await refuse(t, { 'index.ts': "import './big.ts'", 'big.ts': `//${'x'.repeat(9e6)}` })).message, /big\.ts is too large: expected files of at most/)
  t.match((await refuse(t, { 'index.ts': `//${'x'.repeat(9e6)}` })).message, /it is too large/)
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`f${i}`, Object.fromEntries(Array.from({ length: 1000 }, (_, k) => [`${k}.js`, '']))]))
  t.match((await refuse(t, { 'index.ts': "import 'many'", node_modules: { many } })).message, /too many files/)
  const twins = await refuse(t, { 'index.ts': "import './a.ts'", 'a.ts': '', 'A.ts': '' })
  t.match(twins.message, /expected names that differ in more than case; found A\.ts and a\.ts/)
})

t.test('what is not there, or is no file', async t => {
  t.match((await refuse(t, {}, { entry: 'none.ts', root: 'none.ts' })).message, /it cannot be read: ENOENT/)
  t.match((await refuse(t, { 'index.ts': {} })).message, /it is not a regular file/)
})

t.test('results are remembered by content, across builders', async t => {
  const directory = t.testdir({ module: { 'index.ts': `${hello}import './b.ts'`, 'b.ts': 'globalThis.b = 1' } })
  const dead = { start: () => Promise.reject(new Error('no process may be started')) } as never
  const one = new Builder({ wall, directory: join(directory, 'cache'), imports: [] })
  const source = sourceOf(directory, {})
  const first = await one.build(source)
  await one.close()
  const two = new Builder({ wall: dead, directory: join(directory, 'cache'), imports: [] })
  t.teardown(() => two.close())
  const again = await two.build(source)
  t.strictSame([again.version, again.endpoints, again.inputs.toSorted()], [first.version, JSON.parse(JSON.stringify(first.endpoints)), first.inputs.toSorted()])
  t.match((await again.script()).code, /hi/)
  t.match(await failureOf(two.build({ ...source, owner: 'other' })), { problem: { code: 'FMS_ERR_UNAVAILABLE' }, inputs: [] }, "another owner's is another's")
  writeFileSync(join(directory, 'module/b.ts'), 'globalThis.b = 2')
  const three = new Builder({ wall, directory: join(directory, 'cache'), imports: [] })
  t.teardown(() => three.close())
  t.not((await three.build(source)).version, first.version, 'a dependency counts')
  for (const name of readdirSync(join(directory, 'cache'))) writeFileSync(join(directory, 'cache', name), 'garbage')
  const four = new Builder({ wall, directory: join(directory, 'cache'), imports: [] })
  t.teardown(() => four.close())
  const built = await four.build(source)
  t.equal(built.endpoints.length, 1, 'what is corrupt is built again')
  for (const name of readdirSync(join(directory, 'cache'))) writeFileSync(join(directory, 'cache', name), 'garbage')
  t.match((await built.script()).code, /hi/, 'also when it is called')
})

t.test('many modules at once, of several admins, with bad ones among them', async t => {
  const files = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`m${i}.ts`, i % 10 === 3 ? '[].indexOf.call({ length: 2 ** 53 - 1 }, 1)' : `${hello}// ${i}`]))
  const directory = t.testdir({ module: files })
  const outcomes = await Promise.allSettled(Object.keys(files).map((entry, i) =>
    builder.build({ ...sourceOf(directory, { entry }), admin: `admin${i % 3}` })))
  t.strictSame(outcomes.map(({ status }, i) => status === (i % 10 === 3 ? 'rejected' : 'fulfilled')), outcomes.map(() => true))
})

t.test('a builder that cannot be started says so, and is not started again at once', async t => {
  let starts = 0
  const dead = { start: () => { starts++; return Promise.reject(new Error('no such thing')) } } as never
  const directory = t.testdir({ module: { 'index.ts': hello } })
  const builder = new Builder({ wall: dead, directory: join(directory, 'cache'), imports: [] })
  t.teardown(() => builder.close())
  for (let i = 0; i < 3; i++) {
    const { problem, inputs } = await failureOf(builder.build(sourceOf(directory, {})))
    t.match(problem, { code: 'FMS_ERR_UNAVAILABLE', message: /cannot be started: no such thing/ })
    t.strictSame(inputs, [])
  }
  t.equal(starts, 1)
})

t.test('the directory of the cache must be its own', async t => {
  const directory = t.testdir({ open: {}, fresh: {} })
  chmodSync(join(directory, 'open'), 0o755)
  t.throws(() => new Builder({ wall, directory: join(directory, 'open'), imports: [] }), /DATA_DIR: expected a directory.*mode 755/)
  const builder = new Builder({ wall, directory: join(directory, 'fresh/a/b'), imports: [] })
  t.teardown(() => builder.close())
  t.equal(statSync(join(directory, 'fresh/a/b')).mode & 0o777, 0o700)
})
