import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import type { MicroservicesOptions } from '../../types/options.ts'
import { Catalog } from '../../lib/catalog/catalog.ts'
import type { BuiltModule, Guest, Workshop } from '../../lib/catalog/guest.ts'
import type { Endpoint } from '../../lib/describe/describe.ts'
import { endpoint } from '../../lib/endpoint.ts'
import { readSettings } from '../../lib/options.ts'

const admin = '70dd81e5-961a-470e-9e88-63d828674757'
const second = 'f47ac10b-58cc-4372-a567-0e02b2c3d479'
const tenant = '0d9e4a76-52f1-4f0e-9a3c-6b1d2e8f7a10'
const other = '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'
const DEADLINE_MS = 10_000

/** Builds nothing, but keeps account; files that say so never get done. */
class FakeWorkshop implements Workshop {
  readonly admins = new Map<string, string>()
  readonly builds: string[] = []
  readonly retired: Guest[] = []
  readonly release = Promise.withResolvers<void>()

  adminOf (owner: string): string | undefined {
    return this.admins.get(owner)
  }

  async build ({ owner, name, entry }: { owner: string, name: string, entry: string }): Promise<BuiltModule> {
    this.builds.push(`${owner.slice(0, 8)}/${name}`)
    const source = readFileSync(entry, 'utf8')
    if (source.includes('slow')) await this.release.promise
    const version = createHash('sha256').update(source).digest('hex').slice(0, 12)
    const api = { api: name, function: name, methods: ['GET'], configKey: '' } as unknown as Endpoint
    return { version, alias: undefined, identity: undefined, inputs: [entry], endpoints: [api], functions: [], problems: [], script: async () => ({ code: '', checks: '' }), mapStack: stack => stack }
  }

  retire (guest: Guest): void {
    this.retired.push(guest)
  }
}

type Files = Record<string, Record<string, string>>

interface Given extends MicroservicesOptions {
  tenantFiles?: Files
  files?: Record<string, string>
  secondFiles?: Record<string, string>
  /** Who is whose. */
  owners?: Record<string, string>
}

async function start (t: Test, { tenantFiles = {}, files = {}, secondFiles = {}, owners = { [tenant]: admin, [other]: admin }, ...options }: Given = {}) {
  const directory = t.testdir({ plugins: files, second: secondFiles, tenants: tenantFiles })
  const app = Fastify()
  const settings = await readSettings(app, {
    plugins: [join(directory, 'plugins'), `${second}=${join(directory, 'second')}`],
    MULTI_TENANT: true,
    ADMIN_ID: [admin, second],
    TENANTS_DIR: join(directory, 'tenants'),
    DATA_DIR: join(directory, 'data'),
    watch: false,
    env: false,
    ...options
  })
  const workshop = new FakeWorkshop()
  for (const [owner, whose] of Object.entries(owners)) workshop.admins.set(owner, whose)
  const tool = { name: 'tool', exports: { work: endpoint({ summary: 'Works' }, () => 1) } }
  const catalog = new Catalog(app, settings, undefined, workshop, [tool])
  t.teardown(async () => {
    workshop.release.resolve()
    await catalog.close()
    await app.close()
  })
  await catalog.load()
  await catalog.start()
  const served = (owner: string): string[] => catalog.snapshot.namespaces.get(owner)?.modules.map(({ name }) => name) ?? []
  const change = (owner: string, whose: string | undefined): void => {
    if (whose === undefined) workshop.admins.delete(owner)
    else workshop.admins.set(owner, whose)
    catalog.ownersChanged(new Set([owner]))
  }
  return { catalog, workshop, served, change, directory, tenants: join(directory, 'tenants') }
}

async function until (holds: () => boolean): Promise<void> {
  for (const end = Date.now() + DEADLINE_MS; !holds();) {
    if (Date.now() > end) throw new Error('it never came to be')
    await sleep(10)
  }
}

t.test('of 500 tenants nothing is made at the start, and of one that is called, its own modules', async t => {
  const uuids = Array.from({ length: 500 }, (_, i) => `${String(i).padStart(8, '0')}-0000-4000-8000-000000000000`)
  const { catalog, workshop, served } = await start(t, {
    tenantFiles: Object.fromEntries(uuids.map(uuid => [uuid, { 'a.ts': '', 'b.ts': '' }])), owners: Object.fromEntries(uuids.map(uuid => [uuid, admin]))
  })
  t.strictSame([workshop.builds, catalog.problems], [[], []])
  await catalog.prepare(uuids[7] as string)
  t.strictSame(served(uuids[7] as string), ['a', 'b'])
  t.strictSame(workshop.builds.sort(), ['00000007/a', '00000007/b'])
  t.equal(catalog.prepare(uuids[7] as string), undefined, 'later calls do not wait')
  t.strictSame(served(uuids[8] as string), [])
  t.equal(catalog.modules.filter(({ builtIn }) => !builtIn).length, 2)

  await catalog.load()
  t.equal(workshop.builds.length, 2, 'another look makes none of the others')
  await catalog.refresh()
  t.equal(new Set(workshop.builds).size, 1_000, 'refresh() makes all')
  t.strictSame(served(uuids[499] as string), ['a', 'b'])
})

t.test('callers of one tenant wait for the same, and nobody waits for nobody', async t => {
  const { catalog, workshop } = await start(t, { tenantFiles: { [tenant]: { 'a.ts': '' } } })
  const waiting = catalog.prepare(tenant)
  t.ok(waiting instanceof Promise)
  t.equal(catalog.prepare(tenant), waiting)
  await waiting
  t.equal(workshop.builds.length, 1)
  for (const owner of [other, admin, 'nobody', '', '__proto__']) t.equal(catalog.prepare(owner), undefined, owner)
})

t.test('a module that takes long to be made keeps its neighbours from being called for some seconds only', { timeout: 30_000 }, async t => {
  const { catalog, workshop, served } = await start(t, { tenantFiles: { [tenant]: { 'a.ts': '', 'b.ts': 'slow' }, [other]: { 'c.ts': '' } } })
  const waiting = catalog.prepare(tenant)
  await catalog.prepare(other)
  t.strictSame(served(other), ['c'], 'other tenants do not wait')
  await waiting
  t.strictSame(served(tenant), ['a'])
  t.equal(catalog.prepare(tenant), undefined)
  const preparing = catalog.preparing(tenant)
  t.ok(preparing instanceof Promise, 'who looks for what is not there may wait')
  workshop.release.resolve()
  await preparing
  t.strictSame(served(tenant), ['a', 'b'])
  t.equal(catalog.preparing(tenant), undefined)
})

t.test('folders whose owner nobody has registered are told of, and wait', async t => {
  const { catalog, workshop, served, change } = await start(t, { tenantFiles: { [tenant]: { 'a.ts': '' } }, owners: {} })
  t.match(catalog.problems, [{ code: 'FMS_ERR_OWNER', owner: admin, file: new RegExp(`${tenant}$`), message: /registered tenant.*register it.*option `tenants`/ }])
  t.equal(catalog.prepare(tenant), undefined)
  await catalog.refresh()
  t.strictSame([workshop.builds, served(tenant)], [[], []])

  change(tenant, admin)
  t.strictSame([catalog.problems, workshop.builds], [[], []])
  await catalog.prepare(tenant)
  t.strictSame(served(tenant), ['a'])
})

t.test('of a tenant that is removed nothing is left, and it may come back', async t => {
  const { catalog, workshop, served, change } = await start(t, { tenantFiles: { [tenant]: { 'a.ts': '' } } })
  await catalog.prepare(tenant)
  const { snapshot } = catalog
  change(tenant, undefined)
  t.strictSame(served(tenant), [])
  t.notOk(snapshot.namespaces.has(tenant))
  t.match(workshop.retired, [{ owner: tenant, name: 'a' }])
  t.match(catalog.problems, [{ code: 'FMS_ERR_OWNER' }])
  await catalog.refresh()
  t.equal(workshop.builds.length, 1)
  change(tenant, admin)
  await catalog.prepare(tenant)
  t.strictSame(served(tenant), ['a'])
})

t.test('a tenant that another admin has now is made anew, in the other\'s name', async t => {
  const { catalog, workshop, change } = await start(t, { tenantFiles: { [tenant]: { 'a.ts': '' } } })
  const guest = () => catalog.snapshot.namespaces.get(tenant)?.modules[0]?.guest
  await catalog.prepare(tenant)
  t.equal(guest()?.admin, admin)
  change(tenant, admin)
  t.equal(catalog.prepare(tenant), undefined, 'any other change of it is none')
  change(tenant, second)
  t.equal(guest(), undefined)
  await catalog.prepare(tenant)
  t.equal(guest()?.admin, second)
  t.match(workshop.retired, [{ admin }])
})

t.test('a tenant that changes hands while its modules are made is not served in the wrong name', async t => {
  const { catalog, workshop, change } = await start(t, { files: { 'a.ts': `export const __ID__ = '${tenant}' // slow` } })
  const waiting = catalog.prepare(tenant)
  await until(() => workshop.builds.length === 1)
  change(tenant, undefined)
  change(tenant, admin)
  change(tenant, second)
  workshop.release.resolve()
  await waiting
  await catalog.refresh()
  t.notOk(catalog.snapshot.namespaces.has(tenant))
  change(tenant, admin)
  await catalog.prepare(tenant)
  t.equal(catalog.snapshot.namespaces.get(tenant)?.modules[0]?.guest?.admin, admin)
})

t.test('`__ID__` in an admin\'s directory names that admin\'s tenants only, and is looked at again when they change', async t => {
  const named = `export const __ID__ = '${tenant}'`
  const { catalog, served, change } = await start(t, { files: { 'a.ts': named }, secondFiles: { 'b.ts': named }, owners: {} })
  const problems = () => catalog.problems.map(({ code, owner, file, message }) => [code, owner, file.slice(-4), /whom nobody has registered|another admin's tenant/.exec(message)?.[0]])
  t.strictSame(problems(), [['FMS_ERR_OWNER', admin, 'a.ts', 'whom nobody has registered'], ['FMS_ERR_OWNER', second, 'b.ts', 'whom nobody has registered']])
  change(tenant, second)
  await catalog.prepare(tenant)
  t.strictSame(served(tenant), ['b'])
  t.strictSame(problems(), [['FMS_ERR_OWNER', admin, 'a.ts', 'another admin\'s tenant']])
  change(tenant, admin)
  await catalog.prepare(tenant)
  t.strictSame(served(tenant), ['a'])
  t.strictSame(served(admin), ['tool'])
})

t.test('an admin\'s module that comes to name a stranger serves nobody any more', async t => {
  const { catalog, directory, served } = await start(t, { files: { 'a.ts': "import { endpoint } from 'fastify-microservices'\nexport const a = endpoint({}, () => 1)" } })
  t.strictSame(served(admin), ['a', 'tool'])
  writeFileSync(join(directory, 'plugins/a.ts'), `export const __ID__ = '${second.replace('f', '0')}'`)
  await catalog.load()
  t.strictSame(served(admin), ['tool'])
  t.match(catalog.problems, [{ code: 'FMS_ERR_OWNER', owner: admin }])
})

t.test('the order of a tenant\'s modules is that of the directories, whoever they belong to', async t => {
  const named = `export const __ID__ = '${tenant}'`
  const directory = t.testdir({ one: { 'z.ts': named }, own: { 'y.ts': '' }, three: { 'x.ts': named }, tenants: { [tenant]: { 'a.ts': '' } } })
  const app = Fastify()
  const settings = await readSettings(app, {
    plugins: [join(directory, 'one'), `${tenant}=${join(directory, 'own')}`, join(directory, 'three')],
    MULTI_TENANT: true,
    ADMIN_ID: admin,
    TENANTS_DIR: join(directory, 'tenants'),
    DATA_DIR: join(directory, 'data'),
    watch: false,
    env: false
  })
  const workshop = new FakeWorkshop()
  workshop.admins.set(tenant, admin)
  const catalog = new Catalog(app, settings, undefined, workshop)
  t.teardown(() => catalog.close())
  await catalog.load()
  await catalog.start()
  await catalog.prepare(tenant)
  t.strictSame(catalog.modules.map(({ name }) => name), ['z', 'y', 'x', 'a'])
})

t.test('built-in modules are each admin\'s, and reached by their names only', async t => {
  const { catalog } = await start(t, { files: { 'a.ts': "import { endpoint } from 'fastify-microservices'\nexport const work = endpoint({}, () => 2)" } })
  for (const owner of [admin, second]) {
    const namespace = catalog.snapshot.namespaces.get(owner)
    t.ok(namespace?.byModule.get('tool')?.has('work'))
    t.match(namespace?.modules.at(-1), { name: 'tool', owner, builtIn: true, file: '(built in)', endpoints: [{ api: 'work' }] })
  }
  t.equal(catalog.snapshot.namespaces.get(admin)?.byApi.get('work')?.module.name, 'a')
  t.notOk(catalog.snapshot.namespaces.get(second)?.byApi.has('work'))
  t.strictSame(catalog.shadowed, [])
})

for (const watch of ['events', 'poll'] as const) {
  t.test(`${watch}: what changes of tenants that were called, and what is new, is made at once`, async t => {
    const { workshop, served, tenants, catalog } = await start(t, { watch, tenantFiles: { [tenant]: { 'a.ts': '' }, [other]: { 'b.ts': '' } } })
    await catalog.prepare(tenant)
    const version = () => catalog.snapshot.namespaces.get(tenant)?.modules[0]?.version
    const before = version()
    writeFileSync(join(tenants, tenant, 'a.ts'), '// changed')
    await until(() => version() !== before)
    writeFileSync(join(tenants, tenant, 'c.ts'), '')
    await until(() => served(tenant).length === 2)
    t.notOk(workshop.builds.some(build => build.endsWith('/b')), 'but not those that nobody called')

    const third = '9c1f2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f'
    workshop.admins.set(third, admin)
    mkdirSync(join(tenants, third))
    writeFileSync(join(tenants, third, 'd.ts'), '')
    await until(() => served(third).length === 1)

    rmSync(join(tenants, tenant), { recursive: true })
    await until(() => served(tenant).length === 0)
    t.match(workshop.retired.map(({ name }) => name).sort(), ['a', 'a', 'c'])
    mkdirSync(join(tenants, tenant))
    writeFileSync(join(tenants, tenant, 'e.ts'), '')
    await until(() => served(tenant).join() === 'e')
    t.strictSame(catalog.problems, [])
  })
}
