import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { someOwner, someVersion } from '../../lib/store/contract/stores.ts'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'
import { openStore } from './sqlite-helper.ts'

const MB = 1024 * 1024
const FULL = { code: 'FMS_ERR_UNAVAILABLE', statusCode: 503, headers: { 'retry-after': '1' }, message: /store\.sqlite has no space left/ }

// Not a test directory of tap's: that would be emptied, and removed, with the disk still in it.
const directory = mkdtempSync(join(tmpdir(), 'full-disk-'))
const reason = mountable()
t.teardown(() => {
  if (reason === false) execFileSync('umount', ['--lazy', directory])
  rmSync(directory, { recursive: true, force: true })
})

/** A disk of 4 MB in memory, that only root on Linux may mount. */
function mountable (): string | false {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', directory], { stdio: 'ignore' })
    return false
  } catch {
    return 'no file system may be mounted here'
  }
}

/** Leaves this much on the disk. */
function fill (t: Test, left: number): () => void {
  const file = join(directory, 'filler')
  const { bavail, bsize } = statfsSync(directory)
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - left)))
  const free = (): void => rmSync(file, { force: true })
  t.teardown(free)
  return free
}

t.test('on a full disk writing is refused and has done nothing, reading goes on, and all works once there is room', { skip: reason }, async t => {
  const place = join(directory, 'full')
  const store = await openStore(t, place)
  const kept = Array.from({ length: 10 }, () => someOwner())
  for (const owner of kept) await store.addOwner(owner)
  const free = fill(t, 100 * 1024)
  const acknowledged = kept.map(({ uuid }) => uuid)
  let failure: unknown
  while (failure === undefined) {
    const owners = Array.from({ length: 20 }, () => someOwner({ plan: 'x'.repeat(1_000) }))
    const answers = await Promise.allSettled(owners.map(owner => store.addOwner(owner)))
    answers.forEach((answer, i) => {
      if (answer.status === 'fulfilled') acknowledged.push(owners[i]!.uuid)
      else failure = answer.reason
    })
  }
  t.match(failure, FULL)
  await t.rejects(store.addVersion(kept[0]!, someVersion(kept[0]!.uuid), Buffer.alloc(MB)), FULL)
  t.strictSame((await store.changes()).owners.map(({ uuid }) => uuid).sort(), acknowledged.toSorted())
  t.strictSame(await store.versions(kept[0]!.uuid), [])
  free()
  t.equal(await store.addVersion(kept[0]!, someVersion(kept[0]!.uuid), Buffer.alloc(MB)), true)
  t.strictSame(await store.consume([{ id: 'a', expiresAt: Date.now() }]), [true])
  await store.close()
  const again = await openStore(t, place)
  t.strictSame((await again.changes()).owners.map(({ uuid }) => uuid).sort(), acknowledged.toSorted())
})

t.test('a store that does not fit on the disk is not opened, and is once there is room', { skip: reason }, async t => {
  const place = join(directory, 'new')
  mkdirSync(place)
  const free = fill(t, 16 * 1024)
  await t.rejects(new SqliteStore({ directory: place }).open(), { code: 'FMS_ERR_STORE', message: /store\.sqlite/ })
  free()
  const store = await openStore(t, place)
  t.equal(await store.addOwner(someOwner()), 'added')
})

t.test('a store on a read-only disk is refused, and opened when it may be written to again', { skip: reason }, async t => {
  const place = join(directory, 'read-only')
  const filled = await openStore(t, place)
  const owner = someOwner()
  await filled.addOwner(owner)
  await filled.close()
  remount('ro')
  t.teardown(() => remount('rw'))
  await t.rejects(new SqliteStore({ directory: place }).open(), { code: 'FMS_ERR_STORE', message: /store\.sqlite/ })
  remount('rw')
  const store = await openStore(t, place)
  t.strictSame((await store.changes()).owners.map(({ uuid }) => uuid), [owner.uuid])
})

function remount (mode: 'ro' | 'rw'): void {
  execFileSync('mount', ['-o', `remount,${mode}`, directory])
}
