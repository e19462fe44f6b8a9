import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import fs, { appendFileSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync, utimesSync, watch, writeFileSync } from 'node:fs'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { fingerprint } from '../../lib/catalog/fingerprint.ts'
import { Watcher } from '../../lib/catalog/watch.ts'

const DEADLINE_MS = 15_000
/** Longer than the watcher waits for anything: what has happened by then was not caused by what comes after. */
const QUIET_MS = 700

type Mode = 'events' | 'poll'
const modes: Mode[] = ['events', 'poll']

// Most of their time the tests wait, so they do it together.
t.jobs = 8
const test = (name: string, body: (t: Test) => Promise<void>) => t.test(name, { buffered: true }, body)

async function within<T> (promise: Promise<T>): Promise<T> {
  // Also keeps the process alive, which a watcher must not.
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error('nothing was told')) }, DEADLINE_MS)
  })
  return await Promise.race([promise, late]).finally(() => { clearTimeout(timer) })
}

/** A watcher whose owner does what the catalog does, reconcile after each change. */
function start (t: Test, mode: Mode, directories: string[], files: string[] = []) {
  const emitter = new EventEmitter()
  const warnings: string[] = []
  const state = { directories, files, changes: 0 }
  const watcher = new Watcher({
    mode,
    onChange: () => {
      state.changes++
      watcher.reconcile(state)
      emitter.emit('change')
    },
    log: { warn: (_details, message) => { warnings.push(message) } }
  })
  t.teardown(() => { watcher.close() })
  watcher.reconcile(state)
  const changed = async (act: () => void) => {
    const change = within(once(emitter, 'change'))
    act()
    await t.resolves(change)
    await quiet()
  }
  /** Until all that was done before has been told. */
  const quiet = async () => {
    for (let before = -1; before !== state.changes;) {
      before = state.changes
      await new Promise(resolve => setTimeout(resolve, QUIET_MS))
    }
  }
  return { watcher, emitter, state, warnings, changed, quiet }
}

for (const mode of modes) {
  test(`${mode}: tells of every kind of change in a directory`, async t => {
    const path = t.testdir({ 'a.ts': '1' })
    const { changed, quiet, state } = start(t, mode, [path])
    await quiet()
    t.ok(state.changes > 0, 'what happened before it watched is unknown, so it tells once')
    await changed(() => { writeFileSync(join(path, 'b.ts'), '1') })
    await changed(() => { writeFileSync(join(path, 'b.ts'), '2') })
    await changed(() => { appendFileSync(join(path, 'a.ts'), '2') })
    await changed(() => { renameSync(join(path, 'b.ts'), join(path, 'c.ts')) })
    await changed(() => { rmSync(join(path, 'c.ts')) })
    await changed(() => {
      writeFileSync(join(path, '.a.ts.tmp'), '3')
      renameSync(join(path, '.a.ts.tmp'), join(path, 'a.ts'))
    })
    await changed(() => { mkdirSync(join(path, 'folder')) })
    await changed(() => { rmSync(join(path, 'folder'), { recursive: true }) })
    await changed(() => { symlinkSync('a.ts', join(path, 'link.ts')) })
  })

  test(`${mode}: tells of a dependency in another directory`, async t => {
    const path = t.testdir({ plugins: { 'a.ts': '' }, library: { deep: { 'b.ts': '1' } } })
    const file = join(path, 'library/deep/b.ts')
    const { changed, quiet } = start(t, mode, [join(path, 'plugins')], [join(path, 'plugins/a.ts'), file])
    await quiet()
    await changed(() => { writeFileSync(file, '2') })
    await changed(() => { rmSync(file) })
    await changed(() => { writeFileSync(file, '3') })
  })

  test(`${mode}: watches a directory again that vanished and came back`, async t => {
    const path = t.testdir({ parent: { plugins: { 'a.ts': '' } } })
    const parent = join(path, 'parent')
    const plugins = join(parent, 'plugins')
    const { changed, quiet } = start(t, mode, [plugins])
    await quiet()
    const isWatched = () => changed(() => { appendFileSync(join(plugins, 'a.ts'), 'x') })
    await changed(() => { rmSync(plugins, { recursive: true }) })
    await changed(() => { mkdirSync(plugins) })
    await isWatched()

    // At once, so that the new directory may have the old one's inode.
    await changed(() => {
      rmSync(plugins, { recursive: true })
      mkdirSync(plugins)
    })
    await isWatched()

    await changed(() => { renameSync(plugins, `${plugins}.old`) })
    await changed(() => { renameSync(`${plugins}.old`, plugins) })
    await isWatched()

    // Of this no event tells.
    await changed(() => { renameSync(parent, `${parent}.old`) })
    await changed(() => { mkdirSync(plugins, { recursive: true }) })
    await isWatched()
  })

  test(`${mode}: waits for directories that do not exist yet`, async t => {
    const path = t.testdir({})
    const deep = join(path, 'not/yet/plugins')
    symlinkSync(join(path, 'target'), join(path, 'link'))
    const { changed, quiet, warnings } = start(t, mode, [deep, join(path, 'link')])
    await quiet()
    await changed(() => { mkdirSync(deep, { recursive: true }) })
    await changed(() => { writeFileSync(join(deep, 'a.ts'), '') })
    await changed(() => { mkdirSync(join(path, 'target')) })
    await changed(() => { writeFileSync(join(path, 'target/a.ts'), '') })
    t.same(warnings, [])
  })

  test(`${mode}: watches a folder inside a watched directory again that was replaced`, async t => {
    const path = t.testdir({ folder: { 'index.ts': '' } })
    const folder = join(path, 'folder')
    const { changed, quiet } = start(t, mode, [path, folder])
    await quiet()
    await changed(() => {
      renameSync(folder, `${folder}.old`)
      mkdirSync(folder)
    })
    await changed(() => { writeFileSync(join(folder, 'index.ts'), '') })
  })

  test(`${mode}: tells of a burst a few times, not once an event`, async t => {
    const path = t.testdir({})
    const { changed, quiet, state } = start(t, mode, [path])
    await quiet()
    const before = state.changes
    await changed(() => {
      for (let i = 0; i < 500; i++) writeFileSync(join(path, `${i}.ts`), 'x')
    })
    t.ok(state.changes - before < 20, `${state.changes - before} for 500 files`)
  })

  test(`${mode}: forgets what is no longer wanted, and all when it is closed`, async t => {
    const path = t.testdir({ kept: {}, dropped: {}, closed: {} })
    const [kept, dropped, closed] = ['kept', 'dropped', 'closed'].map(name => join(path, name)) as [string, string, string]
    const one = start(t, mode, [kept, dropped])
    const two = start(t, mode, [closed])
    // Sees all, and so tells when the others should have seen.
    const witness = start(t, mode, [kept, dropped, closed])
    await Promise.all([one.quiet(), two.quiet(), witness.quiet()])

    one.state.directories = [kept]
    one.watcher.reconcile(one.state)
    await one.quiet()
    const before = one.state.changes
    await witness.changed(() => { writeFileSync(join(dropped, 'a.ts'), '') })
    t.equal(one.state.changes, before)
    await one.changed(() => { writeFileSync(join(kept, 'a.ts'), '') })

    const changes = two.state.changes
    await witness.changed(() => {
      writeFileSync(join(closed, 'a.ts'), '')
      two.watcher.close()
      two.watcher.reconcile(two.state)
    })
    await witness.changed(() => { writeFileSync(join(closed, 'b.ts'), '') })
    t.equal(two.state.changes, changes)
  })

  test(`${mode}: does not keep the process alive`, async t => {
    const path = t.testdir({ plugins: {} })
    const script = `
      import { Watcher } from ${JSON.stringify(import.meta.resolve('../../lib/catalog/watch.ts'))}
      const alive = setInterval(() => {}, 1000)
      const watcher = new Watcher({ mode: '${mode}', onChange: () => { console.log('changed'); clearInterval(alive) }, log: console })
      watcher.reconcile({ directories: [${JSON.stringify(join(path, 'plugins'))}, ${JSON.stringify(join(path, 'missing'))}], files: [] })`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: 30_000 })
    t.match(stdout, /^changed\n/)
  })
}

test('events: a change that is pending when it is closed is not told', async t => {
  const path = t.testdir({ plugins: {} })
  const { watcher, state, quiet } = start(t, 'events', [path])
  await quiet()
  const before = state.changes
  // Opened later, so it is told later than the watcher.
  const events = watch(path)
  t.teardown(() => { events.close() })
  const event = within(once(events, 'change'))
  writeFileSync(join(path, 'a.ts'), '')
  await event
  watcher.close()
  await quiet()
  t.equal(state.changes, before)
})

test('events: a stream of events that never pauses is told of', async t => {
  const path = t.testdir({ log: '' })
  const { emitter, quiet } = start(t, 'events', [path])
  await quiet()
  const writing = setInterval(() => { appendFileSync(join(path, 'log'), 'x') }, 10)
  t.teardown(() => { clearInterval(writing) })
  // Once or twice a busy machine makes a pause of its own.
  await t.resolves(within((async () => {
    for (let i = 0; i < 10; i++) await once(emitter, 'change')
  })()))
})

test('events: watches a directory again whose successor looks the same', async t => {
  const path = t.testdir({ plugins: {} })
  const plugins = join(path, 'plugins')
  const original = fsPromises.stat
  t.teardown(() => {
    fsPromises.stat = original
    syncBuiltinESMExports()
  })
  // As on a filesystem that gives out inodes again and knows no time of birth.
  fsPromises.stat = (async (file: string, options: object) => {
    const found = await original(file, options)
    return file.startsWith(path) ? Object.assign(found, { ino: 1n, birthtimeNs: 0n }) : found
  }) as typeof fsPromises.stat
  syncBuiltinESMExports()

  const { changed, quiet } = start(t, 'events', [plugins])
  await quiet()
  await changed(() => {
    rmSync(plugins, { recursive: true })
    mkdirSync(plugins)
  })
  await changed(() => { writeFileSync(join(plugins, 'a.ts'), '') })
})

test('events: polls, with one warning, while the system refuses to watch', async t => {
  const path = t.testdir({ one: { 'a.ts': '1' }, two: {} })
  const original = fs.watch
  const restore = () => {
    fs.watch = original
    syncBuiltinESMExports()
  }
  t.teardown(restore)
  // The limits are of the whole system or user, so a test cannot reach them without harm to others.
  fs.watch = ((directory: string, options: object) => {
    if (directory.startsWith(path)) throw Object.assign(new Error('System limit for number of file watchers reached'), { code: 'ENOSPC' })
    return original(directory, options)
  }) as typeof fs.watch
  syncBuiltinESMExports()

  const { changed, quiet, warnings } = start(t, 'events', [join(path, 'one'), join(path, 'two')])
  await quiet()
  await changed(() => { writeFileSync(join(path, 'one/a.ts'), '2') })
  await changed(() => { writeFileSync(join(path, 'two/b.ts'), '1') })
  t.equal(warnings.length, 1)
  t.match(warnings[0], /^cannot watch .*one \(ENOSPC\).*set `watch: 'poll'`$/)

  await changed(restore)
  await changed(() => { writeFileSync(join(path, 'two/b.ts'), '2') })
  t.equal(warnings.length, 1)
})

test('a fingerprint says whether a file is the same', async t => {
  const path = realpathSync(t.testdir({ 'a.ts': '1' }))
  const file = join(path, 'a.ts')
  const settled = async () => {
    const deadline = Date.now() + DEADLINE_MS
    for (;;) {
      const found = await fingerprint(file)
      if (found === await fingerprint(file)) return found
      if (Date.now() > deadline) throw new Error('the fingerprint never settled')
    }
  }
  const first = await settled()
  t.equal(await fingerprint(file), first)

  writeFileSync(file, '2')
  const second = await settled()
  t.not(second, first, 'an edit of the same size')

  writeFileSync(join(path, 'b.ts'), '3')
  utimesSync(join(path, 'b.ts'), 1, 1)
  utimesSync(file, 1, 1)
  const third = await settled()
  renameSync(join(path, 'b.ts'), file)
  t.not(await settled(), third, 'another file of the same size and time')

  rmSync(file)
  t.equal(await fingerprint(file), 'missing')
  t.equal(await fingerprint(join(path, 'none/a.ts')), 'missing')
  symlinkSync('a.ts', file)
  t.equal(await fingerprint(file), 'unreadable:ELOOP')
})

test('a fingerprint taken right after a change equals no other', async t => {
  const file = join(t.testdir({}), 'a.ts')
  const deadline = Date.now() + DEADLINE_MS
  // On a busy machine the change may be long ago by the time that the fingerprint is taken.
  for (let isTold = false; !isTold;) {
    t.ok(Date.now() < deadline)
    writeFileSync(file, 'x')
    const first = await fingerprint(file)
    isTold = first !== await fingerprint(file)
  }
})
