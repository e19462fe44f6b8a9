import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../lib/cli/commands/elevate.ts'
import { Output } from '../../lib/cli/output.ts'
import { temporaryDirectory } from '../helper.ts'
import { admin, newKey, otherAdmin, tenant } from '../owners/owners.ts'
import type { Order } from './child.ts'
import { change, elevateEach, elevateIn, oldInstallation, runCommand, uploadOf, write } from './installations.ts'

t.test('what is refused before anything is done', async t => {
  const old = await oldInstallation(t)
  const inUse = temporaryDirectory(t)
  write(inUse, { 'notes.txt': 'mine', 'more/x': '' })
  const file = join(temporaryDirectory(t), 'file')
  writeFileSync(file, '')
  const link = join(temporaryDirectory(t), 'link')
  symlinkSync(join(old.folder, 'plugins'), link)
  const ofAnother = temporaryDirectory(t)
  writeFileSync(join(ofAnother, '.elevation.json'), JSON.stringify({ tenant: otherAdmin, source: 'elsewhere', completedAt: '2026-01-01T00:00:00Z' }))
  const open = temporaryDirectory(t)
  chmodSync(open, 0o777)
  const damaged = temporaryDirectory(t)
  writeFileSync(join(damaged, '.elevation.json'), '{"tenant":')
  const cases: Array<[string, Partial<Order>, RegExp]> = [
    ['an unknown UUID', { tenant: otherAdmin }, new RegExp(`expected the UUID of a tenant; found ${otherAdmin}, of whom this installation knows nothing`)],
    ['an admin\'s UUID', { tenant: admin }, /expected the UUID of a tenant; found .*, which is an admin's already/],
    ['a folder in use', { folder: inUse }, /--to: expected a folder that is empty, or does not exist yet; found 2 files in .*\(more, notes\.txt\)/],
    ['a file', { folder: file }, /--to: expected a folder .*; found ENOTDIR/],
    ['a folder of another elevation', { folder: ofAnother }, new RegExp(`--to: expected a folder of its own for ${tenant}; found that of ${otherAdmin}`)],
    ['a damaged record', { folder: damaged }, /--to: expected a folder of this command's; found .*which is not what this command writes/],
    ['a folder that others may write to', { folder: open }, /--to: expected a directory of this process's own user, that nobody else may write to; found .* with mode 777/],
    ['a plugin directory', { folder: join(old.folder, 'plugins') }, /--to: expected a folder apart from those of this installation; found .*a plugin directory/],
    ['a folder in a plugin directory', { folder: join(old.folder, 'plugins/new/er') }, /a plugin directory/],
    ['a folder in one, through a link', { folder: join(link, 'new') }, /a plugin directory/],
    ['a folder in TENANTS_DIR', { folder: join(old.folder, 'tenants/new') }, /TENANTS_DIR/],
    ['a folder in DATA_DIR', { folder: join(old.folder, 'data/new') }, /DATA_DIR/],
    ['the folder around all', { folder: old.folder }, /expected a folder apart/],
    ['a database, without MongoDB', { database: 'x' }, /--mongo-database: expected only where this installation keeps its owners in MongoDB/]
  ]
  const outcomes = await elevateEach(old, cases.map(([_, order]) => ({ tenant, folder: old.to, ...order })))
  cases.forEach(([name, , message], i) => t.match(outcomes[i], { message, steps: [] }, name))
  t.strictSame([old.to, join(old.folder, 'tenants/new'), join(old.folder, 'data/new')].filter(existsSync), [], 'nothing was made')
  await change(old.options, async ({ registry }) => t.equal(registry.find(tenant)?.enabled, true))
  t.strictSame(readdirSync(join(old.folder, 'plugins')), ['admins.ts', 'given.ts'])
})

t.test('a wrong SECRETS_KEY is refused', async t => {
  const old = await oldInstallation(t)
  const { code, stdout, stderr } = await runCommand(old, ['elevate', tenant, '--to', old.to], { SECRETS_KEY: newKey() })
  t.strictSame([code, stdout], [1, ''])
  t.match(stderr, /SECRETS_KEY: expected the key that this installation's secrets were sealed with/)
  t.notMatch(stderr, / {4}at /, 'no stack')
  t.notOk(existsSync(old.to))
})

t.test('a place that has no such installation is refused, and gets no store', async t => {
  const empty = temporaryDirectory(t)
  const to = join(temporaryDirectory(t), 'new')
  for (const [environment, message] of [
    [{}, /MULTI_TENANT: expected it set/],
    [{ MULTI_TENANT: 'true', ADMIN_ID: admin }, /DATA_DIR: expected the installation's store; found ENOENT at .*store\.sqlite/],
    [{ MULTI_TENANT: 'true', ADMIN_ID: 'me' }, /ADMIN_ID: expected a UUID/]
  ] as const) t.match(await runCommand({ folder: empty }, ['elevate', tenant, '--to', to], environment), { code: 1, stderr: message })
  t.strictSame(readdirSync(empty), [])
  t.notOk(existsSync(to))
})

t.test('wrong usage says how it is used', async t => {
  const call = { output: new Output({ json: true }), directory: '/', environment: {}, signal: AbortSignal.timeout(10_000) }
  for (const [positionals, values, message] of [
    [[], {}, /expected the UUID of one tenant; found 0/],
    [[tenant, otherAdmin], { to: 'x' }, /expected the UUID of one tenant; found 2/],
    [['tenant'], { to: 'x' }, /expected the UUID of a tenant; found "tenant"/],
    [[tenant], {}, /--to: expected the folder of the new installation; found none/],
    [[tenant], { to: '' }, /--to: expected the folder/]
  ] as const) await t.rejects(run({ ...call, positionals, values }), { exitCode: 2, message })
  const folder = temporaryDirectory(t)
  t.match(await runCommand({ folder }, ['elevate', tenant, '--to', 'x', '--nonsense']), { code: 2, stderr: '--nonsense' })
  t.match(await runCommand({ folder }, ['elevate', '--help']), { code: 0, stdout: '--to <folder>' })
})

t.test('entries that a .env cannot carry are refused, all at once and without their values, unless they are left out', async t => {
  const old = await oldInstallation(t)
  const bad = {
    ADMIN_ID: 'mine',
    URL_PARM3: 'x',
    PORT: '80',
    plugins: 'p',
    MICROSERVICES_KEY: 'k',
    NODE_OPTIONS: '--import=x',
    PATH: '/bin',
    LD_PRELOAD: 'so',
    https_proxy: 'p',
    CARRIAGE: 'hush\r\n',
    ALL_QUOTES: 'hush\'"`'
  }
  await change(old.options, async ({ registry, store }) => {
    for (const [name, value] of Object.entries(bad)) await registry.setEntry(admin, tenant, { name, value, secret: name === 'CARRIAGE' })
    await store.setEntries({ uuid: tenant, admin }, { MOVED: { sealed: `1.00000000.${'A'.repeat(16)}.${'A'.repeat(22)}` } })
  })
  const { code, stderr } = await runCommand(old, ['elevate', tenant, '--to', old.to])
  t.equal(code, 1)
  for (const name of Object.keys({ ...bad, MOVED: '' })) t.match(stderr, new RegExp(`^- ${name}: expected`, 'm'))
  t.match(stderr, '--without <name>')
  t.notMatch(stderr, 'hush')
  t.notOk(existsSync(old.to))
  const without = Object.keys({ ...bad, MOVED: '' }).flatMap(name => ['--without', name])
  t.match(await runCommand(old, ['elevate', tenant, '--to', old.to, ...without]), { code: 0 })
})

t.test('a version whose content is another\'s is refused, and the tenant stays enabled', async t => {
  const old = await oldInstallation(t)
  const { content, ...version } = uploadOf('wrong', 5_000, 'export const a = 1')
  await change(old.options, ({ store }) => store.addVersion({ uuid: tenant, admin }, { ...version, version: 'ab'.repeat(32) }, content))
  const outcome = await elevateIn(old, { tenant, folder: old.to })
  t.match(outcome?.message, new RegExp(`module wrong: expected the content of version (ab){32}; found ${version.version}`))
  await change(old.options, async ({ registry, store }) => {
    t.equal(registry.find(tenant)?.enabled, true)
    await store.removeVersion({ uuid: tenant, admin }, 'wrong')
  })
  t.match(await elevateIn(old, { tenant, folder: old.to }), { isRepeated: false })
})

t.test('a run from another installation does not go on with what one has begun', async t => {
  const [old, other] = [await oldInstallation(t), await oldInstallation(t)]
  await elevateIn(old, { tenant, folder: old.to, killAfter: 'begun' })
  t.match(await elevateIn(other, { tenant, folder: old.to }), { message: /expected the installation that this elevation was begun in \(.*\); found another/ })
  t.match(await elevateIn(old, { tenant, folder: old.to }), { isRepeated: false })
})

t.test('an empty folder will do, and a tenant that is disabled already, or has nothing', async t => {
  const old = await oldInstallation(t)
  const { uuid } = await change(old.options, async ({ registry }) => (await registry.register(admin, { userid: 'poor' })).owner)
  await change(old.options, ({ registry }) => registry.setEnabled(admin, uuid, false))
  mkdirSync(old.to)
  t.match(await elevateIn(old, { tenant: uuid, folder: old.to }), { isRepeated: false, notes: [/neither in directories nor uploaded/] })
})
