import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { someOwner } from '../../lib/store/contract/stores.ts'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'
import { openStore, otherProcess } from './sqlite-helper.ts'

const PAGE = 4096
const OWNERS = 300

/** A directory with a store of 300 owners in it, closed. */
async function filled (t: Test): Promise<{ directory: string, file: string }> {
  const directory = t.testdir()
  const store = await openStore(t, directory)
  await Promise.all(Array.from({ length: OWNERS }, (_, i) => store.addOwner(someOwner({ userid: `user ${i}` }))))
  const expiresAt = Date.now() + 65_000
  await store.consume(Array.from({ length: 500 }, (_, i) => ({ id: `token ${i}`, expiresAt })))
  await store.close()
  return { directory, file: join(directory, 'store.sqlite') }
}

async function refuses (t: Test, directory: string, message: RegExp): Promise<void> {
  const store = new SqliteStore({ directory })
  await t.rejects(store.open(), { code: 'FMS_ERR_STORE', message })
  await t.rejects(store.changes(), { code: 'FMS_ERR_UNAVAILABLE' })
  await store.close()
}

t.test('a file that is no database is refused, and stays as it is', async t => {
  const directory = t.testdir({ 'store.sqlite': 'These are the notes of somebody else. '.repeat(1_000) })
  const before = readFileSync(join(directory, 'store.sqlite'))
  await refuses(t, directory, /the store cannot be used: .*store\.sqlite is not a database of SQLite: .*backup/)
  t.ok(before.equals(readFileSync(join(directory, 'store.sqlite'))))
})

t.test('a truncated file is refused, and stays as it is', async t => {
  const { directory, file } = await filled(t)
  truncateSync(file, Math.floor(statSync(file).size / 2 / PAGE) * PAGE + 100)
  const before = readFileSync(file)
  await refuses(t, directory, /store\.sqlite is corrupt: put a backup in its place/)
  t.ok(before.equals(readFileSync(file)))
})

t.test('a file with a page of garbage is refused, or all owners are there', async t => {
  const { directory, file } = await filled(t)
  const whole = readFileSync(file)
  const pages = whole.length / PAGE
  let refused = 0
  for (let page = 1; page < pages; page += Math.ceil(pages / 12)) {
    writeFileSync(file, Buffer.from(whole).fill(0xa5, page * PAGE, (page + 1) * PAGE))
    const store = new SqliteStore({ directory })
    try {
      await store.open()
      t.equal((await store.changes()).owners.length, OWNERS)
    } catch (error) {
      t.match(error, { code: 'FMS_ERR_STORE', message: /store\.sqlite is corrupt/ })
      refused++
    } finally {
      await store.close()
    }
  }
  t.ok(refused > 6, `${refused} refused`)
})

t.test('an owner that cannot be read is corruption as well', async t => {
  const { directory, file } = await filled(t)
  const whole = readFileSync(file)
  // The first one found may be a remnant, where pages were split.
  for (let i = whole.indexOf('{"uuid":'); i !== -1; i = whole.indexOf('{"uuid":')) whole[i] = 0x28
  writeFileSync(file, whole)
  await refuses(t, directory, /store\.sqlite is corrupt/)
})

t.test('the database of another application is refused, and stays as it is', async t => {
  for (const prepare of ['create table note (text text)', 'pragma application_id = 252006674', 'pragma user_version = 3']) {
    const directory = t.testdir()
    const file = join(directory, 'store.sqlite')
    const database = new DatabaseSync(file)
    database.exec(prepare)
    database.close()
    const before = readFileSync(file)
    await refuses(t, directory, /store\.sqlite is the database of another application/)
    t.ok(before.equals(readFileSync(file)), prepare)
    t.notOk(existsSync(`${file}-wal`))
  }
})

t.test('a directory that cannot be made or used is refused', async t => {
  const place = t.testdir({ file: 'x', taken: { 'store.sqlite': {} } })
  await refuses(t, join(place, 'file'), /the store cannot be used: .*store\.sqlite cannot be made \(EEXIST.*DATA_DIR/)
  await refuses(t, join(place, 'file', 'inside'), /cannot be made \(ENOTDIR/)
  await refuses(t, join(place, 'taken'), /store\.sqlite cannot be opened/)
})

t.test('a directory that is missing is made, with those above it, and nobody else may look into it', async t => {
  const place = t.testdir()
  const directory = join(place, 'a', 'b')
  const { line, go } = otherProcess(t, 'modes', directory)
  t.equal(await line(), 'open')
  t.strictSame([join(place, 'a'), directory].map(modeOf), ['700', '700'])
  t.strictSame(['store.sqlite', 'store.sqlite-wal', 'store.sqlite-shm'].map(name => modeOf(join(directory, name))), ['600', '600', '600'])
  go()
})

t.test('files that others may read are closed to them', async t => {
  const { directory, file } = await filled(t)
  chmodSync(file, 0o664)
  const store = await openStore(t, directory)
  await store.addOwner(someOwner())
  t.strictSame(['', '-wal', '-shm'].map(name => modeOf(file + name)), ['600', '600', '600'])
})

// Root may write whatever the modes say.
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
const readable = spawnSync(process.execPath, ['-e', `fs.readFileSync(${JSON.stringify(import.meta.filename)})`], nobody).status === 0

t.test('what cannot be written to is refused', { skip: readable ? false : 'no other user may read the sources here' }, async t => {
  const { directory, file } = await filled(t)
  const refused = /^FMS_ERR_STORE the store cannot be used: .*store\.sqlite cannot be (written to|opened): let the process/
  try {
    chmodSync(directory, 0o777)
    chmodSync(file, 0o444)
    t.match(await otherProcess(t, 'open', directory, nobody).line(), refused, 'a file')
    chmodSync(file, 0o666)
    chmodSync(directory, 0o555)
    t.match(await otherProcess(t, 'open', directory, nobody).line(), refused, 'a directory')
    rmSync(file)
    t.match(await otherProcess(t, 'open', directory, nobody).line(), /^FMS_ERR_STORE .*EACCES/, 'a directory that has no file')
  } finally {
    chmodSync(directory, 0o700)
  }
})

t.test('a file that is taken away while it is open is missed; it is used again when it is back', async t => {
  const { directory, file } = await filled(t)
  const store = await openStore(t, directory)
  const { cursor } = await store.changes()
  mkdirSync(join(directory, 'away'))
  for (const name of ['', '-wal', '-shm']) renameSync(file + name, join(directory, 'away', `store.sqlite${name}`))
  await t.rejects(store.addOwner(someOwner()), { code: 'FMS_ERR_UNAVAILABLE', message: /store\.sqlite is gone/ })
  await t.rejects(store.changes(cursor), { code: 'FMS_ERR_UNAVAILABLE', message: /store\.sqlite is gone/ })
  t.notOk(existsSync(file), 'no empty store in its place')
  renameSync(join(directory, 'away', 'store.sqlite'), file)
  t.strictSame(await store.changes(cursor), { cursor, whole: false, owners: [], removed: [] })
  t.equal(await store.addOwner(someOwner()), 'added')
})

t.test('another store in the place of the one that is open is taken as it is', async t => {
  const { directory, file } = await filled(t)
  const [backup, store] = [`${directory}-backup`, await openStore(t, directory)]
  t.teardown(() => rmSync(backup, { recursive: true }))
  const other = await openStore(t, backup)
  await other.addOwner(someOwner())
  await other.close()
  const { cursor } = await store.changes()
  for (const name of ['', '-wal', '-shm']) rmSync(file + name)
  cpSync(join(backup, 'store.sqlite'), file)
  const changes = await store.changes(cursor)
  t.strictSame([changes.whole, changes.owners.length], [true, 1])
  t.equal(await store.addOwner(someOwner()), 'added')
})

function modeOf (file: string): string {
  return (statSync(file).mode & 0o777).toString(8)
}
