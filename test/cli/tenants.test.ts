import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tenant } from '../owners/owners.ts'
import { serve } from './owners.ts'
import { run } from './program.ts'

t.test('tenants are registered, listed, disabled, enabled and removed', async t => {
  const { place } = await serve(t)
  const call = async (...args: string[]) => await run(t, ['tenants', ...args], place)
  t.match(await call(), { code: 0, stdout: /^No tenants yet/ })
  t.match(await call('register', 'Ada\u0007'), { code: 1, stdout: '', stderr: /^The server refused \(400\): / })
  const { code, stdout, stderr } = await call('register', 'ada', '--uuid', tenant)
  t.strictSame([code, stderr], [0, ''])
  t.match(stdout, new RegExp(`^ada is registered as ${tenant}\\.\ncall: ${tenant}\\.\\S+ [-\\w]{43}\nmanage: ${tenant}\\.\\S+ [-\\w]{43}\nKeep the keys now: they are not told again\\.\n$`))
  t.match(await call('list'), { code: 0, stdout: new RegExp(`^${tenant}  enabled  \\S+  ada\n$`) })
  t.match(await call('register', 'ada'), { code: 1, stdout: '', stderr: /^The server refused \(409\): / })
  t.match(await call('disable', tenant), { code: 0, stdout: `${tenant} is disabled.\n` })
  t.match(JSON.parse((await call('--json')).stdout), { tenants: [{ uuid: tenant, userid: 'ada', enabled: false }] })
  t.match(await call('enable', tenant), { code: 0, stdout: `${tenant} is enabled.\n` })
  t.match(await call('remove', tenant), { code: 2, stdout: '', stderr: new RegExp(`^remove: ${tenant} would be gone .*expected --yes beside it`) })
  t.match(await call(), { code: 0, stdout: / ada\n$/ }, 'it is there')
  t.match(await call('remove', tenant, '--yes'), { code: 0, stdout: `${tenant} is removed.\n` })
  t.match(await call('remove', tenant, '--yes'), { code: 1, stderr: /^The server refused \(404\): / })
  t.match(await call('enable', 'ada'), { code: 1, stderr: /^The server refused \(400\): uuid: expected a UUID/ })
})

t.test('a key is made, saved, used and removed', async t => {
  const { place } = await serve(t)
  const call = async (...args: string[]) => await run(t, ['tenants', ...args], place)
  const file = join(place.directory, 'ada.key')
  const saved = await call('register', 'ada', '--uuid', tenant, '--save', 'ada.key', '--json')
  const { keys } = JSON.parse(readFileSync(file, 'utf8')) as { keys: Array<{ kid: string, kind: string, secret: string }> }
  t.strictSame(JSON.parse(saved.stdout), { keys: keys.map(({ kid, kind }) => ({ kid, kind })), file })
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(await run(t, ['versions', '--key-file', 'ada.key'], place), { code: 0 }, 'it is fit for --key-file')

  t.match(await call('keys', tenant, '--add', 'manage', '--save', 'ada.key'), { code: 2, stdout: '', stderr: /ada\.key is not written: it is there already/ })
  t.match(await call('keys', tenant, '--add', 'manage', '--save', 'other.key'), { code: 0, stdout: new RegExp(`^A manage key of ${tenant} is made\\.\nIt is in ${join(place.directory, 'other.key')}\\.\n$`) })
  const other = JSON.parse(readFileSync(join(place.directory, 'other.key'), 'utf8')) as { kid: string, secret: string }
  t.match(await run(t, ['versions', '--key-file', 'other.key'], place), { code: 0 })
  const listed = await call('keys', tenant)
  for (const { kid, kind } of [...keys, { ...other, kind: 'manage' }]) t.match(listed, { code: 0, stdout: new RegExp(`^${kid}  ${kind} +\\S+$`, 'm') })
  t.notMatch(listed.stdout, other.secret)
  t.match(await call('keys', tenant, '--remove', other.kid), { code: 0, stdout: `${other.kid} is removed: it opens nothing any more.\n` })
  t.match(await run(t, ['versions', '--key-file', 'other.key'], place), { code: 4, stdout: '', stderr: /^The server refused the key/ })
  writeFileSync(join(place.directory, 'call.key'), JSON.stringify(keys.find(({ kind }) => kind === 'call')), { mode: 0o600 })
  t.match(await run(t, ['versions', '--key-file', 'call.key'], place), { code: 4, stderr: /it is a manage key/ }, 'a call key manages nothing')
})

t.test('where nothing came of it, no key file is left', async t => {
  const { place } = await serve(t)
  t.match(await run(t, ['tenants', 'register', '', '--save', 'ada.key'], place), { code: 1 })
  t.equal(existsSync(join(place.directory, 'ada.key')), false)
  t.match(await run(t, ['tenants', 'keys', tenant, '--add', 'master', '--save', 'ada.key'], place), { code: 1, stderr: /^The server refused \(4\d\d\): / })
  t.equal(existsSync(join(place.directory, 'ada.key')), false)
})

t.test('a tenant manages no tenants', async t => {
  const { place } = await serve(t)
  await run(t, ['tenants', 'register', 'ada', '--uuid', tenant, '--save', 'ada.key'], place)
  t.match(await run(t, ['tenants', '--key-file', 'ada.key'], place), { code: 1, stdout: '', stderr: /^There is nothing at / })
})
