import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { tenant } from '../owners/owners.ts'
import { change, elevateIn, oldInstallation, write } from './installations.ts'

// Not a test directory of tap's: that would be emptied, and removed, with the disk still in it.
const disk = mkdtempSync(join(tmpdir(), 'full-disk-'))
const reason = mountable()
t.teardown(() => {
  if (reason === false) execFileSync('umount', ['--lazy', disk])
  rmSync(disk, { recursive: true, force: true })
})

/** A disk of 4 MB in memory, that only root on Linux may mount. */
function mountable (): string | false {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { stdio: 'ignore' })
    return false
  } catch {
    return 'no file system may be mounted here'
  }
}

t.test('on a full disk it says what to do, the tenant stays enabled, and all is done once there is room', { skip: reason }, async t => {
  const old = await oldInstallation(t)
  write(join(old.folder, 'tenants', tenant), { 'large.json': 'x'.repeat(1024 * 1024) })
  const [filler, folder] = [join(disk, 'filler'), join(disk, 'new')]
  const { bavail, bsize } = statfsSync(disk)
  for (const left of [0, 8 * 1024, 64 * 1024, 600 * 1024, 1024 * 1024]) {
    rmSync(filler, { force: true })
    writeFileSync(filler, Buffer.alloc(bavail * bsize - left - usedBy(folder)))
    const { message = '' } = await elevateIn(old, { tenant, folder }) ?? {}
    t.match(message, /no space left/, `${left} bytes`)
    t.match(message, /make room/)
    t.match(message, /run the same command again/)
    t.strictSame(existsSync(folder) ? readdirSync(folder, { recursive: true }).filter(name => String(name).endsWith('.tmp')) : [], [], 'nothing half is left')
    await change(old.options, async ({ registry }) => t.equal(registry.find(tenant)?.enabled, true))
  }
  rmSync(filler)
  t.match(await elevateIn(old, { tenant, folder }), { isRepeated: false, message: undefined })
  t.ok(existsSync(join(folder, '.env')))
})

function usedBy (folder: string): number {
  return existsSync(folder) ? statfsSync(disk).blocks * statfsSync(disk).bsize - statfsSync(disk).bavail * statfsSync(disk).bsize : 0
}
