import { execFile } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { Bundler } from '../../lib/catalog/bundle.ts'
import { load } from '../../lib/catalog/load.ts'
import { ModuleError } from '../../lib/source/problem.ts'

const bundler = new Bundler()
t.teardown(() => bundler.close())

async function failure (t: Test, files: Record<string, unknown>, entry = 'main.ts') {
  const directory = await realpath(t.testdir(files as never))
  const { file, line, message, code, cause } = await problemOf(bundler.bundle(join(directory, entry)).then(load))
  return { directory, code, name: file.slice(directory.length + 1), line, message, cause }
}

async function problemOf (promise: Promise<unknown>) {
  const error = await promise.then(() => { throw new Error('expected a failure') }, error => error)
  if (!(error instanceof ModuleError)) throw error
  return { ...error.problem, cause: error.cause }
}

t.test('a syntax error is placed in the file that has it', async t => {
  const { code, name, line, message } = await failure(t, { 'main.ts': 'import "./b.ts"', 'b.ts': '\n\nlet x: number = ;' })
  t.match({ code, name, line, message }, { code: 'FMS_ERR_MODULE', name: 'b.ts', line: 3, message: /Unexpected ";"/ })
})

t.test('a syntax error that only V8 sees is placed too', async t => {
  t.match(await failure(t, { 'main.ts': '\nexport const r = /(?<a>x)(?<a>y)/' }), { name: 'main.ts', line: 2, message: /Duplicate capture group/ })
})

t.test('top-level await says what to do instead', async t => {
  t.match(await failure(t, { 'main.ts': 'import "./b.ts"', 'b.ts': '\nawait 1\nexport {}' }),
    { name: 'b.ts', line: 2, message: /^top-level await is not supported: .*__start__/ })
})

t.test('what cannot be found is named, with the import', async t => {
  const files = {
    'package.ts': '\nimport x from "absent-package"\nx()',
    'file.ts': '\n\nimport "./absent.js"',
    'subpath.ts': 'import "pack/inner"',
    'builtin.ts': 'import "node:absent"',
    'name.ts': 'import { absent } from "./other.ts"\nabsent()',
    'kind.ts': '\nimport "./styles.css"',
    'meta.ts': 'export const here = import.meta.url\nimport "./absent.ts"',
    'typebox.ts': 'import "@sinclair/typebox/absent"',
    'other.ts': 'export const b = 1',
    'styles.css': '',
    node_modules: { pack: { 'package.json': '{ "name": "pack", "exports": { ".": "./a.js" } }', 'a.js': '' } }
  }
  for (const [entry, line, message] of [
    ['package.ts', 2, /cannot find the package "absent-package" that .*package\.ts imports; install it/],
    ['file.ts', 3, /cannot find the file "\.\/absent\.js" that .*file\.ts imports$/],
    ['subpath.ts', 1, /"pack\/inner" .*"\.\/inner" is not exported by package "pack"/],
    ['builtin.ts', 1, /no built-in module "node:absent"/],
    ['name.ts', 1, /No matching export in "\/.*other\.ts" for import "absent"/],
    ['kind.ts', 2, /expected a file that ends in one of \.ts .*found .*styles\.css/],
    ['meta.ts', 2, /"\.\/absent\.ts"/],
    ['typebox.ts', 1, /"@sinclair\/typebox\/absent"/]
  ] as const) {
    t.match(await failure(t, files, entry), { code: 'FMS_ERR_MODULE', name: entry, line, message }, entry)
  }
})

t.test('what cannot be read says why', async t => {
  const directory = await realpath(t.testdir({ 'folder.ts': {}, 'main.ts': '\nimport "./dangling.ts"' }))
  symlinkSync(join(directory, 'nowhere.ts'), join(directory, 'dangling.ts'))
  t.match(await problemOf(bundler.bundle(join(directory, 'folder.ts'))), { file: join(directory, 'folder.ts'), message: /cannot read .*folder\.ts: it is not a file/ })
  t.match(await problemOf(bundler.bundle(join(directory, 'dangling.ts'))), { file: join(directory, 'dangling.ts'), message: /cannot read .*ENOENT/ })
  t.match(await problemOf(bundler.bundle(join(directory, 'main.ts'))), { file: join(directory, 'main.ts'), line: 2, message: /dangling\.ts/ })
})

t.test('a throw at the top level is placed in the source, and its stack is mapped', async t => {
  const found = await failure(t, {
    'main.ts': 'import { lib } from "./lib.ts"\nlib()',
    'lib.ts': 'interface A { a: 1 }\ntype B = A\n\nexport function lib (): B {\n  throw new RangeError("bad")\n}'
  })
  t.match(found, { code: 'FMS_ERR_MODULE', name: 'lib.ts', line: 5, message: 'it threw while loading: bad', cause: RangeError })
  const { stack } = found.cause as Error
  t.ok(stack?.includes(`${join(found.directory, 'lib.ts')}:5:9`), String(stack))
  t.ok(stack?.includes(`${join(found.directory, 'main.ts')}:2:1`), String(stack))
})

t.test('anything may be thrown', async t => {
  for (const [thrown, message] of [['null', 'null'], ['Object.create(null)', '[Object: null prototype] {}'], ['"text"', '\'text\'']] as const) {
    t.match(await failure(t, { 'main.ts': `throw ${thrown}` }), { name: 'main.ts', line: undefined, message: `it threw while loading: ${message}` })
  }
})

t.test('a package that fails to load is named', async t => {
  t.match(await failure(t, {
    'main.ts': 'import "pack"',
    node_modules: { pack: { 'package.json': '{ "exports": "./a.mjs" }', 'a.mjs': 'throw new Error("no disk")' } }
  }), { name: 'main.ts', message: /^file:\/\/.*pack\/a\.mjs, which it imports, failed to load: no disk$/ })
})

t.test('a circular import that fails names the circle', async t => {
  const found = await failure(t, {
    'main.ts': 'import "./a.ts"',
    'a.ts': 'import { Base } from "./b.ts"\nexport class A extends Base {}',
    'b.ts': 'import { A } from "./a.ts"\nexport class Base {}\n\nexport const a = new A()'
  })
  const [a, b] = [join(found.directory, 'a.ts'), join(found.directory, 'b.ts')]
  t.match(found, { name: 'b.ts', line: 4 })
  t.ok(found.message.endsWith(`these files import one another, so one may be used before it has run: ${a} -> ${b} -> ${a}`), found.message)
})

t.test('a throw that has nothing to do with a circle does not blame it', async t => {
  const { message } = await failure(t, {
    'main.ts': 'import "./a.ts"\nthrow new TypeError("own")', 'a.ts': 'import "./b.ts"', 'b.ts': 'import "./a.ts"'
  })
  t.equal(message, 'it threw while loading: own')
})

t.test('mapStack() maps the positions of a call, and leaves other frames alone', async t => {
  const directory = await realpath(t.testdir({
    'main.ts': '#!/usr/bin/env node\nimport { deep } from "./deep.ts"\n\nexport const call = async (): Promise<void> => { await 1; deep() }',
    'deep.ts': 'type A = 1\nexport function deep (): A { throw new Error("deep") }'
  }))
  const { exports, mapStack } = await load(await bundler.bundle(join(directory, 'main.ts')))
  const error = await (exports['call'] as () => Promise<void>)().then(() => { throw new Error('expected a throw') }, (error: Error) => error)
  const mapped = mapStack(error.stack as string)
  t.ok(mapped.includes(`${join(directory, 'deep.ts')}:2:36`), mapped)
  t.ok(mapped.includes(`${join(directory, 'main.ts')}:4:59`), mapped)
  t.equal(mapStack('Error\n    at f (/elsewhere/main.ts:1:1)\n    at node:internal:1:1'), 'Error\n    at f (/elsewhere/main.ts:1:1)\n    at node:internal:1:1')
  t.equal(mapStack(''), '')
})

t.test('a load sees the exports of its own run only', async t => {
  const directory = await realpath(t.testdir({ 'main.ts': 'let n = 0\nexport const next = () => ++n' }))
  const bundle = await bundler.bundle(join(directory, 'main.ts'))
  const [one, two] = await Promise.all([load(bundle), load(bundle)])
  const next = (loaded: typeof one) => (loaded.exports['next'] as () => number)()
  t.same([next(one), next(one), next(two)], [1, 2, 1])
})

t.test('a CommonJS entry gives what it exports', async t => {
  const directory = await realpath(t.testdir({ 'object.js': 'exports.a = 1', 'function.js': 'module.exports = function f () {}' }))
  t.same((await load(await bundler.bundle(join(directory, 'object.js')))).exports, { a: 1 })
  t.match((await load(await bundler.bundle(join(directory, 'function.js')))).exports, { default: Function })
})

t.test('nothing keeps a replaced script in memory', async t => {
  const lib = (name: string) => JSON.stringify(new URL(`../../lib/catalog/${name}`, import.meta.url).href)
  const directory = await realpath(t.testdir({
    'main.ts': 'import "node:fs"\nexport const boom = () => { throw new Error("boom") }\nexport const later = () => import("node:fs")',
    'run.ts': `
      import { Bundler } from ${lib('bundle.ts')}
      import { load } from ${lib('load.ts')}
      const bundler = new Bundler()
      const bundle = await bundler.bundle(process.argv[2])
      await bundler.close()
      const heap = () => { for (let i = 0; i < 3; i++) gc(); return process.memoryUsage().heapUsed }
      const cycle = async n => {
        const { exports, mapStack } = await load({ ...bundle, code: bundle.code + '//' + n + 'x'.repeat(500_000) })
        try { exports.boom() } catch (error) { mapStack(error.stack) }
        await exports.later()
      }
      for (let n = 0; n < 10; n++) await cycle(n)
      const before = heap()
      for (let n = 10; n < 60; n++) await cycle(n)
      process.stdout.write(String(heap() - before))`
  }))
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', join(directory, 'run.ts'), join(directory, 'main.ts')], { timeout: 60_000 })
  // 50 scripts of 500 KB would be 25 MB.
  t.ok(Number(stdout) < 2_500_000, `${stdout} bytes more`)
})
