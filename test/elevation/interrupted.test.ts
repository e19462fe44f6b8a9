import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import t, { type Test } from 'tap'
import { type Step, STEPS } from '../../lib/cli/elevation/elevate.ts'
import { moduleSource } from '../helper.ts'
import { admin, tenant } from '../owners/owners.ts'
import { change, elevateEach, elevateIn, oldInstallation, type OldInstallation, plainEntries, secretEntries, uploadOf, uploads, write } from './installations.ts'

/** Whether the tenant is served by the old installation. */
function isEnabled ({ options }: OldInstallation): Promise<boolean | undefined> {
  return change(options, async ({ registry }) => registry.find(tenant)?.enabled)
}

/** The new installation is whole. */
async function checkElevated (t: Test, old: OldInstallation, active = uploads[0].version): Promise<void> {
  t.equal(await isEnabled(old), false)
  t.match(JSON.parse(readFileSync(join(old.to, '.elevation.json'), 'utf8')), { tenant, completedAt: String, secrets: undefined })
  const settings = parseEnv(readFileSync(join(old.to, '.env'), 'utf8')) as Record<string, string>
  t.match(settings, { ADMIN_ID: tenant, MULTI_TENANT: 'true', ...plainEntries, ...secretEntries })
  t.notOk(existsSync(join(old.to, '.env.prepared')))
  for (const file of ['plugins-2/whoami.ts', 'plugins-2/folder/index.ts', 'plugins-2/folder/parts/word.ts', 'plugins/given.ts']) t.ok(existsSync(join(old.to, file)), file)
  t.notOk(existsSync(join(old.to, 'plugins/admins.ts')))
  const options = { env: false, MULTI_TENANT: true, ADMIN_ID: tenant, ADMIN_SECRET: settings['ADMIN_SECRET']!, SECRETS_KEY: settings['SECRETS_KEY']!, plugins: [], DATA_DIR: join(old.to, 'data') }
  await change(options, async ({ store, registry }) => {
    t.equal((await store.versions(tenant)).length, uploads.length)
    t.match(registry.find(tenant), { role: 'admin', modules: { shout: active, idle: null } })
  })
}

const before = (step: Step, other: Step): boolean => STEPS.indexOf(step) < STEPS.indexOf(other)

t.test('killed after each step in turn, it goes on where it was', async t => {
  const old = await oldInstallation(t)
  for (const step of STEPS) {
    const outcome = await elevateIn(old, { tenant, folder: old.to, killAfter: step })
    // What was written lacked no more than a note that it was.
    if (step === 'completed') t.match(outcome, { isRepeated: false, steps: [] })
    else t.equal(outcome, undefined)
    t.equal(existsSync(old.to), step !== 'planned', `${step}: nothing is made before all was looked at`)
    t.equal(existsSync(join(old.to, '.env')), !before(step, 'written'), `${step}: nothing can be started before all is there`)
    if (step === 'prepared' || step === 'disabled') t.equal(await isEnabled(old), step === 'prepared', `${step}: it is disabled last`)
  }
  await checkElevated(t, old)
})

t.test('failing after each step in turn, it says so, and goes on where it was', async t => {
  const old = await oldInstallation(t)
  const outcomes = await elevateEach(old, STEPS.map(step => ({ tenant, folder: old.to, failAfter: step })))
  const told = STEPS.slice(0, -1).map((step, i) => ({ message: `it was to fail after ${step}`, steps: STEPS.slice(0, i + 1) }))
  t.match(outcomes, [...told, { isRepeated: false, steps: [] }])
  for (const { message } of outcomes.slice(1, -1)) t.match(message, `What is done so far stays in ${old.to}. Then run the same command again`)
  await checkElevated(t, old)
  t.match(await elevateIn(old, { tenant, folder: old.to }), { isRepeated: true, steps: [] })
})

t.test('what changed while it was cut off comes along, and what is gone does not', async t => {
  const old = await oldInstallation(t)
  await elevateIn(old, { tenant, folder: old.to, killAfter: 'prepared' })
  const { content, ...version } = uploadOf('late', 4_000, moduleSource({ late: '{}, () => 1' }))
  await change(old.options, async ({ registry, store }) => {
    await store.addVersion({ uuid: tenant, admin }, version, content)
    await store.activate({ uuid: tenant, admin }, 'shout', uploads[1].version)
    await store.removeVersion({ uuid: tenant, admin }, 'idle')
    await registry.setEntry(admin, tenant, { name: 'GREETING', value: 'changed', secret: false })
    await registry.removeEntry(admin, tenant, 'EMPTY')
  })
  write(join(old.folder, 'tenants', tenant), { 'late.ts': moduleSource({ file: '{}, () => 1' }) })
  await elevateIn(old, { tenant, folder: old.to })
  const settings = parseEnv(readFileSync(join(old.to, '.env'), 'utf8')) as Record<string, string>
  t.equal(settings['GREETING'], 'changed')
  t.notOk('EMPTY' in settings)
  t.ok(existsSync(join(old.to, 'plugins-2/late.ts')))
  const options = { env: false, MULTI_TENANT: true, ADMIN_ID: tenant, ADMIN_SECRET: settings['ADMIN_SECRET']!, SECRETS_KEY: settings['SECRETS_KEY']!, plugins: [], DATA_DIR: join(old.to, 'data') }
  await change(options, async ({ registry }) => {
    t.strictSame({ ...registry.find(tenant)?.modules }, { shout: uploads[1].version, late: null })
  })
})

t.test('killed at any moment, again and again, it gets done', async t => {
  const old = await oldInstallation(t)
  let ms = 300
  // Each run lives longer than the one before it, until one lives long enough.
  for (let outcome; outcome?.isRepeated === undefined; ms *= 1.4) outcome = await elevateIn(old, { tenant, folder: old.to, killAfterMs: Math.round(ms) })
  t.comment(`the last took less than ${Math.round(ms)} ms`)
  await checkElevated(t, old)
})

t.test('two at once do no harm', async t => {
  const old = await oldInstallation(t)
  await Promise.all([1, 2, 3].map(() => elevateIn(old, { tenant, folder: old.to })))
  const last = await elevateIn(old, { tenant, folder: old.to })
  t.match(last, { message: undefined })
  await checkElevated(t, old)
})
