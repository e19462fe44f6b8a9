import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import t, { type Test } from 'tap'
import { Bundler } from '../../lib/catalog/bundle.ts'
import { load } from '../../lib/catalog/load.ts'
import { endpoint, tagOf } from '../../lib/endpoint.ts'

type Files = Record<string, string>
// A tap fixture's leaves are contents; names with "/" make folders.
const tree = (files: Files) => {
  const root: Record<string, unknown> = {}
  for (const [path, content] of Object.entries(files)) {
    const names = path.split('/')
    const name = names.pop() as string
    let folder = root
    for (const part of names) folder = (folder[part] ??= {}) as Record<string, unknown>
    folder[name] = content
  }
  return root
}

const bundler = new Bundler()
t.teardown(() => bundler.close())

const write = async (t: Test, files: Files) => await realpath(t.testdir(tree(files) as never))

async function run (t: Test, files: Files, entry = 'main.ts') {
  const directory = await write(t, files)
  const bundle = await bundler.bundle(join(directory, entry))
  const { exports, mapStack } = await load(bundle)
  return { directory, bundle, exports, mapStack }
}

t.test('TypeScript is bundled: types vanish, enums and classes stay', async t => {
  const { exports, bundle } = await run(t, {
    'main.ts': `
      import type { Missing } from './missing.ts'
      import { type Missing as Other, kept } from './types.ts'
      export enum Colour { Red = 'red', Green = 'green' }
      export class Point { static count = 0; #x = 1; get x (): number { return this.#x } }
      export const value: Missing | Other | number = kept satisfies number
      export const strict = (function (this: unknown) { return this === undefined })()
      export default function named () {}
      export let later = 1`,
    'types.ts': 'export interface Missing { a: 1 }\nexport const kept = 7',
  })
  t.match(exports, { Colour: { Red: 'red', Green: 'green' }, value: 7, strict: true, later: 1 })
  const Point = exports['Point'] as new () => { x: number }
  t.equal(new Point().x, 1)
  t.type(exports['default'], 'function')
  t.ok(Object.isFrozen(exports))
  t.equal(bundle.inputs.length, 2)
})

t.test('a module may begin with a hashbang line', async t => {
  const { exports } = await run(t, { 'main.js': '#!/usr/bin/env node\nexport const value = 1' }, 'main.js')
  t.equal(exports['value'], 1)
})

t.test('local files are found as TypeScript projects name them, whatever their kind', async t => {
  const { exports, bundle, directory } = await run(t, {
    'main.ts': `
      import { a } from './a.js'
      import { b } from './b'
      import c, { named } from './c.cjs'
      import esm from './esm.js'
      import data, { inner } from './data.json'
      import attributed from './data.json' with { type: 'json' }
      import { f } from './folder'
      export const all = [a, b, c.named, named, esm, data.inner, inner, attributed.inner, f]`,
    'a.ts': 'export const a = 1',
    'b.mjs': '',
    'b.ts': 'export const b = 2',
    'c.cjs': 'exports.named = 3',
    'esm.js': 'export default 4',
    'data.json': '{ "inner": 5 }',
    'folder/index.ts': 'export const f = 6'
  })
  t.same(exports['all'], [1, 2, 3, 3, 4, 5, 5, 5, 6])
  t.same([...bundle.inputs].sort(), ['a.ts', 'b.ts', 'c.cjs', 'data.json', 'esm.js', 'folder/index.ts', 'main.ts'].map(file => join(directory, file)))
  t.equal(bundle.inputs[0], join(directory, 'main.ts'))
})

t.test('an import by absolute path or file URL is bundled too', async t => {
  const directory = await write(t, { 'main.ts': '', 'a.ts': 'export const a = 1' })
  const file = join(directory, 'a.ts')
  await writeFile(join(directory, 'main.ts'), `export { a } from '${file}'\nexport { a as b } from '${pathToFileURL(file).href}'`)
  const bundle = await bundler.bundle(join(directory, 'main.ts'))
  t.match((await load(bundle)).exports, { a: 1, b: 1 })
  t.same(bundle.inputs, [join(directory, 'main.ts'), file])
})

t.test('built-in modules are what Node gives, by default, by name and as a namespace', async t => {
  const { exports, bundle } = await run(t, {
    'main.ts': `
      import def, { readFile } from 'fs'
      import * as ns from 'node:fs'
      export * from 'node:path'
      export { def, readFile, ns }`
  })
  t.equal(exports['def'], fs)
  t.equal(exports['readFile'], fs.readFile)
  t.equal((exports['ns'] as { default: unknown }).default, fs)
  t.type(exports['join'], 'function')
  t.same(bundle.packages, ['node:fs', 'node:path'])
})

t.test('packages stay outside, resolved by their import conditions', async t => {
  const pkg = (name: string, more: object) => JSON.stringify({ name, ...more })
  const { exports, bundle, directory } = await run(t, {
    'main.ts': `
      import dual, { kind, count, grow } from 'dual'
      import inner from 'dual/inner'
      import cjs, { named } from 'cjs'
      import { version } from 'cjs/package.json'
      import { helper } from '#helper'
      grow()
      export { dual, kind, cjs, named, inner, version, helper }
      export const live = count`,
    'package.json': pkg('host', { imports: { '#helper': './src/helper.ts' } }),
    'src/helper.ts': 'export const helper = "helped"',
    'node_modules/dual/package.json': pkg('dual', {
      exports: { '.': { require: './index.cjs', module: './wrong.js', import: './index.mjs' }, './inner': './inner.mjs' }
    }),
    'node_modules/dual/index.mjs': 'export default "default"; export const kind = "import"; export let count = 0; export const grow = () => { count++ }',
    'node_modules/dual/index.cjs': 'exports.kind = "require"',
    'node_modules/dual/wrong.js': 'export const kind = "module"',
    'node_modules/dual/inner.mjs': 'export default "inner"',
    'node_modules/cjs/package.json': pkg('cjs', { version: '1.2.3', main: 'main.js' }),
    'node_modules/cjs/main.js': 'module.exports = function cjs () {}; module.exports.named = 1; Object.defineProperty(module.exports, "__esModule", { value: true })'
  })
  t.match(exports, { dual: 'default', kind: 'import', named: 1, inner: 'inner', version: '1.2.3', helper: 'helped' })
  t.equal(exports['live'], 1, 'exports are live, as in an ES module')
  t.equal(exports['cjs'], createRequire(import.meta.url)(join(directory, 'node_modules/cjs/main.js')), 'the default of a CommonJS package is its module.exports')
  t.ok(bundle.packages.includes(pathToFileURL(join(directory, 'node_modules/dual/index.mjs')).href))
  t.ok(bundle.inputs.includes(join(directory, 'src/helper.ts')), 'what "imports" maps to a file of the same package is bundled')
})

t.test('require() in a CommonJS file follows Node', async t => {
  const { exports } = await run(t, {
    'main.ts': 'export { default as a } from "./a.cjs"',
    'a.cjs': `
      exports.fs = require('fs')
      exports.kind = require('dual').kind
      try { require('absent') } catch (error) { exports.code = error.code }
      exports.where = [__filename, __dirname, typeof require.resolve('dual')]`,
    'node_modules/dual/package.json': '{ "exports": { "require": "./index.cjs", "import": "./index.mjs" } }',
    'node_modules/dual/index.mjs': 'export const kind = "import"',
    'node_modules/dual/index.cjs': 'exports.kind = "require"'
  })
  t.match(exports['a'], { kind: 'require', code: 'MODULE_NOT_FOUND', where: [String, String, 'string'] })
  t.equal((exports['a'] as { fs: unknown }).fs, fs)
})

t.test('this package and TypeBox are its own, where there is no node_modules too', async t => {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'fms-')))
  t.teardown(() => rm(directory, { recursive: true }))
  const file = join(directory, 'main.ts')
  await writeFile(file, `
    import { endpoint, command, assert, fail } from 'fastify-microservices'
    import { Type, type Static } from '@sinclair/typebox'
    import { Value } from '@sinclair/typebox/value'
    const args = Type.Object({ name: Type.String() })
    export const hello = endpoint({ args }, ({ name }: Static<typeof args>) => name)
    export const own = [endpoint, command, assert, fail, Type, Value]`)
  const { exports } = await load(await bundler.bundle(file))
  const own = exports['own'] as unknown[]
  t.equal(own[0], endpoint)
  t.equal(own[4], Type)
  t.equal(own[5], Value)
  t.equal(tagOf(exports['hello'])?.kind, 'function')
})

t.test('import.meta is right in every file', async t => {
  const { exports, directory } = await run(t, {
    'main.ts': 'import { inner } from "./lib/inner.mjs"\nexport { inner }\nexport const main = { ...import.meta }',
    'lib/inner.mjs': 'export const inner = [import.meta.url, import . meta.dirname, import.meta.filename] // last line'
  })
  const file = join(directory, 'lib/inner.mjs')
  t.same(exports['inner'], [pathToFileURL(file).href, join(directory, 'lib'), file])
  t.same(exports['main'], { url: pathToFileURL(join(directory, 'main.ts')).href, dirname: directory, filename: join(directory, 'main.ts') })
})

t.test('import() gives built-ins, packages and local files; a package that is missing fails the call', async t => {
  const { exports, bundle, directory } = await run(t, {
    'main.ts': `
      export const builtin = () => import('node:fs')
      export const pack = () => import('pack')
      export const local = () => import('./local.ts')
      export const computed = (name: string) => import(name)
      export const absent = () => import('absent')`,
    'local.ts': 'export const value: number = 2',
    'node_modules/pack/package.json': '{ "exports": { "import": "./index.mjs" } }',
    'node_modules/pack/index.mjs': 'export default 1'
  })
  const call = async (name: string, ...args: unknown[]) => await (exports[name] as (...args: unknown[]) => Promise<Record<string, unknown>>)(...args)
  t.equal((await call('builtin'))['readFile'], fs.readFile)
  t.equal((await call('pack'))['default'], 1)
  t.equal((await call('local'))['value'], 2)
  t.equal((await call('computed', 'pack'))['default'], 1)
  await t.rejects(call('absent'), { code: 'ERR_MODULE_NOT_FOUND' })
  t.same(bundle.packages, [], 'nothing is imported before it is asked for')
  t.ok(bundle.inputs.includes(join(directory, 'local.ts')))
})

t.test('a circular import works where functions are hoisted', async t => {
  const { exports } = await run(t, {
    'main.ts': 'import { b } from "./b.ts"\nexport function a () { return "a" }\nexport const value = b()',
    'b.ts': 'import { a } from "./main.ts"\nexport function b () { return a() + "b" }'
  })
  t.equal(exports['value'], 'ab')
})

t.test('a link is bundled as the file that it leads to', async t => {
  const directory = await write(t, { 'real/main.ts': 'export const where = import.meta.filename' })
  fs.symlinkSync(join(directory, 'real/main.ts'), join(directory, 'link.ts'))
  const bundle = await bundler.bundle(join(directory, 'link.ts'))
  t.equal(bundle.file, join(directory, 'real/main.ts'))
  t.equal((await load(bundle)).exports['where'], bundle.file)
})

t.test('a hundred modules are bundled at once', async t => {
  const names = Array.from({ length: 100 }, (_, i) => `m${i}.ts`)
  const directory = await write(t, Object.fromEntries(names.map((name, i) => [name, `export const value: number = ${i}`])))
  const bundles = await Promise.all(names.map(name => bundler.bundle(join(directory, name))))
  const loaded = await Promise.all(bundles.map(load))
  t.same(loaded.map(({ exports }) => exports['value']), names.map((_, i) => i))
})

t.test('bundlers close one by one, and leave the esbuild of the host alone', async t => {
  const host = createRequire(import.meta.url)('esbuild') as typeof import('esbuild')
  const file = join(await write(t, { 'main.ts': 'export const value = 1' }), 'main.ts')
  const [first, second] = [new Bundler(), new Bundler()]
  t.teardown(() => second.close())
  await Promise.all([first.bundle(file), second.bundle(file), host.transform('1')])
  t.equal(createRequire(import.meta.url)('esbuild'), host)

  const under = first.bundle(file)
  await first.close()
  t.equal((await under).file, file, 'what is under way is finished')
  await t.rejects(first.bundle(file), /closed/)
  t.equal((await second.bundle(file)).file, file)
  t.match(await host.transform('1 + 1'), { code: /1 \+ 1|2/ })
  await host.stop()
})

t.test('the process exits by itself after close()', async t => {
  const directory = await write(t, { 'main.ts': 'export const value = 1' })
  await writeFile(join(directory, 'run.ts'), `
    import { Bundler } from ${JSON.stringify(new URL('../../lib/catalog/bundle.ts', import.meta.url).href)}
    import { once } from 'node:events'
    import { ChildProcess } from 'node:child_process'
    import { subscribe } from 'node:diagnostics_channel'
    let child
    subscribe('child_process', message => { child = message.process })
    const bundler = new Bundler()
    await bundler.bundle(${JSON.stringify(join(directory, 'main.ts'))})
    const exited = child instanceof ChildProcess ? once(child, 'exit') : Promise.reject(new Error('no service'))
    await bundler.close()
    child.ref()
    await exited
    process.stdout.write('done')`)
  const { stdout } = await promisify(execFile)(process.execPath, [join(directory, 'run.ts')], { timeout: 20_000 })
  t.equal(stdout, 'done')
})
