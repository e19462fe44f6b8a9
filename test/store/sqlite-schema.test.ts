import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import t from 'tap'
import { someKey, someOwner, someVersion } from '../../lib/store/contract/stores.ts'
import { APPLICATION_ID, migrate, STEPS } from '../../lib/store/sqlite/schema.ts'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'
import { openStore } from './sqlite-helper.ts'

const STEP = 'alter table note add column author text not null default \'nobody\''
const TWO = ['create table note (text text)', STEP]

function versionOf (database: DatabaseSync): unknown {
  return database.prepare('pragma user_version').get()?.user_version
}

// Written once, by hand, as version 1 wrote it: a later version must still read it.
const VERSION_1 = `
  create table store (
    id integer primary key check (id = 1), name text not null, revision integer not null, floor integer not null, probe text
  ) strict;
  create table owner (
    uuid text not null primary key, admin text not null, userid text, revision integer not null,
    document text not null check (json_valid(document)),
    unique (admin, userid)
  ) strict;
  create index owner_revision on owner (revision);
  create table removed (revision integer not null, uuid text not null, primary key (revision, uuid)) strict, without rowid;
  create table token (expires_at integer not null, hash text not null, primary key (expires_at, hash)) strict, without rowid;
  create table version (
    owner text not null references owner (uuid) on delete cascade, module text not null, version text not null,
    created_at integer not null, note text not null, content blob not null,
    primary key (owner, module, version)
  ) strict;
  insert into store values (1, 'f00d', 7, 0, 'sealed probe');
  insert into removed values (6, 'gone');
  insert into token values (4102444800000, 'ypeBEsobvcr6wjGz');
  pragma application_id = ${0x464d5374};
  pragma user_version = 1;
`

t.test('a store that version 1 wrote is opened with all that is in it', async t => {
  const directory = t.testdir()
  const owner = { ...someOwner({ uuid: 'u', admin: 'a', userid: 'shop', keys: [someKey('one')] }), environment: { NAME: { value: 'x' } }, modules: { hello: 'v' } }
  const version = someVersion('u', { version: 'v' })
  const database = new DatabaseSync(join(directory, 'store.sqlite'))
  database.exec(VERSION_1)
  database.prepare('insert into owner values (?, ?, ?, 7, ?)').run('u', 'a', 'shop', JSON.stringify(owner))
  database.prepare('insert into version values (?, ?, ?, ?, ?, ?)').run('u', 'hello', 'v', version.createdAt, version.note, Buffer.from('content'))
  database.close()
  const store = await openStore(t, directory)
  t.strictSame(await store.changes('f00d.5'), { cursor: 'f00d.7', whole: false, owners: [owner], removed: ['gone'] })
  t.equal(await store.probe('another'), 'sealed probe')
  t.strictSame(await store.versions('u'), [version])
  t.strictSame(await store.content('u', 'hello', 'v'), new Uint8Array(Buffer.from('content')))
  t.strictSame(await store.consume([{ id: 'a', expiresAt: 4_102_444_800_000 }]), [false])
  t.equal(await store.addOwner(someOwner({ admin: 'a', userid: 'shop' })), 'userid')
})

t.test('a store of a newer version is refused, and stays as it is', async t => {
  const directory = t.testdir()
  const database = new DatabaseSync(join(directory, 'store.sqlite'))
  database.exec(`create table note (text text); pragma application_id = ${APPLICATION_ID}; pragma user_version = ${STEPS.length + 1}`)
  await t.rejects(new SqliteStore({ directory }).open(), {
    code: 'FMS_ERR_STORE', message: new RegExp(`was written by a newer version of fastify-microservices \\(schema ${STEPS.length + 1}, known here up to ${STEPS.length}\\): use that version`)
  })
  t.equal(versionOf(database), STEPS.length + 1)
  t.equal(database.prepare('pragma journal_mode').get()?.journal_mode, 'delete')
  database.close()
})

t.test('a store that another process takes to a newer version is left alone from then on', async t => {
  const directory = t.testdir()
  const store = await openStore(t, directory)
  const { cursor } = await store.changes()
  const database = new DatabaseSync(join(directory, 'store.sqlite'))
  database.exec(`pragma user_version = ${STEPS.length + 1}`)
  const unavailable = { code: 'FMS_ERR_UNAVAILABLE', message: /store\.sqlite has the schema of another version/ }
  await t.rejects(store.addOwner(someOwner()), unavailable)
  await t.rejects(store.changes(cursor), { code: 'FMS_ERR_UNAVAILABLE', message: /store\.sqlite was written by a newer version/ })
  database.exec(`pragma user_version = ${STEPS.length}`)
  database.close()
  t.equal(await store.addOwner(someOwner()), 'added')
})

t.test('each step is taken once, from the version that a database has', async t => {
  const database = new DatabaseSync(':memory:')
  migrate(database, TWO.slice(0, 1))
  database.exec("insert into note values ('kept')")
  migrate(database, TWO)
  t.equal(versionOf(database), 2)
  t.match(database.prepare('select * from note').all(), [{ text: 'kept', author: 'nobody' }])
  migrate(database, TWO)
  t.throws(() => migrate(database, TWO.slice(0, 1)), /newer version/)
  t.equal(versionOf(database), 2)
})

t.test('a step that fails leaves the database as it was', async t => {
  const database = new DatabaseSync(':memory:')
  migrate(database, TWO.slice(0, 1))
  database.exec("insert into note values ('kept')")
  t.throws(() => migrate(database, [...TWO, 'insert into note values (1, 2, 3)']), /3 values/)
  t.equal(versionOf(database), 1)
  t.match(database.prepare('select * from note').all(), [{ text: 'kept', author: undefined }])
})
