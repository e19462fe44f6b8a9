import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import t, { type Test } from 'tap'
import type { Problem } from '../../types/directory.ts'
import { build, type BuildOptions, moduleSource } from '../helper.ts'

interface Expected {
  readonly code?: string
  /** Below the plugin directory. */
  readonly file: string
  readonly line?: number
  readonly endpoint?: string
  readonly field?: string
  readonly message: RegExp
}

interface Case {
  readonly files: Record<string, unknown>
  /** Does in the plugin directory what a fixture cannot say, before the app starts. */
  readonly prepare?: (directory: string) => void
  readonly problems: readonly Expected[]
  /** What endpoints answer: their value, or the status. */
  readonly served?: Readonly<Record<string, unknown>>
}

/** A module with one endpoint. */
const answers = (api: string, more = '', value: unknown = 1) => moduleSource({ run: `{ api: '${api}' }, () => (${JSON.stringify(value)})` }, more)

async function start (t: Test, { files, prepare }: Pick<Case, 'files' | 'prepare'>, options: BuildOptions = {}) {
  const logged: Array<{ msg: string, problem?: Problem }> = []
  const stream = new Writable({
    write (line, _encoding, done) {
      logged.push(JSON.parse(String(line)))
      done()
    }
  })
  const built = await build(t, {
    files: { 'aa-good.ts': answers('first', '', 'good'), 'zz-good.ts': answers('last', '', 'good'), ...files } as NonNullable<BuildOptions['files']>,
    fastify: { logger: { level: 'warn', stream } },
    before: () => prepare?.(join(t.testdirName, 'plugins')),
    ...options
  })
  const call = async (api: string): Promise<unknown> => {
    const response = await built.app.inject(built.url(`/${api}`))
    return response.statusCode === 200 ? response.json() : response.statusCode
  }
  return { ...built, logged, call }
}

// Alone, and before all others: whom the process runs as is seen by all that happens meanwhile.
await t.test('a file that may not be read', async t => {
  const { app, directory, call } = await start(t, { files: {} })
  const file = join(directory, 'bad.ts')
  writeFileSync(file, answers('bad'))
  chmodSync(file, 0)
  const isRoot = process.getuid?.() === 0
  try {
    // Root may read everything, so it becomes nobody for a moment.
    if (isRoot) process.seteuid?.(65534)
    await app.microservices.refresh()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
  t.match(app.microservices.directory().problems, [{ file, message: /EACCES/ }])
  t.strictSame([await call('bad'), await call('first'), await call('last')], [404, 'good', 'good'])
  chmodSync(file, 0o644)
  await app.microservices.refresh()
  t.equal(await call('bad'), 1)
})

// Most of their time the tests wait for the system, so they do it together.
t.jobs = 4

/** Each bad module has its report, and nothing else suffers. */
function check (name: string, { files, prepare, problems, served = {} }: Case): void {
  t.test(name, { buffered: true }, async t => {
    const { app, directory, logged, call } = await start(t, prepare ? { files, prepare } : { files })
    const expected = problems.map(({ file, ...rest }) => ({ code: 'FMS_ERR_MODULE', owner: 'local', file: join(directory, file), ...rest }))
    const found = app.microservices.directory().problems
    t.match(found, expected)
    t.equal(found.length, problems.length, JSON.stringify(found))
    t.strictSame(logged.flatMap(({ problem }) => problem ?? []), found, 'each is logged')
    for (const [api, value] of Object.entries({ first: 'good', last: 'good', ...served })) t.strictSame(await call(api), value, api)
    await app.microservices.refresh()
    t.strictSame(app.microservices.directory().problems, found, 'a second look finds the same')
    t.equal(logged.length, found.length, 'and logs nothing new')
  })
}

const refused = (message: RegExp, more: Omit<Partial<Expected>, 'message'> = {}): Expected[] => [{ file: 'bad.ts', message, ...more }]

check('a syntax error', { files: { 'bad.ts': `${answers('bad')}\n\nexport const = 1\n` }, problems: refused(/Expected identifier/, { line: 7 }), served: { bad: 404 } })
check('a syntax error of TypeScript', { files: { 'bad.ts': 'interface {}' }, problems: refused(/Expected identifier/, { line: 1 }) })
check('a syntax error after Windows line ends', { files: { 'bad.ts': 'export const a = 1\r\n\r\nexport const = 1\r\n' }, problems: refused(/Expected identifier/, { line: 3 }) })
check('a syntax error in what it imports', {
  files: { 'bad.ts': "import './_lib/helper.ts'", _lib: { 'helper.ts': '\nlet let = 1' } }, problems: refused(/"let"/, { file: '_lib/helper.ts', line: 2 })
})
check('only V8 sees the error', { files: { 'bad.ts': 'export const pattern = /(?<a>.)(?<a>.)/' }, problems: refused(/threw while loading.*Duplicate capture group name/) })

check('it throws an Error', { files: { 'bad.ts': `${answers('bad')}\nthrow new Error('no luck')` }, problems: refused(/it threw while loading: no luck/, { line: 6 }), served: { bad: 404 } })
check('what it imports throws', {
  files: { bad: { 'index.ts': "import './helper.ts'", 'helper.ts': "\nthrow new TypeError('no luck')" } },
  problems: refused(/it threw while loading: no luck/, { file: 'bad/helper.ts', line: 2 })
})
for (const [thrown, message] of [
  ['"a string"', /it threw while loading: 'a string'/],
  ['undefined', /it threw while loading: undefined/],
  ['null', /it threw while loading: null/],
  ['Symbol("s")', /it threw while loading: Symbol\(s\)/],
  ['{ code: 7 }', /it threw while loading: \{ code: 7 \}/],
  ['Object.create(null)', /it threw while loading/],
  ['Object.freeze(new Error("frozen"))', /it threw while loading: frozen/],
  ['Object.assign(new Error(), { message: Symbol("s") })', /./],
  ['Object.defineProperty(new Error("x"), "stack", { get () { throw 1 } })', /./],
  ['Object.defineProperty(new Error("x"), "message", { get () { throw 1 } })', /./],
  ['new Proxy({}, { get () { throw 1 }, getPrototypeOf () { throw 2 }, ownKeys () { throw 3 } })', /./],
  ['{ [Symbol.for("nodejs.util.inspect.custom")] () { throw 1 } }', /./],
  ['{ toString () { throw 1 }, get message () { throw 2 } }', /./]
] as const) {
  check(`it throws ${thrown}`, { files: { 'bad.ts': `throw ${thrown}` }, problems: refused(message) })
}

check('top-level await', { files: { 'bad.ts': `${answers('bad')}\nawait 1` }, problems: refused(/top-level await is not supported.*__start__/, { line: 6 }), served: { bad: 404 } })
check('top-level for await', { files: { 'bad.ts': 'for await (const x of []) {}' }, problems: refused(/top-level await is not supported/, { line: 1 }) })
check('top-level await in what it imports', {
  files: { 'bad.ts': "import './_helper.ts'", '_helper.ts': '\nexport const x = await 1' }, problems: refused(/top-level await is not supported/, { file: '_helper.ts', line: 2 })
})

check('files that import one another and get by', {
  files: {
    round: {
      'index.ts': moduleSource({ round: '{}, () => two() + one' }, "import { two } from './two.ts'\nexport const one = 1"),
      'two.ts': "import { one } from './index.ts'\nexport const two = () => one + 1"
    }
  },
  problems: [],
  served: { round: 3 }
})
check('files that import one another and do not get by', {
  files: { bad: { 'index.ts': "import { two } from './two.ts'\nexport const one = { x: two }", 'two.ts': "import { one } from './index.ts'\nexport const two = one.x" } },
  problems: refused(/these files import one another.*index\.ts -> .*two\.ts -> .*index\.ts/, { file: 'bad/two.ts', line: 2 })
})
check('a module that imports itself', { files: { 'self.ts': answers('self', "import * as self from './self.ts'\nexport const __ = () => self") }, problems: [], served: { self: 1 } })

check('a missing package', {
  files: { 'bad.ts': "\nimport nothing from 'there-is-no-such-package'\nexport const x = nothing" },
  problems: refused(/cannot find the package "there-is-no-such-package" that .*bad\.ts imports; install it/, { line: 2 })
})
check('a missing built-in module', { files: { 'bad.ts': "import 'node:nothing'" }, problems: refused(/no built-in module "node:nothing"/, { line: 1 }) })
check('a missing local file', {
  files: { bad: { 'index.ts': "\n\nimport './gone.ts'" } }, problems: refused(/cannot find the file ".\/gone\.ts" that .*index\.ts imports/, { file: 'bad/index.ts', line: 3 })
})
check('a missing export', {
  files: { 'bad.ts': "import { gone } from './_helper.ts'\nexport const x = gone", '_helper.ts': 'export const here = 1' }, problems: refused(/"gone"/, { line: 1 })
})
check('an import of what is no code', { files: { 'bad.ts': "import './_style.css'", '_style.css': 'a {}' }, problems: refused(/expected a file that ends in one of .*\.ts/, { line: 1 }) })
check('JSON that is broken', { files: { 'bad.ts': "import data from './_data.json'\nexport const x = data", '_data.json': '{ a }' }, problems: refused(/./, { file: '_data.json', line: 1 }) })
check('a package that throws', {
  files: { 'bad.ts': "import 'bad-package'", node_modules: { 'bad-package': { 'package.json': '{ "type": "module", "main": "index.js" }', 'index.js': "throw new Error('no luck')" } } },
  problems: refused(/bad-package\/index\.js, which it imports, failed to load: no luck/)
})

check('two files of one name', {
  files: { 'a.js': answers('js'), 'a.mts': answers('mts'), 'a.ts': answers('ts') },
  problems: [
    { code: 'FMS_ERR_NAME', file: 'a.mts', message: /found "a", which is that of .*a\.js/ },
    { code: 'FMS_ERR_NAME', file: 'a.ts', message: /found "a", which is that of .*a\.js/ }
  ],
  served: { 'a/js': 1, ts: 404, mts: 404 }
})
check('a file and a folder of one name', {
  files: { a: { 'index.js': answers('folder') }, 'a.ts': answers('file') },
  problems: [{ code: 'FMS_ERR_NAME', file: 'a.ts', message: /found "a", which is that of .*a\/index\.js/ }],
  served: { 'a/folder': 1, file: 404 }
})
check('an alias that is another module\'s name', {
  files: { 'a.ts': answers('one', "export const __alias__ = 'b'"), 'b.ts': answers('two'), 'c.ts': answers('three', "export const __alias__ = 'aa-good'") },
  problems: [
    { code: 'FMS_ERR_NAME', file: 'b.ts', message: /found "b", which is that of .*a\.ts/ },
    { code: 'FMS_ERR_NAME', file: 'c.ts', message: /found "aa-good", which is that of .*aa-good\.ts/ }
  ],
  served: { 'b/one': 1, two: 404, three: 404 }
})
check('an alias that is the module\'s own name', { files: { 'a.ts': answers('one', "export const __alias__ = 'a'") }, problems: [], served: { 'a/one': 1 } })
check('a module that is refused takes no names', {
  files: { 'a.ts': answers('one', "export const __alias__ = 'v1'"), 'b.ts': answers('two', "export const __alias__ = 'v1'"), c: { 'index.ts': answers('three', "export const __alias__ = 'b'") } },
  problems: [{ code: 'FMS_ERR_NAME', file: 'b.ts', message: /found "v1"/ }],
  served: { 'v1/one': 1, 'b/three': 1, two: 404 }
})
check('reserved names', {
  files: { 'tenant-api.ts': answers('one'), 'module-api': { 'index.ts': answers('two') } },
  problems: [
    { code: 'FMS_ERR_NAME', file: 'module-api', message: /"module-api".*rename/ },
    { code: 'FMS_ERR_NAME', file: 'tenant-api.ts', message: /"tenant-api".*rename/ }
  ],
  served: { one: 404, two: 404 }
})
for (const [i, [alias, message]] of ([
  ["'tenant-api'", /reserved/], ["'module-api'", /reserved/], ["'a b'", /found "a b"/], ["''", /found ""/], ["'__dir__'", /found "__dir__"/], ["'a/b'", /found "a\/b"/],
  ['7', /found 7/], ['null', /found null/], ["['v1']", /found \["v1"\]/], ['() => 1', /__alias__/], ['7n', /__alias__.*found 7/], ['Symbol("s")', /__alias__/],
  ['globalThis', /__alias__/], ['new Proxy({}, { get () { throw 1 } })', /__alias__/]
] as const).entries()) {
  // Numbered, since a fixture's path keeps letters and digits of the name only.
  check(`alias ${i}: ${alias}`, {
    files: { 'bad.ts': answers('bad', `export const __alias__ = ${alias}`) }, problems: refused(message, { code: 'FMS_ERR_NAME' }), served: { bad: 404 }
  })
}
check('names that no URL could hold', {
  files: { 'a b.ts': answers('one'), 'a.b.js': answers('two'), 'é.ts': answers('three'), 'x.ts': { 'index.ts': answers('four') } },
  problems: ['a b.ts', 'a.b.js', 'x.ts', 'é.ts'].map(file => ({ code: 'FMS_ERR_NAME', file, message: /expected letters, digits.*rename/ })),
  served: { one: 404, two: 404, three: 404, four: 404 }
})
check('what is no module is not mentioned', {
  files: {
    '.hidden.ts': 'broken (', '_private.ts': 'broken (', 'types.d.ts': 'broken (', 'a.test.ts': 'broken (', 'README.md': '', 'data.json': '', node_modules: { 'x.ts': 'broken (' }, folder: { 'x.ts': 'broken (' }
  },
  problems: []
})

check('links that lead out', {
  files: {},
  prepare: directory => {
    const outside = join(directory, '../outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'index.ts'), answers('outside'))
    symlinkSync(join(outside, 'index.ts'), join(directory, 'file.ts'))
    symlinkSync(outside, join(directory, 'folder'))
    mkdirSync(join(directory, 'index'))
    symlinkSync(join(outside, 'index.ts'), join(directory, 'index/index.ts'))
  },
  problems: ['file.ts', 'folder/index.ts', 'index/index.ts'].map(file => ({ code: 'FMS_ERR_FILE', file, message: /leads out to .*outside\/index\.ts; copy it here/ })),
  served: { outside: 404 }
})
check('links that stay within', {
  files: { _real: { 'index.ts': answers('within') } },
  prepare: directory => { symlinkSync('_real/index.ts', join(directory, 'link.ts')) },
  problems: [],
  served: { 'link/within': 1 }
})
check('links that lead nowhere', {
  files: {},
  prepare: directory => {
    symlinkSync('gone.ts', join(directory, 'dangling.ts'))
    symlinkSync('loop.ts', join(directory, 'loop.ts'))
  },
  problems: [
    { code: 'FMS_ERR_FILE', file: 'dangling.ts', message: /a link to gone\.ts, which does not exist/ },
    { code: 'FMS_ERR_FILE', file: 'loop.ts', message: /leads back to it/ }
  ]
})
check('pipes, which nobody writes to', {
  files: { 'bad.ts': "import './_pipe.ts'" },
  prepare: directory => { execFileSync('mkfifo', [join(directory, 'pipe.ts'), join(directory, '_pipe.ts')]) },
  problems: [{ code: 'FMS_ERR_FILE', file: 'pipe.ts', message: /expected a regular file/ }, { file: 'bad.ts', line: 1, message: /_pipe\.ts: it is not a file/ }]
})

check('an empty file', { files: { 'empty.ts': '' }, problems: [] })
check('a file of types', { files: { 'types.ts': 'export interface A { a: string }\nexport type B = A' }, problems: [] })
check('a byte order mark, and Windows line ends', { files: { 'windows.ts': `\uFEFF${answers('windows').replaceAll('\n', '\r\n')}` }, problems: [], served: { windows: 1 } })
check('a hashbang line', { files: { 'script.ts': `#!/usr/bin/env node\n${answers('script')}` }, problems: [], served: { script: 1 } })
check('binary garbage', {
  files: {}, prepare: directory => { writeFileSync(join(directory, 'bad.ts'), Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 256))) }, problems: refused(/./, { line: 1 })
})
check('a file of 5 MB', { files: { 'huge.ts': `${answers('huge')}export const text = '${'x'.repeat(5_000_000)}'` }, problems: [], served: { huge: 1 } })
check('a million of lines', { files: { 'bad.ts': `${'// line\n'.repeat(1_000_000)}throw new Error('at the end')` }, problems: refused(/at the end/, { line: 1_000_001 }) })
check('a module that takes its time to load', { files: { 'slow.ts': answers('slow', 'for (const end = Date.now() + 300; Date.now() < end;);') }, problems: [], served: { slow: 1 } })

check('a getter that throws', {
  files: { 'bad.js': "Object.defineProperty(exports, 'bad', { enumerable: true, get () { throw new Error('no luck') } })" },
  problems: [{ file: 'bad.js', line: 1, message: /no luck/ }]
})
check('an export that has no value yet', { files: { 'bad.ts': 'export { later }\nthrow 1\nlet later' }, problems: refused(/threw/) })
check('exports that trap', {
  files: { 'odd.ts': answers('odd', 'export const trap = new Proxy({}, { get () { throw new Error("trapped") } })') }, problems: [], served: { odd: 1 }
})
check('exported functions that trap', {
  files: {
    'bad.ts': answers('bad', 'export const trap = new Proxy(() => {}, { get () { throw new Error("trapped") } })'),
    'revoked.ts': answers('revoked', 'const { proxy, revoke } = Proxy.revocable(() => {}, {})\nexport { proxy }\nrevoke()')
  },
  problems: [{ file: 'bad.ts', message: /trapped/ }, { file: 'revoked.ts', message: /revoked/ }]
})
check('an endpoint behind a proxy', { files: { 'odd.ts': moduleSource({}, 'export const odd = new Proxy(endpoint({}, () => 1), {})') }, problems: [], served: { odd: 1 } })
check('descriptors that trap', {
  files: {
    'bad.ts': moduleSource({ one: '{ get api () { throw new Error("trapped") } }, () => 1' }),
    'fine.ts': moduleSource({ fine: 'new Proxy({}, {}), () => 1' }),
    'worse.ts': moduleSource({ two: 'new Proxy({}, { get () { throw new Error("trapped") }, has () { throw new Error("trapped") }, ownKeys () { throw new Error("trapped") } }), () => 1' })
  },
  problems: [{ code: 'FMS_ERR', file: 'bad.ts', message: /trapped/ }, { code: 'FMS_ERR', file: 'worse.ts', message: /trapped/ }],
  served: { fine: 1, one: 404, two: 404 }
})
check('no descriptor at all', {
  files: { 'bad.ts': moduleSource({ one: 'undefined, () => 1', two: 'null, () => 1', three: "'GET', () => 1", good: '{}, () => 1' }) },
  problems: ['one', 'three', 'two'].map(endpoint => ({ code: 'FMS_ERR_DESCRIPTOR', file: 'bad.ts', endpoint, field: 'descriptor', message: /expected/ })),
  served: { good: 1, one: 404 }
})
check('names that objects have anyway', {
  files: { 'odd.ts': moduleSource({ then: '{}, () => 1', toString: '{}, () => 2', toJSON: '{}, () => 3', one: "{ api: 'constructor' }, () => 4" }), 'constructor.ts': answers('hasOwnProperty') },
  problems: [],
  served: { then: 1, toString: 2, toJSON: 3, 'odd/constructor': 4, 'constructor/hasOwnProperty': 1, valueOf: 404, 'hasOwnProperty/isPrototypeOf': 1, __proto__: 404 }
})

for (const name of ['__start__', '__close__']) {
  for (const [value, found] of [['1', 'number'], ['null', 'object'], ["'x'", 'string'], ['{}', 'object']]) {
    check(`${name} is ${value}`, {
      files: { 'bad.ts': answers('bad', `export const ${name} = ${value}`) }, problems: refused(new RegExp(`${name}: expected a function; found .*${found}`)), served: { bad: 404 }
    })
  }
}

t.test('two directories hold a module of one name', async t => {
  const { app, call } = await start(t, {
    files: { 'a.ts': answers('one') },
    prepare: directory => {
      mkdirSync(join(directory, '../more'))
      writeFileSync(join(directory, '../more/a.ts'), answers('two'))
      writeFileSync(join(directory, '../more/b.ts'), answers('three'))
    }
  }, { plugins: [join(t.testdirName, 'more'), join(t.testdirName, 'plugins')] })
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_NAME', file: /plugins\/a\.ts$/, message: /which is that of .*more\/a\.ts/ }])
  t.strictSame([await call('a/two'), await call('three'), await call('one'), await call('first')], [1, 1, 404, 'good'])
})

t.test('a directory vanishes', async t => {
  const { app, directory, call } = await start(t, { files: {} })
  rmSync(directory, { recursive: true })
  await app.microservices.refresh()
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_DIRECTORY', file: directory, message: /found nothing.*create it/ }])
  t.equal(await call('first'), 404)
  writeFileSync(directory, 'a file')
  await app.microservices.refresh()
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_DIRECTORY', file: directory, message: /found ENOTDIR/ }])
  rmSync(directory)
  mkdirSync(`${directory}-new`)
  writeFileSync(join(`${directory}-new`, 'a.ts'), answers('back'))
  renameSync(`${directory}-new`, directory)
  await app.microservices.refresh()
  t.strictSame([app.microservices.directory().problems, await call('back')], [[], 1])
})

t.test('modules that cannot start leave the app to start', { buffered: true }, async t => {
  const thrown = ['new Error("no luck")', '"no luck"', 'undefined', 'null', 'Symbol("s")', 'Object.create(null)', '{ message: Symbol("s") }', '{ get message () { throw 1 } }']
  const files = Object.fromEntries(thrown.map((value, i) => [`bad-${i}.ts`, answers(`bad-${i}`, `export const __start__ = ${i % 2 === 0 ? '' : 'async '}() => { throw ${value} }`)]))
  const never = answers('never', 'export const __start__ = () => new Promise(() => {})')
  const { app, call } = await start(t, { files: { ...files, 'never.ts': never } })
  const { problems, modules } = app.microservices.directory()
  t.strictSame(problems.map(({ code, file }) => `${code} ${file.replace(/.*\//, '')}`), [...Object.keys(files), 'never.ts'].map(file => `FMS_ERR_MODULE ${file}`))
  for (const { message } of problems) t.match(message, /__start__/)
  t.match(problems[0]?.message, /no luck/)
  t.match(problems[1]?.message, /no luck/)
  t.match(problems.at(-1)?.message, /__start__ was not done within \d+ s/)
  t.strictSame(modules.map(({ name }) => name), ['aa-good', 'zz-good'])
  t.strictSame([await call('first'), await call('last'), await call('bad-0'), await call('never')], ['good', 'good', 404, 404])
})

t.test('modules that cannot close leave the app to close', { buffered: true }, async t => {
  const { app, logged } = await start(t, {
    files: {
      'a.ts': answers('one', 'export const __close__ = () => { throw new Error("no luck") }'),
      'b.ts': answers('two', 'export const __close__ = async () => { throw undefined }'),
      'c.ts': answers('three', 'export const __close__ = () => new Promise(() => {})')
    }
  })
  await app.close()
  t.strictSame(logged.map(({ msg }) => msg.replace(/\/.*\//, '')).sort(), ['a.ts', 'b.ts', 'c.ts'].map(file => `__close__ failed: ${file}`))
})
