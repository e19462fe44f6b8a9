import type { DatabaseSync } from 'node:sqlite'
import { Refusal } from './failure.ts'

/** Says in the file's header whose it is: "FMSt". */
export const APPLICATION_ID = 0x464d5374

/**
 * Each step takes a database from the version that is its index to the next one. Steps are only ever added: databases that
 * an older one wrote are in use.
 */
export const STEPS: readonly string[] = [`
  -- One row. revision: of the last change of an owner; floor: what was removed up to it is no longer known.
  create table store (
    id integer primary key check (id = 1), name text not null, revision integer not null, floor integer not null, probe text
  ) strict;
  insert into store (id, name, revision, floor) values (1, lower(hex(randomblob(8))), 0, 0);

  -- An owner is read and written as a whole: document is all of it; the columns are what is searched for.
  create table owner (
    uuid text not null primary key, admin text not null, userid text, revision integer not null,
    document text not null check (json_valid(document)),
    unique (admin, userid)
  ) strict;
  create index owner_revision on owner (revision);

  create table removed (revision integer not null, uuid text not null, primary key (revision, uuid)) strict, without rowid;

  -- hash: of the token's id. Ordered by time, tokens that are used together lie on the same few pages.
  create table token (expires_at integer not null, hash text not null, primary key (expires_at, hash)) strict, without rowid;

  create table version (
    owner text not null references owner (uuid) on delete cascade, module text not null, version text not null,
    created_at integer not null, note text not null, content blob not null,
    primary key (owner, module, version)
  ) strict;
`]

/** Refuses what is no store of ours, or one of a later version, before anything is done to it. */
export function checkSchema (database: DatabaseSync, steps = STEPS): void {
  const version = pragma(database, 'user_version')
  const application = pragma(database, 'application_id')
  const isEmpty = version === 0 && application === 0 && database.prepare('select count(*) as tables from sqlite_schema').get()?.tables === 0
  if (application !== APPLICATION_ID && !isEmpty) {
    throw new Refusal('is the database of another application: name another directory, or move it away')
  }
  if (version > steps.length) {
    throw new Refusal(`was written by a newer version of fastify-microservices (schema ${version}, known here up to ${steps.length}): use that version, or another directory`)
  }
}

/**
 * Takes a database to the latest version, or leaves it as it is. It is written to in any case, so that one that cannot be
 * is noticed at once.
 */
export function migrate (database: DatabaseSync, steps = STEPS): void {
  database.exec('begin immediate')
  try {
    // Another process may have been faster, and may have been a newer one.
    checkSchema(database, steps)
    for (const step of steps.slice(pragma(database, 'user_version'))) database.exec(step)
    database.exec(`pragma user_version = ${steps.length}; pragma application_id = ${APPLICATION_ID}`)
    database.exec('commit')
  } catch (error) {
    if (database.isTransaction) database.exec('rollback')
    throw error
  }
}

function pragma (database: DatabaseSync, name: string): number {
  return Number(database.prepare(`pragma ${name}`).get()?.[name])
}
