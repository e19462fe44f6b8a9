import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { Bundler } from '../../lib/catalog/bundle.ts'
import { BuildQueue } from '../../lib/catalog/queue.ts'
import { ModuleRecord } from '../../lib/catalog/record.ts'
import type { Settings } from '../../lib/options.ts'
import { build, type BuildOptions, moduleSource } from '../helper.ts'

const DEADLINE_MS = 10_000
/** Far less than that lies between two looks, so that most of what a deadline allows is left to the app. */
const LOOK_EVERY_MS = 20

/** Modules push to it what happens to them, and wait for what it holds. */
interface Journal { entries: string[], gate: Promise<unknown> }

/** An app that follows its files, and hands to change them. */
async function start (t: Test, watch: 'events' | 'poll', options: BuildOptions = {}) {
  const log: Array<{ level: number, msg: string, err?: { stack: string }, problem?: { file: string } }> = []
  const stream = new Writable({
    write (line, _encoding, done) {
      log.push(JSON.parse(String(line)))
      done()
    }
  })
  const journal: Journal = { entries: [], gate: Promise.resolve() }
  const { app, directory, url } = await build(t, {
    watch, fastify: { logger: { level: 'warn', stream } }, before: app => { app.decorate('journal', journal) }, ...options
  })
  const path = (...names: string[]) => join(directory, ...names)
  const write = (name: string, content: string | Buffer) => {
    mkdirSync(dirname(path(name)), { recursive: true })
    writeFileSync(path(name), content)
  }
  /** The answer of an endpoint, or the status where it is no success. */
  const call = async (api: string, method: 'GET' | 'POST' = 'GET'): Promise<unknown> => {
    const response = await app.inject({ method, url: url(`/${api}`) })
    return response.statusCode === 200 ? response.json() : response.statusCode
  }
  const eventually = async (what: string, expected: unknown, look: () => unknown): Promise<void> => {
    const end = Date.now() + DEADLINE_MS
    let found = await look()
    while (!isDeepStrictEqual(found, expected) && Date.now() < end) {
      await sleep(LOOK_EVERY_MS)
      found = await look()
    }
    t.strictSame(found, expected, what)
  }
  const becomes = (api: string, expected: unknown) => eventually(`${api} is ${JSON.stringify(expected)}`, expected, () => call(api))
  const problems = () => app.microservices.directory().problems
  /** Codes of all problems, and the files' names. */
  const reports = () => problems().map(({ code, file }) => `${code} ${file.slice(directory.length + 1)}`)
  let barriers = 0
  /** Until all that was done before has been looked at: of two refreshes in a row, the second began after it. */
  const settled = async () => {
    for (let i = 0; i < 2; i++) {
      write('zz-barrier.ts', answers('zz-barrier', ++barriers))
      await becomes('zz-barrier', barriers)
    }
  }
  return { t, app, directory, url, path, write, call, becomes, eventually, problems, reports, settled, log, journal }
}

type Started = Awaited<ReturnType<typeof start>>

/** A module with one endpoint, which answers with the value of an expression. */
function answers (api: string, expression: unknown, more = ''): string {
  return moduleSource({ run: `{ api: '${api}' }, async (args, context) => (${String(expression)})` }, more)
}

/** Keeps the time that a call or a start takes in the test's hands. */
function gate () {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { promise, open: resolve }
}

/** Source whose start and close are written to the journal. */
const lifecycle = (name: string) => `
let journal
export const __start__ = app => { journal = app.journal; journal.entries.push('start ${name}') }
export const __close__ = () => { journal.entries.push('close ${name}') }`

// Most of their time the tests wait, so they do it together.
t.jobs = 6

for (const watch of ['events', 'poll'] as const) {
  const test = (name: string, files: BuildOptions['files'], body: (started: Started) => Promise<void>) =>
    t.test(`${watch}: ${name}`, { buffered: true }, async t => { await body(await start(t, watch, { files: files ?? {} })) })

  test('a file that is added, edited, renamed or deleted is live', { 'a.ts': answers('a', 1) }, async ({ t, write, becomes, path, call }) => {
    write('b.ts', answers('one', 1))
    await becomes('one', 1)
    await becomes('b/one', 1)
    write('b.ts', answers('one', 2))
    await becomes('one', 2)
    renameSync(path('b.ts'), path('c.ts'))
    await becomes('b/one', 404)
    await becomes('c/one', 2)
    rmSync(path('c.ts'))
    await becomes('one', 404)
    rmSync(path('a.ts'))
    await becomes('a', 404)
    t.equal(await call('a/a'), 404, 'although it has a route of its own')
    write('a.ts', answers('a', 3))
    await becomes('a', 3)
  })

  test('every kind of module file follows', {}, async ({ write, becomes }) => {
    for (const extension of ['ts', 'mts', 'js', 'mjs']) {
      write(`m-${extension}.${extension}`, answers(`x-${extension}`, 1))
      await becomes(`m-${extension}/x-${extension}`, 1)
      write(`m-${extension}.${extension}`, answers(`x-${extension}`, 2))
      await becomes(`m-${extension}/x-${extension}`, 2)
    }
  })

  test('a folder becomes a module with its index file', {}, async ({ write, path, settled, becomes, reports }) => {
    mkdirSync(path('shop'))
    await settled()
    t.strictSame(reports(), [], 'nobody has to be told of a folder')
    write('shop/index.ts', answers('price', 1))
    await becomes('shop/price', 1)
    write('shop/index.ts', answers('price', 2))
    await becomes('shop/price', 2)
    renameSync(path('shop'), path('store'))
    await becomes('store/price', 2)
    await becomes('shop/price', 404)
    rmSync(path('store/index.ts'))
    await becomes('store/price', 404)
    write('store/index.mjs', answers('price', 3))
    await becomes('store/price', 3)
    rmSync(path('store'), { recursive: true })
    await becomes('price', 404)
  })

  test('what a module imports is as current as the module', {
    shop: {
      'index.ts': answers('shop', '[own, deep, json, shared, outer]', [
        "import { own } from './own.ts'",
        "import { deep } from './parts/deep/deep.ts'",
        "import json from './data.json' with { type: 'json' }",
        "import { shared } from '../_lib/shared.ts'",
        "import { outer } from '../../outside/outer.ts'"
      ].join('\n')),
      'own.ts': 'export const own = 1',
      parts: { deep: { 'deep.ts': 'export const deep = 1' } },
      'data.json': '1'
    },
    _lib: { 'shared.ts': "export * from './below.ts'", 'below.ts': 'export const shared = 1' }
  }, async ({ write, becomes, path, settled }) => {
    await becomes('shop', 404)
    write('../outside/outer.ts', 'export const outer = 1')
    // The module itself is touched: whether the appearance of the file alone is noticed is another test's business.
    utimesSync(path('shop/index.ts'), new Date(), new Date())
    await becomes('shop', [1, 1, 1, 1, 1])
    await settled()
    const steps = [
      ['shop/own.ts', 'export const own = 2', [2, 1, 1, 1, 1]],
      ['shop/parts/deep/deep.ts', 'export const deep = 2', [2, 2, 1, 1, 1]],
      ['shop/data.json', '2', [2, 2, 2, 1, 1]],
      ['_lib/below.ts', 'export const shared = 2', [2, 2, 2, 2, 1]],
      ['../outside/outer.ts', 'export const outer = 2', [2, 2, 2, 2, 2]]
    ] as const
    for (const [file, content, expected] of steps) {
      write(file, content)
      await becomes('shop', expected)
    }
    for (const [file, content, expected] of steps) {
      // As editors save: another file takes the place.
      writeFileSync(path(`${file}~`), content.replace('2', '3'))
      renameSync(path(`${file}~`), path(file))
      await becomes('shop', expected.map((_, i) => i <= steps.findIndex(([one]) => one === file) ? 3 : 2))
    }
  })

  test('a broken edit leaves the last good version, is listed, and logged once', {
    'a.ts': answers('a', 1), 'b.ts': answers('b', 1)
  }, async ({ t, write, becomes, eventually, reports, problems, settled, call, log, path }) => {
    write('a.ts', `${answers('a', 2)}\nexport const = 7\n`)
    await eventually('it is listed', ['FMS_ERR_MODULE a.ts'], reports)
    t.match(problems()[0], { owner: 'local', file: path('a.ts'), line: 6, message: /keeps serving/ })
    await settled()
    write('b.ts', answers('b', 2))
    await becomes('b', 2)
    t.equal(await call('a'), 1)
    t.strictSame(reports(), ['FMS_ERR_MODULE a.ts'])
    t.equal(log.filter(({ problem }) => problem?.file === path('a.ts')).length, 1, 'however often it was looked at')
    write('a.ts', answers('a', 3))
    await becomes('a', 3)
    t.strictSame(reports(), [])
    write('a.ts', 'throw new Error("at once")')
    await eventually('it is listed', ['FMS_ERR_MODULE a.ts'], reports)
    t.equal(await call('a'), 3)
    write('a.ts', answers('a', 3))
    await eventually('and mended', [], reports)
    t.equal(await call('a'), 3)
  })

  test('a dependency that breaks leaves the last good version', {
    'a.ts': answers('a', 'helper', "import { helper } from './_lib/helper.ts'"), _lib: { 'helper.ts': 'export const helper = 1' }
  }, async ({ t, write, becomes, eventually, reports, call, path }) => {
    write('_lib/helper.ts', 'export const helper = (')
    await eventually('it is listed', ['FMS_ERR_MODULE _lib/helper.ts'], reports)
    t.equal(await call('a'), 1)
    write('_lib/helper.ts', 'export const helper = 2')
    await becomes('a', 2)
    rmSync(path('_lib/helper.ts'))
    await eventually('it is listed', ['FMS_ERR_MODULE a.ts'], reports)
    t.equal(await call('a'), 2)
    write('_lib/helper.ts', 'export const helper = 3')
    await becomes('a', 3)
    t.strictSame(reports(), [])
  })

  test('a file that is written in pieces is live when it is whole', { 'a.ts': answers('a', 1) }, async ({ t, write, path, becomes, settled, call }) => {
    const source = answers('a', 2)
    const half = source.lastIndexOf('async')
    write('a.ts', source.slice(0, half))
    await settled()
    t.equal(await call('a'), 1)
    appendFileSync(path('a.ts'), source.slice(half))
    await becomes('a', 2)
    truncateSync(path('a.ts'), 20)
    await settled()
    t.equal(await call('a'), 2)
    write('a.ts', answers('a', 3))
    await becomes('a', 3)
  })

  test('an empty file is a module without endpoints', { 'a.ts': answers('a', 1) }, async ({ t, path, write, becomes, reports }) => {
    truncateSync(path('a.ts'), 0)
    await becomes('a', 404)
    t.strictSame(reports(), [])
    write('a.ts', answers('a', 2))
    await becomes('a', 2)
  })

  test('the ways of editors to save', { 'a.ts': answers('a', 0) }, async ({ t, path, becomes, reports }) => {
    let content = 0
    const ways: Array<(text: string) => void> = [
      text => {
        // vim with backupcopy=no
        renameSync(path('a.ts'), path('a.ts~'))
        writeFileSync(path('a.ts'), text)
        rmSync(path('a.ts~'))
      },
      text => {
        // vim with backupcopy=yes, which looks whether it may write first
        writeFileSync(path('4913'), '')
        rmSync(path('4913'))
        writeFileSync(path('a.ts~'), readFileSync(path('a.ts')))
        writeFileSync(path('a.ts'), text)
        rmSync(path('a.ts~'))
      },
      text => {
        writeFileSync(path('.a.ts.swp'), text)
        renameSync(path('.a.ts.swp'), path('a.ts'))
      },
      text => {
        writeFileSync(path('a.ts.tmp.123'), text)
        renameSync(path('a.ts.tmp.123'), path('a.ts'))
      },
      text => {
        rmSync(path('a.ts'))
        writeFileSync(path('a.ts'), text)
      },
      text => {
        // The times of the old file are put back, as rsync and some editors do.
        const { atime, mtime } = statSync(path('a.ts'))
        writeFileSync(path('a.ts'), text)
        utimesSync(path('a.ts'), atime, mtime)
      }
    ]
    for (const save of [...ways, ...ways]) {
      save(answers('a', ++content))
      await becomes('a', content)
    }
    t.strictSame(reports(), [])
  })

  test('a plugin directory that vanishes and comes back', { 'a.ts': answers('a', 1), b: { 'index.ts': answers('b', 1) } }, async ({ directory, path, write, becomes, eventually, reports }) => {
    renameSync(directory, `${directory}-away`)
    await becomes('a', 404)
    await becomes('b', 404)
    await eventually('it is reported', ['FMS_ERR_DIRECTORY '], reports)
    renameSync(`${directory}-away`, directory)
    await becomes('a', 1)
    await becomes('b', 1)
    await eventually('it is no longer reported', [], reports)
    rmSync(directory, { recursive: true })
    await becomes('a', 404)
    mkdirSync(directory)
    write('a.ts', answers('a', 2))
    await becomes('a', 2)
    write('b/index.ts', answers('b', 2))
    await becomes('b', 2)
    write('a.ts', answers('a', 3))
    await becomes('a', 3)
    // Another directory at the same path, with the same names in it.
    mkdirSync(`${directory}-new`)
    writeFileSync(join(`${directory}-new`, 'a.ts'), answers('a', 4))
    renameSync(directory, `${directory}-old`)
    renameSync(`${directory}-new`, directory)
    await becomes('a', 4)
    await becomes('b', 404)
    writeFileSync(path('a.ts'), answers('a', 5))
    await becomes('a', 5)
  })

  test('endpoints and methods come and go within a module', { 'a.ts': answers('a', 1) }, async ({ t, app, url, write, becomes, eventually, call }) => {
    write('a.ts', moduleSource({ one: "{ api: 'a' }, () => 2", two: "{ api: 'a', method: 'POST' }, () => 'posted'", more: "{ method: 'GET|POST' }, () => 'more'" }))
    await becomes('a', 2)
    t.strictSame(await Promise.all([call('a', 'POST'), call('a/a', 'POST'), call('more'), call('a/more', 'POST')]), ['posted', 'posted', 'more', 'more'])
    t.equal((await app.inject({ url: url('/a/x/y') })).statusCode, 200, 'slugs too')
    write('a.ts', moduleSource({ two: "{ api: 'a', method: 'POST' }, () => 'posted again'" }))
    await eventually('POST alone', 'posted again', () => call('a', 'POST'))
    const gone = await app.inject({ url: url('/a') })
    t.equal(gone.statusCode, 404)
    t.equal(gone.headers.allow, 'POST')
    t.equal(gone.json().message, 'a is undefined for GET.')
    t.equal(await call('more'), 404)
  })

  test('an alias changes', { 'a.ts': answers('a', 1, "export const __alias__ = 'v1'") }, async ({ t, write, becomes, call }) => {
    t.equal(await call('v1/a'), 1)
    write('a.ts', answers('a', 2, "export const __alias__ = 'v2'"))
    await becomes('v2/a', 2)
    t.equal(await call('v1/a'), 404)
    write('a.ts', answers('a', 3))
    await becomes('a/a', 3)
    t.equal(await call('v2/a'), 404)
  })

  test('a conflict of names comes and goes', { 'b.ts': answers('b', 1, "export const __alias__ = 'v1'") }, async ({ t, path, write, becomes, eventually, reports, call }) => {
    write('c.ts', answers('c', 1, "export const __alias__ = 'v1'"))
    await eventually('the later one is refused', ['FMS_ERR_NAME c.ts'], reports)
    t.equal(await call('c'), 404)
    t.equal(await call('v1/b'), 1)
    write('a.ts', answers('a', 1, "export const __alias__ = 'v1'"))
    await becomes('v1/a', 1)
    t.strictSame(reports(), ['FMS_ERR_NAME b.ts', 'FMS_ERR_NAME c.ts'])
    t.strictSame([await call('b'), await call('b/b')], [404, 404], 'although it was there first: order is by file name')
    rmSync(path('a.ts'))
    await becomes('v1/b', 1)
    write('b.ts', answers('b', 2))
    await becomes('v1/c', 1)
    await becomes('b', 2)
    t.strictSame(reports(), [])
  })

  test('the first in order answers a short URL, whatever came last', { 'b.ts': answers('x', "'b'") }, async ({ t, app, path, write, becomes, call }) => {
    write('c.ts', answers('x', "'c'"))
    await becomes('c/x', 'c')
    t.equal(await call('x'), 'b')
    write('a.ts', answers('x', "'a'"))
    await becomes('x', 'a')
    t.strictSame(app.microservices.directory().shadowed.map(({ module, by }) => `${module} by ${by}`), ['b by a', 'c by a'])
    rmSync(path('a.ts'))
    rmSync(path('b.ts'))
    await becomes('x', 'c')
    t.strictSame(app.microservices.directory().shadowed, [])
  })

  test('state survives what changes nothing, and no edit', { 'a.ts': answers('a', '++count', 'let count = 0') }, async ({ t, path, write, call, settled }) => {
    t.equal(await call('a'), 1)
    utimesSync(path('a.ts'), new Date(), new Date())
    await settled()
    t.equal(await call('a'), 2, 'touched')
    writeFileSync(path('a.ts'), readFileSync(path('a.ts')))
    write('b.ts', answers('b', 1))
    write('b.ts', answers('b', 'nonsense ('))
    await settled()
    t.equal(await call('a'), 3, 'written again, with neighbours that come and break')
    write('a.ts', answers('a', '[++count]', 'let count = 0'))
    await settled()
    t.strictSame(await call('a'), [1], 'edited')
  })

  test('a missing local file is created', { 'a.ts': answers('a', 'value', "import { value } from './_made/later/value.ts'") }, async ({ t, path, write, becomes, settled, reports, problems }) => {
    t.strictSame(reports(), ['FMS_ERR_MODULE a.ts'])
    t.match(problems()[0]?.message, /_made\/later\/value\.ts/)
    mkdirSync(path('_made'))
    await settled()
    mkdirSync(path('_made/later'))
    await settled()
    write('_made/later/value.ts', 'export const value = 1')
    await becomes('a', 1)
    t.strictSame(reports(), [])
  })

  test('a missing file outside of the plugin directory is created', {
    'a.ts': answers('a', 'value', "import { value } from '../elsewhere/value.ts'")
  }, async ({ t, reports, write, becomes }) => {
    t.strictSame(reports(), ['FMS_ERR_MODULE a.ts'])
    write('../elsewhere/value.ts', 'export const value = 1')
    await becomes('a', 1)
  })

  test('a dependency that was broken from the start is mended', {
    'a.ts': answers('a', 'value', "import { value } from './_lib/value.ts'"), _lib: { 'value.ts': 'export const value = (' }
  }, async ({ t, reports, write, becomes }) => {
    t.strictSame(reports(), ['FMS_ERR_MODULE _lib/value.ts'])
    write('_lib/value.ts', 'export const value = 1')
    await becomes('a', 1)
  })

  test('a missing package is installed', { 'a.ts': answers('a', 'value', `import { value } from 'late-package-${watch}'`) }, async ({ t, path, write, becomes, settled, reports }) => {
    t.strictSame(reports(), ['FMS_ERR_MODULE a.ts'])
    mkdirSync(path('../node_modules'))
    await settled()
    write(`../node_modules/late-package-${watch}/index.js`, 'export const value = 1')
    write(`../node_modules/late-package-${watch}/package.json`, '{ "type": "module", "exports": "./index.js" }')
    await becomes('a', 1)
    t.strictSame(reports(), [])
  })

  test('of many quick edits the last is served', { 'a.ts': answers('a', 0) }, async ({ write, becomes, settled }) => {
    for (let i = 1; i <= 150; i++) {
      write('a.ts', answers('a', i))
      await sleep(i % 7)
    }
    await becomes('a', 150)
    await settled()
    await becomes('a', 150)
  })

  test('a change while a refresh runs is not lost', {
    'a.ts': answers('a', 0), 'slow.ts': answers('slow', 0)
  }, async ({ write, becomes, eventually, journal }) => {
    const started = gate()
    journal.gate = started.promise
    write('slow.ts', answers('slow', 1, 'export const __start__ = async app => { app.journal.entries.push("starting"); await app.journal.gate }'))
    await eventually('the refresh waits for a start', ['starting'], () => journal.entries)
    write('a.ts', answers('a', 1))
    await sleep(700)
    write('b.ts', answers('b', 1))
    started.open()
    await becomes('slow', 1)
    await becomes('a', 1)
    await becomes('b', 1)
  })

  test('a version starts when it goes live, once, and closes when it is replaced', { 'a.ts': answers('a', 1, lifecycle('1')) }, async ({ t, app, journal, path, write, becomes, settled, eventually }) => {
    t.strictSame(journal.entries, ['start 1'], 'before the app is ready')
    utimesSync(path('a.ts'), new Date(), new Date())
    await settled()
    t.strictSame(journal.entries, ['start 1'])
    write('a.ts', answers('a', 2, lifecycle('2')))
    await becomes('a', 2)
    await eventually('replaced', ['start 1', 'start 2', 'close 1'], () => journal.entries)
    rmSync(path('a.ts'))
    await eventually('removed', ['start 1', 'start 2', 'close 1', 'close 2'], () => journal.entries)
    write('b.ts', answers('b', 3, lifecycle('3')))
    await becomes('b', 3)
    await app.close()
    t.strictSame(journal.entries.slice(4), ['start 3', 'close 3'])
  })

  test('a version that cannot start leaves the one before', { 'a.ts': answers('a', 1, lifecycle('1')), 'b.ts': answers('b', 1) }, async ({ t, path, write, becomes, eventually, reports, problems, journal, call }) => {
    write('a.ts', answers('a', 2, 'export const __start__ = async () => { throw new Error("no database") }'))
    write('b.ts', answers('b', 2))
    await becomes('b', 2)
    await eventually('it is listed', ['FMS_ERR_MODULE a.ts'], reports)
    t.match(problems()[0], { file: path('a.ts'), message: /__start__ failed: no database.*keeps serving/ })
    t.equal(await call('a'), 1)
    t.strictSame(journal.entries, ['start 1'], 'which is neither closed nor started again')
    write('c.ts', answers('c', 1, 'export const __start__ = () => { throw undefined }'))
    await eventually('a new one too', ['FMS_ERR_MODULE a.ts', 'FMS_ERR_MODULE c.ts'], reports)
    t.equal(await call('c'), 404)
    rmSync(path('c.ts'))
    write('a.ts', answers('a', 3, lifecycle('3')))
    await becomes('a', 3)
    t.strictSame(reports(), [])
    await eventually('replaced', ['start 1', 'start 3', 'close 1'], () => journal.entries)
  })

  test('calls under way finish on the version that they began with, which closes after them', {
    'a.ts': moduleSource({
      a: '{}, () => value',
      held: "{}, async (args, { app: { journal } }) => { journal.entries.push('called'); await journal.gate; return value }"
    }, `let value = 1${lifecycle('1')}`)
  }, async ({ t, app, url, path, write, becomes, settled, eventually, journal }) => {
    await app.listen({ port: 0, host: '127.0.0.1' })
    const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
    const call = gate()
    journal.gate = call.promise
    const answer = fetch(origin + url('/held'))
    await eventually('called', ['start 1', 'called'], () => journal.entries)
    write('a.ts', answers('a', 2, lifecycle('2')))
    await becomes('a', 2)
    rmSync(path('a.ts'))
    await becomes('a', 404)
    await settled()
    t.notOk(journal.entries.includes('close 1'), 'it waits')
    call.open()
    t.equal(await (await answer).json(), 1)
    await eventually('closed after the call', ['start 1', 'called', 'start 2', 'close 2', 'close 1'], () => journal.entries)
  })

  test('a version that is refused and admitted again is never closed while it serves', {
    'b.ts': answers('b', '(context.app.journal.entries.push("called"), await context.app.journal.gate, 1)', `export const __alias__ = 'v1'${lifecycle('b')}`)
  }, async ({ t, app, url, path, write, becomes, settled, eventually, journal }) => {
    await app.listen({ port: 0, host: '127.0.0.1' })
    const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
    const call = gate()
    journal.gate = call.promise
    const answer = fetch(origin + url('/b'))
    await eventually('called', true, () => journal.entries.includes('called'))
    write('a.ts', answers('a', 1, "export const __alias__ = 'v1'"))
    await becomes('a', 1)
    rmSync(path('a.ts'))
    await becomes('a', 404)
    call.open()
    t.equal(await (await answer).json(), 1)
    await becomes('b', 1)
    await settled()
    const steps = journal.entries.filter(entry => entry !== 'called')
    t.equal(steps.at(-1) === 'close b' ? 'closed' : 'open', 'open', `what serves is not closed: ${steps.join(', ')}`)
  })

  test('a version that is admitted again but cannot start twice is reported, not tried for ever', {
    'b.ts': answers('b', 1, [
      "import { setTimeout } from 'node:timers/promises'",
      "export const __alias__ = 'v1'",
      'export const __start__ = async app => {',
      "  await setTimeout(1)\n  const starts = app.journal.entries.push('start')",
      // Not for ever, so that the test ends also where the starts would not.
      "  if (starts > 1 && starts < 50) throw new Error('the port is taken')\n}",
      'export const __close__ = () => {}'
    ].join('\n'))
  }, async ({ t, path, write, becomes, settled, reports, call, journal }) => {
    write('a.ts', answers('a', 1, "export const __alias__ = 'v1'"))
    await becomes('a', 1)
    rmSync(path('a.ts'))
    await becomes('a', 404)
    await settled()
    t.equal(await call('b'), 404)
    t.strictSame(reports(), ['FMS_ERR_MODULE b.ts'])
    t.ok(journal.entries.length < 10, `${journal.entries.length} starts`)
  })

  test('a new endpoint is served at once, but for one with a config', { 'a.ts': answers('a', 1) }, async ({ t, app, write, becomes, call, path, problems, eventually }) => {
    write('b.ts', moduleSource({ plain: '{}, () => 1', limited: '{ config: { rateLimit: { max: 1 } } }, () => 1', empty: '{ config: {} }, () => 1' }))
    await becomes('plain', 1)
    t.strictSame([await call('empty'), await call('limited'), await call('b/limited')], [1, 404, 404])
    t.match(problems(), [{ code: 'FMS_ERR_RESTART', file: path('b.ts'), endpoint: 'limited', field: 'config', message: /restart/ }])
    t.ok(app.microservices.directory().modules.some(({ name }) => name === 'b'))
    write('b.ts', moduleSource({ plain: '{}, () => 2', limited: '{}, () => 2' }))
    await becomes('limited', 2)
    await eventually('nothing to restart for', [], problems)
  })

  test('positions in the log are right after an edit that only moves lines', { 'a.ts': answers('a', "fail(500, 'here')") }, async ({ t, write, path, call, settled, log }) => {
    const line = async () => {
      log.length = 0
      t.equal(await call('a'), 500)
      const [, found] = /a\.ts:(\d+):/.exec(JSON.stringify(log)) ?? []
      return Number(found)
    }
    const before = await line()
    t.ok(before > 0, 'the log names the line')
    write('a.ts', `// A comment.\n// Another.\n${readFileSync(path('a.ts'), 'utf8')}`)
    await settled()
    t.equal(await line(), before + 2)
  })

  for (const seed of watch === 'events' ? [1, 2, 3] : [4]) {
    test(`what is served is a function of the files, not of their history (seed ${seed})`, {}, async ({ t, app, directory, settled, call }) => {
      await wander(directory, seed, settled)
      await settled()
      const listing = app.microservices.directory()
      const apis = listing.modules.flatMap(({ name, alias, endpoints }) => endpoints.flatMap(({ api }) => [api, `${name}/${api}`, `${alias}/${api}`]))
      t.ok(apis.length > 2, 'something is served')
      await t.test('a fresh app', async t => {
        const fresh = await start(t, 'events', { plugins: [directory] })
        t.strictSame(listing, fresh.app.microservices.directory())
        for (const api of apis) t.strictSame(await call(api), await fresh.call(api), api)
      })
    })
  }
}

/** Numbers that look random and are the same each time (mulberry32). */
function randomNumbers (seed: number): (below: number) => number {
  return below => {
    seed = (seed + 0x6D2B79F5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Changes files in many ways; in the end none is broken, since of a broken one the last good version serves. */
async function wander (directory: string, seed: number, settled: () => Promise<void>): Promise<void> {
  const random = randomNumbers(seed)
  const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T
  const names = ['a', 'b', 'c', 'd']
  const places = () => names.flatMap(name => [`${name}.ts`, `${name}.js`, `${name}/index.ts`]).map(place => join(directory, place))
  const source = () => {
    const alias = pick(['', '', "export const __alias__ = 'v1'", "export const __alias__ = 'v2'", `export const __alias__ = '${pick(names)}'`])
    return answers(pick(['x', 'y', 'z']), `[${random(1000)}, helper]`, `import { helper } from '${directory}/_lib/helper.js'\n${alias}`)
  }
  const put = (place: string, content: string) => {
    mkdirSync(dirname(place), { recursive: true })
    writeFileSync(place, content)
  }
  put(join(directory, '_lib/helper.js'), 'export const helper = 0')
  for (let step = 0; step < 40; step++) {
    const existing = places().filter(place => existsSync(place))
    const place = pick(existing.length > 0 ? existing : places())
    const action = random(10)
    if (action < 4) put(pick(places()), source())
    else if (action === 4) put(place, 'export const = broken')
    else if (action === 5) put(join(directory, '_lib/helper.js'), `export const helper = ${random(3)}`)
    else if (action === 6) rmSync(place, { force: true })
    else if (action === 7 && existsSync(place)) {
      const target = pick(places())
      mkdirSync(dirname(target), { recursive: true })
      renameSync(place, target)
    } else if (action === 8) rmSync(dirname(place) === directory ? place : dirname(place), { recursive: true, force: true })
    else put(place, source())
    if (random(4) === 0) await settled()
  }
  for (const place of places().filter(place => existsSync(place) && readFileSync(place, 'utf8').includes('broken'))) put(place, source())
}

t.test('a dependency that changes while its module is being built is not stale', async t => {
  const directory = t.testdir({ 'a.ts': "import { value } from './_value.ts'\nexport function report () {}\nexport const __alias__ = value", '_value.ts': "export const value = 'v1'" })
  class Interrupted extends Bundler {
    override async bundle (file: string) {
      const bundle = await super.bundle(file)
      if (existsSync(join(directory, 'late'))) return bundle
      writeFileSync(join(directory, 'late'), '')
      writeFileSync(join(directory, '_value.ts'), "export const value = 'v2'")
      // A build of a large module: the change is long past by the time it is done.
      await sleep(300)
      return bundle
    }
  }
  const bundler = new Interrupted()
  t.teardown(() => bundler.close())
  const record = new ModuleRecord({ owner: 'local', name: 'a', file: join(directory, 'a.ts'), folder: undefined, directory })
  const makers = { bundler, workshop: undefined, queue: new BuildQueue() }
  const settings = { admins: ['local'], identified: false, multiTenant: false } as unknown as Settings
  // Files that are as young as a clock's tick are looked at again anyway.
  await sleep(300)
  await record.update(makers, settings)
  await sleep(300)
  await record.update(makers, settings)
  t.equal(record.version?.alias, 'v2')
})

t.test('the app closes while files change', async t => {
  const { app, directory, write } = await start(t, 'events', { files: { 'a.ts': answers('a', 1) } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  write('a.ts', answers('a', 2))
  const closed = once(app.server, 'close')
  await app.close()
  await closed
  writeFileSync(join(directory, 'a.ts'), answers('a', 3))
  t.ok(readdirSync(directory).includes('a.ts'))
})
