import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import t from 'tap'
import { admin, type Credentials, tenant } from '../owners/owners.ts'
import { becomes } from '../nodes/nodes.ts'
import { change, oldInstallation, plainEntries, runCommand, secretEntries, serve, uploads } from './installations.ts'

/** All that a folder holds, by path. */
function contentsOf (folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return Object.fromEntries(entries.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'latin1')]))
}

t.test('a tenant becomes the admin of a new installation, which its written .env starts, and is unknown to the old one', async t => {
  const old = await oldInstallation(t)
  const before = await serve(t, old.folder)
  t.match(await before.call(`/${tenant}/whoami`), { status: 200, body: { trusted: false } })
  t.match(await before.call(`/${tenant}/given`), { status: 200, body: 'given' })

  const { code, stdout, stderr } = await runCommand(old, ['elevate', tenant, '--to', old.to])
  t.equal(code, 0, stderr)
  t.match(stdout, `${tenant} is the admin of a new installation in ${old.to}, and is disabled here.`)
  await becomes(t, 'the old installation answers as if there were no such owner', async () => (await before.call(`/${tenant}/whoami`)).status, 404)
  t.strictSame((await before.call(`/${tenant}/whoami`)).body, (await before.call('/0d9e4a76-52f1-4f0e-9a3c-000000000000/whoami')).body)

  const settings = parseEnv(readFileSync(join(old.to, '.env'), 'utf8')) as Record<string, string>
  const fresh = await serve(t, old.to)
  t.match(await fresh.call(`/${tenant}/whoami`), { status: 200, body: { trusted: true, owner: tenant, env: { ...plainEntries, ...secretEntries } } })
  t.match(await fresh.call(`/${tenant}/given`), { status: 200, body: 'given' })
  t.match(await fresh.call(`/${tenant}/folder/folder/slug`), { status: 200, body: { word: 'from a folder', args: { first: 'slug' } } }, 'URL parameters have the names that its modules were written for')
  t.match(await fresh.call(`/${tenant}/shout/shout/word`), { status: 200, body: 'WORD' }, 'of what was uploaded, the version that was active')
  t.match(await fresh.call(`/${tenant}/idle/idle`), { status: 404 })
  t.match(await fresh.call(`/${admin}/admins`), { status: 404 })

  const own: Credentials = { kid: `${tenant}.first`, secret: settings['ADMIN_SECRET']! }
  t.match(await fresh.call(`/${tenant}/tenant-api/register`, { method: 'POST', by: own, payload: { userid: 'one of its own' } }), { status: 200 })
  t.match(await fresh.call(`/${tenant}/tenant-api/list`, { by: own }), { status: 200, body: { tenants: [{ userid: 'one of its own', enabled: true }] } })
  t.match(await fresh.call(`/${tenant}/tenant-api/list`, { by: { kid: `${admin}.first`, secret: old.secrets.admin } }), { status: 401 }, 'the old admin\'s key is of no use there')
})

t.test('it has keys of its own, none of the old ones, and shows them to nobody', async t => {
  const old = await oldInstallation(t)
  const { stdout, stderr } = await runCommand(old, ['elevate', tenant, '--to', old.to])
  const settings = parseEnv(readFileSync(join(old.to, '.env'), 'utf8')) as Record<string, string>
  const contents = contentsOf(old.to)
  for (const secret of Object.values(old.secrets)) t.strictSame(Object.keys(contents).filter(file => contents[file]!.includes(secret)), [])
  for (const name of ['ADMIN_SECRET', 'SECRETS_KEY']) {
    t.match(settings[name], /^[\w-]{43}$/)
    t.strictSame(Object.keys(contents).filter(file => contents[file]!.includes(settings[name]!)), [join(old.to, '.env')])
    t.notMatch(stdout + stderr, settings[name]!)
  }
  t.strictSame(settings['SECRETS']?.split(','), Object.keys(secretEntries))
  t.equal(statSync(join(old.to, '.env')).mode & 0o777, 0o600)
  t.equal(statSync(old.to).mode & 0o777, 0o700)
  t.strictSame(readdirSync(old.to).sort(), ['.elevation.json', '.env', 'data', 'plugins', 'plugins-2', 'tenants'])
})

t.test('versions come along with their times and notes', async t => {
  const old = await oldInstallation(t)
  await runCommand(old, ['elevate', tenant, '--to', old.to])
  const { ADMIN_SECRET, SECRETS_KEY } = parseEnv(readFileSync(join(old.to, '.env'), 'utf8')) as Record<string, string>
  const options = { env: false, MULTI_TENANT: true, ADMIN_ID: tenant, ADMIN_SECRET: ADMIN_SECRET!, SECRETS_KEY: SECRETS_KEY!, plugins: [], DATA_DIR: join(old.to, 'data') }
  await change(options, async ({ store, registry }) => {
    t.strictSame((await store.versions(tenant)).map(version => ({ ...version })), uploads.map(({ content: _, ...version }) => version))
    t.strictSame(Buffer.from(await store.content(tenant, 'idle', uploads[2].version) ?? []), Buffer.from(uploads[2].content))
    t.match(registry.find(tenant), { role: 'admin', admin: tenant, modules: { shout: uploads[0].version, idle: null } })
  })
})

t.test('called again, it says that it was done, and changes nothing', async t => {
  const old = await oldInstallation(t)
  await runCommand(old, ['elevate', tenant, '--to', old.to])
  const before = [contentsOf(old.to), contentsOf(old.folder)]
  const { code, stdout } = await runCommand(old, ['elevate', tenant.toUpperCase(), '--to', old.to])
  t.equal(code, 0)
  t.match(stdout, `${tenant} was elevated before, to ${old.to}. Nothing was changed.`)
  t.strictSame([contentsOf(old.to), contentsOf(old.folder)], before)
})

t.test('what its admin has for itself can be elevated there as well', async t => {
  const old = await oldInstallation(t)
  await runCommand(old, ['elevate', tenant, '--to', old.to])
  const fresh = await serve(t, old.to)
  const { ADMIN_SECRET = '' } = parseEnv(readFileSync(join(old.to, '.env'), 'utf8'))
  const { body } = await fresh.call(`/${tenant}/tenant-api/register`, { method: 'POST', by: { kid: `${tenant}.first`, secret: ADMIN_SECRET }, payload: { userid: 'child' } })
  const { uuid } = body as { uuid: string }
  const next = join(old.to, '../next')
  t.match(await runCommand({ folder: old.to }, ['elevate', uuid, '--to', next, '--json']), { code: 0, stdout: `"tenant":"${uuid}"` })
  t.equal(parseEnv(readFileSync(join(next, '.env'), 'utf8'))['ADMIN_ID'], uuid)
})

t.test('what the shell sets, and would win over the new .env, is told', async t => {
  const old = await oldInstallation(t)
  const { stdout } = await runCommand(old, ['elevate', tenant, '--to', old.to], { ADMIN_ID: admin, GREETING: 'another' })
  t.match(stdout, 'Note: this shell sets ADMIN_ID, GREETING, which would win over the new .env')
})
