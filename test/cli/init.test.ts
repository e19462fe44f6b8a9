import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import t from 'tap'
import { temporaryDirectory } from '../helper.ts'
import { run, unprivileged } from './program.ts'

const KEY = /^[-\w]{42}[AEIMQUYcgkosw048]$/
const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

t.test('init writes an .env with fresh ids and secrets, for its owner alone, and tells no secret', async t => {
  const [one, other] = [temporaryDirectory(t), temporaryDirectory(t)]
  const { code, stdout, stderr } = await run(t, ['init'], { directory: one })
  t.strictSame([code, stderr], [0, ''])
  const written = parseEnv(readFileSync(join(one, '.env'), 'utf8'))
  t.match(written, { ADMIN_ID: UUID, ADMIN_SECRET: KEY, SECRETS_KEY: KEY, MULTI_TENANT: undefined })
  t.not(written['ADMIN_SECRET'], written['SECRETS_KEY'])
  t.equal(statSync(join(one, '.env')).mode & 0o777, 0o600)
  t.match(stdout, written['ADMIN_ID'])
  t.notMatch(stdout, new RegExp(`${written['ADMIN_SECRET']}|${written['SECRETS_KEY']}`))

  const told = await run(t, ['init', other, '--multi-tenant', '--json'], { directory: one })
  const again = parseEnv(readFileSync(join(other, '.env'), 'utf8'))
  t.strictSame(JSON.parse(told.stdout), { file: join(other, '.env'), admin: again['ADMIN_ID'], multiTenant: true })
  t.match(again, { MULTI_TENANT: 'true' })
  for (const name of ['ADMIN_ID', 'ADMIN_SECRET', 'SECRETS_KEY']) t.not(again[name], written[name], `${name} is fresh`)
})

t.test('an .env that is there is left as it is', async t => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, '.env'), 'PORT=4000\n')
  t.match(await run(t, ['init'], { directory }), { code: 2, stdout: '', stderr: /\.env is not written: it is there already, and is left as it is: move it away first\.\n$/ })
  t.equal(readFileSync(join(directory, '.env'), 'utf8'), 'PORT=4000\n')
})

t.test('a directory that is missing, or none, is told', async t => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'file'), '')
  t.match(await run(t, ['init', 'nowhere'], { directory }), { code: 2, stderr: /nowhere\/\.env is not written: there is no such directory: make it first/ })
  t.match(await run(t, ['init', 'file'], { directory }), { code: 2, stderr: /file\/\.env is not written: that is no directory/ })
  t.strictSame(readdirSync(directory), ['file'])
})

t.test('a directory that may not be written to is told', async t => {
  const directory = temporaryDirectory(t)
  const somebody = await unprivileged(t)
  if (somebody === undefined) return t.comment('only root may run the program here, and root may write anywhere')
  chmodSync(directory, 0o555)
  t.match(await run(t, ['init'], { directory, ...somebody }), { code: 2, stderr: /\.env is not written: you may not write there/ })
})

// Not a test directory of tap's: that would be emptied, and removed, with the disk still in it.
const disk = mkdtempSync(join(tmpdir(), 'full-disk-'))
const reason = mounted()
t.teardown(() => {
  if (reason === false) execFileSync('umount', ['--lazy', disk])
  rmSync(disk, { recursive: true, force: true })
})

/** A disk of 1 MB in memory, that only root on Linux may mount. */
function mounted (): string | false {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' })
    return false
  } catch {
    return 'no file system may be mounted here'
  }
}

t.test('on a full disk nothing is left behind, and it is said what to do', { skip: reason }, async t => {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(join(disk, 'filler'), Buffer.alloc(bavail * bsize))
  t.match(await run(t, ['init'], { directory: disk }), { code: 1, stdout: '', stderr: /\.env is not written: the disk is full: make room, and call this again\.\n$/ })
  t.strictSame(readdirSync(disk), ['filler'])
  rmSync(join(disk, 'filler'))
  t.match(await run(t, ['init'], { directory: disk }), { code: 0 })
})

t.test('a disk that cannot be written to is told', { skip: reason }, async t => {
  rmSync(join(disk, '.env'), { force: true })
  execFileSync('mount', ['-o', 'remount,ro', disk])
  t.teardown(() => execFileSync('mount', ['-o', 'remount,rw', disk]))
  t.match(await run(t, ['init'], { directory: disk }), { code: 2, stderr: /\.env is not written: nothing can be written there/ })
})
