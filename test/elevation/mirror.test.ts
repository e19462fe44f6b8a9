import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { digestOf } from '../../lib/cli/elevation/inventory.ts'
import { mirror } from '../../lib/cli/elevation/mirror.ts'
import { temporaryDirectory } from '../helper.ts'
import { write } from './installations.ts'

function places (t: Test): { from: string, to: string, outside: string } {
  const folder = temporaryDirectory(t)
  const [from, outside] = [join(folder, 'from'), join(folder, 'outside')]
  write(from, { 'a.ts': 'a', 'b/index.ts': 'b', 'b/deep/er/c.json': '{}', '.hidden': 'h' })
  write(outside, { 'secret.ts': 'secret' })
  return { from, outside, to: join(folder, 'to') }
}

t.test('a folder is copied; a second time there is nothing to do; what changed is done, what is gone goes', async t => {
  const { from, to } = places(t)
  t.match(await mirror(from, to), { changes: Number, left: [] })
  t.equal(readFileSync(join(to, 'b/deep/er/c.json'), 'utf8'), '{}')
  t.equal(lstatSync(join(to, 'a.ts')).mode & 0o777, 0o600)
  t.equal(lstatSync(join(to, 'b')).mode & 0o777, 0o700)
  t.strictSame(await mirror(from, to), { changes: 0, left: [] })

  write(from, { 'a.ts': 'A', 'new.ts': 'n' })
  rmSync(join(from, 'b/deep'), { recursive: true })
  renameSync(join(from, '.hidden'), join(from, 'b/index.mts'))
  t.equal((await mirror(from, to)).changes, 7)
  t.equal(readFileSync(join(to, 'a.ts'), 'utf8'), 'A', 'of the same size')
  t.notOk(existsSync(join(to, 'b/deep')))
  t.notOk(existsSync(join(to, '.hidden')))
  t.strictSame(await mirror(from, to), { changes: 0, left: [] })
})

t.test('a file takes the place of a folder, and the other way round', async t => {
  const { from, to } = places(t)
  await mirror(from, to)
  rmSync(join(from, 'b'), { recursive: true })
  rmSync(join(from, 'a.ts'))
  write(from, { b: 'a file', 'a.ts/index.ts': 'a folder' })
  await mirror(from, to)
  t.equal(readFileSync(join(to, 'b'), 'utf8'), 'a file')
  t.equal(readFileSync(join(to, 'a.ts/index.ts'), 'utf8'), 'a folder')
  t.strictSame(await mirror(from, to), { changes: 0, left: [] })
})

t.test('one file is copied as well', async t => {
  const { from, to } = places(t)
  await mirror(join(from, 'a.ts'), join(to, 'x/a.ts'))
  t.equal(readFileSync(join(to, 'x/a.ts'), 'utf8'), 'a')
  t.strictSame(await mirror(join(from, 'a.ts'), join(to, 'x/a.ts')), { changes: 0, left: [] })
})

t.test('links stay links where they stay inside; what leads out, or nowhere, is left out and told', async t => {
  const { from, to, outside } = places(t)
  symlinkSync('../a.ts', join(from, 'b/link.ts'))
  symlinkSync('b', join(from, 'folder'))
  symlinkSync(join(from, 'a.ts'), join(from, 'absolute.ts'))
  symlinkSync(outside, join(from, 'out'))
  symlinkSync('../outside/secret.ts', join(from, 'secret.ts'))
  symlinkSync('/etc/passwd', join(from, 'passwd.ts'))
  symlinkSync('nowhere', join(from, 'nowhere.ts'))
  symlinkSync('circle.ts', join(from, 'circle.ts'))
  const { left } = await mirror(from, to)
  t.equal(readlinkSync(join(to, 'b/link.ts')), '../a.ts')
  t.equal(readlinkSync(join(to, 'absolute.ts')), 'a.ts')
  t.equal(readFileSync(join(to, 'folder/index.ts'), 'utf8'), 'b')
  t.strictSame(['out', 'secret.ts', 'passwd.ts', 'nowhere.ts', 'circle.ts'].filter(name => lstatSync(join(to, name), { throwIfNoEntry: false })), [])
  t.strictSame(left.map(text => text.replace(from, '')), [
    '/circle.ts: it is a link that leads nowhere', '/nowhere.ts: it is a link that leads nowhere', `/out: it is a link that leads out of ${from}`,
    `/passwd.ts: it is a link that leads out of ${from}`, `/secret.ts: it is a link that leads out of ${from}`
  ])
  t.match(await mirror(from, to), { changes: 0 })
})

t.test('a FIFO holds nobody up, and is left out', { skip: process.platform === 'win32' && 'there are no FIFOs' }, async t => {
  const { from, to } = places(t)
  execFileSync('mkfifo', [join(from, 'pipe.ts')])
  t.match(await mirror(from, to), { left: [/pipe\.ts: it is neither a file nor a folder/] })
})

t.test('a file behind a folder that became a link is not read', { skip: process.platform !== 'linux' && 'where a file is, only Linux tells' }, async t => {
  const { from, outside } = places(t)
  mkdirSync(join(from, 'was'))
  rmSync(join(from, 'was'), { recursive: true })
  symlinkSync(outside, join(from, 'was'))
  await t.rejects(digestOf(join(from, 'was/secret.ts')), { code: 'ENOENT', message: /changed while it was read/ })
  symlinkSync(join(outside, 'secret.ts'), join(from, 'link.ts'))
  await t.rejects(digestOf(join(from, 'link.ts')), { code: 'ENOENT' })
})

t.test('what a run left that was cut off is taken away', async t => {
  const { from, to } = places(t)
  await mirror(from, to)
  writeFileSync(join(to, 'b/.index.ts.0123456789ab.tmp'), 'half')
  t.match(await mirror(from, to), { changes: 1 })
  t.notOk(existsSync(join(to, 'b/.index.ts.0123456789ab.tmp')))
})

t.test('a folder that is gone is an error, which leaves the copy as it is', async t => {
  const { from, to } = places(t)
  await mirror(from, to)
  rmSync(from, { recursive: true })
  await t.rejects(mirror(from, to), { code: 'ENOENT' })
  t.ok(existsSync(join(to, 'a.ts')))
})

t.test('too many folders below one another are refused', async t => {
  const { from, to } = places(t)
  mkdirSync(join(from, ...Array.from({ length: 70 }, () => 'd')), { recursive: true })
  await t.rejects(mirror(from, to), { message: /at most 64 folders deep/ })
})
