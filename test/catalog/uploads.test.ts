import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { ModuleVersion } from '../../lib/catalog/module.ts'
import { endpoint } from '../../lib/endpoint.ts'
import { admin, FakeUploads, other, second, start, tenant, until } from './fake-uploads.ts'

/** An admin's module that answers with that; `more` is beside. */
const answers = (value: unknown, more = ''): string =>
  `import { endpoint } from 'fastify-microservices'\n${more}\nexport const answer = endpoint({}, () => ${JSON.stringify(value)})\n`

async function call (module: ModuleVersion | undefined): Promise<unknown> {
  const runner = module?.endpoints[0]?.runner
  if (runner?.kind !== 'function') throw new Error('there is no such function')
  return await runner.call({}, {})
}

const short = (version: string): string => version.slice(0, 12)

for (const [who, owner] of [['an admin', admin], ['a tenant', tenant]] as const) {
  t.test(`${who}: what is uploaded is served once it is active`, async t => {
    const { catalog, uploads, served, folders } = await start(t)
    const { version, files } = uploads.add(owner, 'shop', answers(1))
    const made = await catalog.make(owner, 'shop', version, files)
    t.match(made, { owner, name: 'shop', version: short(version), upload: version, endpoints: [{}] })
    t.strictSame(served(owner), [], 'not by being made')
    uploads.activate(owner, 'shop', version)
    await catalog.follow(owner, 'shop')
    t.strictSame(served(owner), [`shop@${short(version)}`])
    t.equal(catalog.live(owner, 'shop'), made, 'what was made serves')
    t.strictSame(uploads.reads, [], 'and is not fetched')
    t.equal(readFileSync(join(folders, owner, 'shop', version, 'index.ts'), 'utf8'), answers(1))
    t.equal(statSync(join(folders, owner, 'shop', version)).mode & 0o777, 0o700)
    t.strictSame(catalog.problems, [])
  })

  t.test(`${who}: another node fetches it when it sees that it is active`, async t => {
    const { catalog, uploads, served } = await start(t, { before: uploads => uploads.activate(owner, 'first', uploads.add(owner, 'first', answers(0)).version) })
    await catalog.prepare(owner)
    const { version } = uploads.add(owner, 'shop', answers(1))
    uploads.activate(owner, 'shop', version)
    catalog.ownersChanged(new Set([owner]))
    await until(() => served(owner).includes(`shop@${short(version)}`))
    t.equal(served(owner).length, 2)
    t.equal(uploads.reads.filter(read => read.startsWith('shop')).length, 1)
    catalog.ownersChanged(new Set([owner]))
    await catalog.follow(owner)
    t.equal(uploads.reads.length, 2, 'other changes of the owner fetch nothing')
  })

  t.test(`${who}: it comes first, and wins over a directory's module of its name, which is reported, and returns when it is removed`, async t => {
    const file = { 'shop.ts': answers('file'), 'area.ts': answers('file') }
    const { catalog, uploads, namespace, folders } = await start(t, { files: file, tenantFiles: { [tenant]: file } })
    const { version } = uploads.add(owner, 'shop', answers('upload'))
    uploads.activate(owner, 'shop', version)
    await catalog.follow(owner)
    const names = () => namespace(owner)?.modules.map(({ name, upload }) => [name, upload === version])
    t.strictSame(names(), [['shop', true], ['area', false]])
    t.match(catalog.problems, [{ code: 'FMS_ERR_NAME', owner, file: /shop\.ts$/, message: /found "shop", which is that of the uploaded module shop/ }])
    await catalog.load()
    t.equal(catalog.live(owner, 'shop')?.upload, version)

    uploads.remove(owner, 'shop')
    await catalog.follow(owner)
    t.strictSame(names(), [['area', false], ['shop', false]])
    t.strictSame(catalog.problems, [])
    t.notOk(existsSync(join(folders, owner, 'shop')))
  })

  t.test(`${who}: one that is not active any more is not served, but stays`, async t => {
    const { catalog, uploads, served, folders } = await start(t)
    const { version } = uploads.add(owner, 'shop', answers(1))
    uploads.activate(owner, 'shop', version)
    await catalog.follow(owner)
    uploads.activate(owner, 'shop', null)
    await catalog.follow(owner)
    t.strictSame(served(owner), [])
    t.ok(existsSync(join(folders, owner, 'shop', version)))
  })

  t.test(`${who}: a version that cannot be made leaves the one before, and says where it is broken`, async t => {
    const { catalog, uploads, served } = await start(t)
    const good = uploads.add(owner, 'shop', answers(1))
    const bad = uploads.add(owner, 'shop', 'broken(')
    uploads.activate(owner, 'shop', good.version)
    await catalog.follow(owner)
    const relative = { message: /^(?!.*\/uploads\/)/, problem: { code: 'FMS_ERR_MODULE', file: 'index.ts', line: 1 } }
    await t.rejects(catalog.make(owner, 'shop', bad.version, bad.files), relative)

    uploads.activate(owner, 'shop', bad.version)
    uploads.activate(owner, 'beside', uploads.add(owner, 'beside', answers(2)).version)
    await t.rejects(catalog.follow(owner, 'shop'), relative)
    await t.resolves(catalog.follow(owner, 'beside'), 'what is beside it is no matter of its')
    t.strictSame(served(owner).map(name => name.split('@')[0]), ['beside', 'shop'])
    t.equal(catalog.live(owner, 'shop')?.upload, good.version)
    t.match(catalog.problems, [{ owner, message: new RegExp(`version ${short(good.version)} keeps serving`) }])

    uploads.activate(owner, 'shop', good.version)
    const before = catalog.live(owner, 'shop')
    await catalog.follow(owner)
    t.equal(catalog.live(owner, 'shop'), before, 'and back, nothing is made anew')
    t.strictSame(catalog.problems, [])
  })

  t.test(`${who}: 200 activations under calls fail none, and each call ends on the version that it began with`, async t => {
    const { catalog, uploads, namespace, workshop } = await start(t)
    const source = (n: number) => answers(n, 'let closed = false\nexport const __close__ = () => { closed = true }').replace('() => ' + n,
      `async () => { await new Promise(resolve => setImmediate(resolve)); if (closed) throw new Error('closed'); return ${n} }`)
    const versions = [0, 1, 2].map(n => uploads.add(owner, 'shop', source(n)).version)
    uploads.activate(owner, 'shop', versions[0] as string)
    await catalog.follow(owner)
    let calls = 0
    const done = new AbortController()
    const callers = Array.from({ length: 8 }, async () => {
      for (; !done.signal.aborted; calls++) {
        const module = namespace(owner)?.byModule.get('shop')?.values().next().value?.module
        if (module?.upload === undefined) throw new Error('nothing answers')
        if (owner === admin) {
          module.enter()
          const result = await call(module)
          module.leave()
          if (versions[result as number] !== module.upload) throw new Error('another version answered')
        } else if ((await module.guest!.script()).code !== source(versions.indexOf(module.upload))) throw new Error('another version answered')
        await turn()
      }
    })
    for (let i = 1; i <= 200; i++) {
      uploads.activate(owner, 'shop', versions[i % 3] as string)
      catalog.ownersChanged(new Set([owner]))
      await catalog.follow(owner, 'shop')
      if (catalog.live(owner, 'shop')?.upload !== versions[i % 3]) t.fail(`activation ${i} is not live when it is done`)
    }
    done.abort()
    await t.resolves(Promise.all(callers))
    t.ok(calls > 200)
    if (owner === tenant) t.equal(new Set(workshop.retired).size, 200, 'what was replaced is retired')
  })

  t.test(`${who}: what the store does not have, or cannot say, is a problem, and is tried again`, async t => {
    const { catalog, uploads, served } = await start(t)
    const [first, next] = [uploads.add(owner, 'shop', answers(1)), uploads.add(owner, 'shop', answers(2))]
    uploads.activate(owner, 'shop', first.version)
    await catalog.follow(owner)
    uploads.activate(owner, 'shop', next.version)
    uploads.isAway = true
    await t.rejects(catalog.follow(owner), { problem: { code: 'FMS_ERR_UNAVAILABLE' }, message: /cannot be read from the store now.*the store is away/ })
    t.strictSame(served(owner), [`shop@${short(first.version)}`])
    t.match(catalog.problems, [{ code: 'FMS_ERR_UNAVAILABLE', owner, message: new RegExp(`version ${short(first.version)} keeps serving`) }])
    uploads.isAway = false
    await until(() => catalog.live(owner, 'shop')?.upload === next.version)
    t.strictSame(catalog.problems, [])

    const key = `${owner}/shop/${'0'.repeat(64)}`
    uploads.activate(owner, 'shop', '0'.repeat(64))
    for (const [content, found] of [[undefined, 'none'], [Buffer.from('nonsense'), 'something else'], [uploads.contents.get(`${owner}/shop/${first.version}`), 'those of another']] as const) {
      if (content === undefined) uploads.contents.delete(key)
      else uploads.contents.set(key, content)
      await t.rejects(catalog.follow(owner), { problem: { code: 'FMS_ERR_MODULE' }, message: new RegExp(`found ${found}; upload it again`) })
    }
    t.equal(catalog.live(owner, 'shop')?.upload, next.version)
  })

  t.test(`${who}: previews are of any version, and beside what is served`, async t => {
    const { catalog, uploads, served } = await start(t)
    const [first, next] = [uploads.add(owner, 'shop', answers(1)), uploads.add(owner, 'shop', answers(2))]
    uploads.activate(owner, 'shop', first.version)
    await catalog.follow(owner)
    const preview = async (prefix: string) => (await catalog.preview(owner, 'shop', prefix))?.modules ?? []
    t.strictSame(await preview(short(first.version)), [catalog.live(owner, 'shop')], 'of what is live, the same')
    const [newer] = await preview(short(next.version))
    t.match(newer, { name: 'shop', upload: next.version })
    t.strictSame(await preview(next.version), [newer], 'made once')
    t.strictSame(served(owner), [`shop@${short(first.version)}`])
    t.equal(await catalog.preview(owner, 'shop', '0'.repeat(12)), undefined)
    t.equal(await catalog.preview(owner, 'stranger', short(next.version)), undefined)
    uploads.activate(owner, 'shop', next.version)
    await catalog.follow(owner)
    t.equal(catalog.live(owner, 'shop'), newer, 'what was looked at is what serves')
    const [older] = await preview(short(first.version))
    t.match(older, { upload: first.version })
    uploads.isAway = true
    await t.rejects(catalog.preview(owner, 'shop', short(first.version)), { code: 'FMS_ERR_UNAVAILABLE' })
  })

  t.test(`${who}: \`__ID__\` names nobody else`, async t => {
    const { catalog, uploads, served } = await start(t)
    // The comment is what the fake workshop reads.
    const naming = (id: string): string => answers(1, `export const __ID__ = '${id}' // id=${id}`)
    for (const id of [other, second, 'nobody'].filter(id => id !== owner)) {
      const { version, files } = uploads.add(owner, 'shop', naming(id))
      await t.rejects(catalog.make(owner, 'shop', version, files), { problem: { code: 'FMS_ERR_OWNER' }, message: new RegExp(`expected ${owner}, who uploaded it, or none; found "${id}"`) })
    }
    const { version } = uploads.add(owner, 'shop', naming(owner))
    uploads.activate(owner, 'shop', version)
    await catalog.follow(owner)
    t.strictSame(served(owner), [`shop@${short(version)}`])
  })
}

t.test('a version that does not start leaves the one before; a preview is started, and closed when it is dropped', async t => {
  const { catalog, uploads, app } = await start(t)
  const journal: string[] = Object.assign(globalThis, { journal: [] }).journal
  const life = (name: string, more = '') => answers(name, `export const __start__ = () => { globalThis.journal.push('start ${name}')${more} }; export const __close__ = () => { globalThis.journal.push('close ${name}') }`)
  const [a, b] = [uploads.add(admin, 'shop', life('a')), uploads.add(admin, 'shop', life('b'))]
  uploads.activate(admin, 'shop', a.version)
  await catalog.follow(admin)
  await catalog.make(admin, 'shop', b.version, b.files)
  t.strictSame(journal, ['start a'], 'not by being made')
  const previews = await Promise.all([b, b].map(({ version }) => catalog.preview(admin, 'shop', version)))
  t.equal(await call(previews[0]?.modules[0]), 'b')
  t.strictSame(journal.splice(0), ['start a', 'start b'])
  uploads.activate(admin, 'shop', b.version)
  await catalog.follow(admin)
  t.strictSame(journal.splice(0), ['close a'], 'what was previewed goes on')

  const failing = uploads.add(admin, 'shop', life('c', '; throw new Error(\'no database\')'))
  await t.rejects(catalog.preview(admin, 'shop', failing.version), { problem: { code: 'FMS_ERR_MODULE' }, message: '__start__ failed: no database' })
  uploads.activate(admin, 'shop', failing.version)
  await t.rejects(catalog.follow(admin), { message: /__start__ failed: no database/ })
  t.equal(await call(catalog.live(admin, 'shop')), 'b')
  uploads.activate(admin, 'shop', b.version)
  await catalog.follow(admin)
  journal.length = 0

  for (let i = 0; i < 33; i++) await catalog.preview(admin, 'shop', uploads.add(admin, 'shop', life(`p${i}`)).version)
  await until(() => journal.includes('close p0'))
  t.strictSame(journal.filter(entry => entry.startsWith('close')), ['close p0'], 'some are kept')
  await catalog.discard(admin, 'shop', uploads.add(admin, 'shop', life('p1')).version)
  await until(() => journal.includes('close p1'))
  journal.length = 0
  await catalog.close()
  t.equal(new Set(journal).size, 32)
  t.ok(journal.includes('close b'))
  await app.close()
})

t.test('a tenant\'s previews are retired when they are dropped, and when the tenant is', async t => {
  const { catalog, uploads, workshop } = await start(t)
  const versions = Array.from({ length: 33 }, (_, i) => uploads.add(tenant, 'shop', answers(i)).version)
  for (const version of versions) await catalog.preview(tenant, 'shop', version)
  t.match(workshop.retired, [{ version: short(versions[0] as string) }])
  workshop.admins.delete(tenant)
  catalog.ownersChanged(new Set([tenant]))
  t.equal(new Set(workshop.retired).size, 33)
})

t.test('uploads of 1,000 tenants cost nothing at the start, and are made at the first call', async t => {
  const uuids = Array.from({ length: 1_000 }, (_, i) => `${String(i).padStart(8, '0')}-0000-4000-8000-000000000000`)
  const { catalog, workshop, uploads, served } = await start(t, {
    tenantsOf: Object.fromEntries(uuids.map(uuid => [uuid, admin])),
    before: uploads => { for (const uuid of uuids) uploads.activate(uuid, 'shop', uploads.add(uuid, 'shop', answers(uuid)).version) }
  })
  await catalog.load()
  t.strictSame([workshop.builds, uploads.reads, catalog.modules.length], [[], [], 0])
  const [one, another] = [uuids[7] as string, uuids[8] as string]
  await catalog.prepare(one)
  t.match(served(one), [/^shop@/])
  t.equal(catalog.prepare(one), undefined, 'later calls do not wait')
  await catalog.load()
  t.match(served(one), [/^shop@/], 'and a look at the files leaves it')
  t.equal(workshop.builds.length, 1)
  t.equal(catalog.prepare(other), undefined, 'nobody waits for nobody')
  uploads.activate(another, 'shop', uploads.add(another, 'shop', answers('more')).version)
  catalog.ownersChanged(new Set([another]))
  await turn()
  t.equal(uploads.reads.length, 1, 'an activation is no call')
  await catalog.follow(another)
  t.match(served(another), [/^shop@/], 'unless somebody waits for it')
  uploads.activate(one, 'shop', null)
  await catalog.follow(one)
  t.strictSame(served(one), [])
})

t.test('refresh() makes what is uploaded too, called or not', async t => {
  const uuids = Array.from({ length: 50 }, (_, i) => `${String(i).padStart(8, '0')}-0000-4000-8000-000000000000`)
  const { catalog, workshop, served } = await start(t, {
    tenantsOf: Object.fromEntries(uuids.map(uuid => [uuid, admin])),
    before: uploads => { for (const uuid of uuids) uploads.activate(uuid, 'shop', uploads.add(uuid, 'shop', answers(uuid)).version) }
  })
  await catalog.refresh()
  t.equal(new Set(workshop.builds).size, 50)
  for (const uuid of uuids) t.match(served(uuid), [/^shop@/])
})

t.test('a first call waits some seconds for the store, then what is late is followed', async t => {
  const gate = Promise.withResolvers<void>()
  class Slow extends FakeUploads {
    override async content (...of: [string, string, string]) {
      await gate.promise
      return await super.content(...of)
    }
  }
  const { catalog, served } = await start(t, {
    uploads: new Slow(),
    tenantFiles: { [tenant]: { 'a.ts': '' } },
    before: uploads => uploads.activate(tenant, 'shop', uploads.add(tenant, 'shop', answers(1)).version)
  })
  const since = performance.now()
  await catalog.prepare(tenant)
  t.ok(performance.now() - since > 4_900)
  t.match(served(tenant), [/^a@/])
  gate.resolve()
  await until(() => served(tenant).length === 2)
})

t.test('a slow version that is replaced while it is made never serves', async t => {
  const { catalog, uploads, workshop } = await start(t)
  const [slow, next] = [uploads.add(tenant, 'shop', '// slow'), uploads.add(tenant, 'shop', '// next')]
  uploads.activate(tenant, 'shop', slow.version)
  const first = catalog.follow(tenant)
  await until(() => workshop.builds.length === 1)
  uploads.activate(tenant, 'shop', next.version)
  const second = catalog.follow(tenant, 'shop')
  await sleep(50)
  workshop.release.resolve()
  await Promise.all([first, second])
  t.equal(catalog.live(tenant, 'shop')?.upload, next.version)
})

t.test('of an owner that is gone nothing stays on the disk, also of one that went while nobody looked', async t => {
  const gone = '9c1f2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f'
  const { catalog, uploads, workshop, served, folders } = await start(t)
  const { version } = uploads.add(tenant, 'shop', answers(1))
  uploads.activate(tenant, 'shop', version)
  await catalog.follow(tenant)
  t.ok(existsSync(join(folders, tenant)))
  workshop.admins.delete(tenant)
  catalog.ownersChanged(new Set([tenant]))
  t.strictSame(served(tenant), [])
  await until(() => !existsSync(join(folders, tenant)))
  t.match(workshop.retired, [{ owner: tenant }])
  t.equal(catalog.prepare(tenant), undefined)
  workshop.admins.set(tenant, second)
  catalog.ownersChanged(new Set([tenant]))
  await catalog.prepare(tenant)
  t.match(catalog.live(tenant, 'shop')?.guest, { admin: second })

  for (const owner of [gone, tenant]) mkdirSync(join(folders, owner, 'old'), { recursive: true })
  utimesSync(join(folders, tenant, 'old'), 0, 0)
  mkdirSync(join(folders, tenant, 'new'))
  await catalog.start()
  await until(() => !existsSync(join(folders, gone)) && !existsSync(join(folders, tenant, 'old')))
  t.strictSame(readdirSync(join(folders, tenant)).sort(), ['new', 'shop'], 'what another process may write just now stays')
})

t.test('of each module the newest versions stay on the disk, and the active one', async t => {
  const { catalog, uploads, folders } = await start(t)
  const versions = Array.from({ length: 20 }, (_, i) => uploads.add(tenant, 'shop', answers(i)))
  uploads.activate(tenant, 'shop', versions[0]!.version)
  for (const [i, { version, files }] of versions.entries()) {
    await catalog.make(tenant, 'shop', version, files)
    utimesSync(join(folders, tenant, 'shop', version), i, i)
  }
  const kept = [0, ...Array.from({ length: 12 }, (_, i) => 8 + i)].map(i => versions[i]!.version)
  t.strictSame(readdirSync(join(folders, tenant, 'shop')).sort(), kept.sort())
})

t.test('a copy that is not as it was written is written again', async t => {
  const { catalog, uploads, folders } = await start(t, { before: uploads => uploads.activate(admin, 'shop', uploads.add(admin, 'shop', answers(1)).version) })
  const folder = join(folders, admin, 'shop', uploads.modulesOf(admin)['shop'] as string)
  for (const spoil of [() => writeFileSync(join(folder, 'index.ts'), ''), () => writeFileSync(join(folder, 'more.ts'), ''), () => rmSync(join(folder, 'index.ts'))]) {
    spoil()
    uploads.reads.length = 0
    uploads.activate(admin, 'shop', null)
    await catalog.follow(admin)
    uploads.activate(admin, 'shop', folder.split('/').at(-1) as string)
    await catalog.follow(admin)
    t.equal(uploads.reads.length, 1)
    t.strictSame(readdirSync(folder), ['index.ts'])
    t.equal(await call(catalog.live(admin, 'shop')), 1)
  }
})

t.test('what was made and is not kept is discarded, but never what is active', async t => {
  const { catalog, uploads, folders } = await start(t)
  const { version, files } = uploads.add(admin, 'shop', answers(1))
  await catalog.make(admin, 'shop', version, files)
  await catalog.discard(admin, 'shop', version)
  t.notOk(existsSync(join(folders, admin, 'shop', version)))
  uploads.activate(admin, 'shop', version)
  await catalog.follow(admin)
  t.equal(await catalog.make(admin, 'shop', version, files), catalog.live(admin, 'shop'), 'what is live is not made again')
  await catalog.discard(admin, 'shop', version)
  t.ok(existsSync(join(folders, admin, 'shop', version)))
})

t.test('a module that is removed leaves nothing, also where nobody called its tenant since the start', async t => {
  const { catalog, uploads, workshop, folders } = await start(t)
  const { version, files } = uploads.add(tenant, 'shop', answers(1))
  await catalog.make(tenant, 'shop', version, files)
  uploads.remove(tenant, 'shop')
  await catalog.follow(tenant, 'shop')
  t.notOk(existsSync(join(folders, tenant, 'shop')))
  t.match(workshop.retired, [{ name: 'shop' }])
})

t.test('names that are no owner\'s, module\'s or version\'s reach no path', async t => {
  const { catalog, uploads, directory } = await start(t)
  const { version, files } = uploads.add(admin, 'shop', answers(1))
  for (const [owner, module, name] of [['..', 'shop', version], [admin, '../shop', version], [admin, 'module-api', version], [admin, 'shop', '../..'], [admin, 'shop', '']] as const) {
    const error = await catalog.make(owner, module, name, files).catch((error: unknown) => error)
    t.match(error, { problem: { code: 'FMS_ERR_NAME' } })
    await catalog.discard(owner, module, name)
  }
  t.ok(existsSync(join(directory, 'plugins')))
})

t.test('a disk that cannot be written to, or is anybody\'s, refuses uploads and nothing else', async t => {
  const { catalog, uploads, folders } = await start(t, { files: { 'a.ts': answers(1) } })
  const { version, files } = uploads.add(admin, 'shop', answers(1))
  writeFileSync(folders, '')
  await t.rejects(catalog.make(admin, 'shop', version, files), { problem: { code: 'FMS_ERR_UNAVAILABLE' }, message: /there is no writing to DATA_DIR: EEXIST/ })
  rmSync(folders)
  mkdirSync(folders, { mode: 0o755 })
  await t.rejects(catalog.make(admin, 'shop', version, files), { problem: { code: 'FMS_ERR_UNAVAILABLE' }, message: /nobody else may enter \(mode 0700\); found .* with mode 755/ })
  t.equal(await call(catalog.live(admin, 'a')), 1)
  rmSync(folders, { recursive: true })
  await catalog.make(admin, 'shop', version, files)
})

t.test('an admin\'s uploads are there when the app starts', async t => {
  const { catalog } = await start(t, { before: uploads => { for (const owner of [admin, second]) uploads.activate(owner, 'shop', uploads.add(owner, 'shop', answers(owner)).version) } })
  for (const owner of [admin, second]) t.equal(await call(catalog.live(owner, 'shop')), owner)
})

t.test('without tenants, uploads and the built-in modules are the admin\'s', async t => {
  const tools = [{ name: 'module-api', exports: { work: endpoint({}, () => 1) }, tenants: true }, { name: 'tenant-api', exports: { list: endpoint({}, () => 1) } }]
  const { catalog, uploads, namespace } = await start(t, { MULTI_TENANT: false, files: { 'shop.ts': answers('file') }, builtIns: tools })
  const { version } = uploads.add('local', 'shop', answers('upload'))
  uploads.activate('local', 'shop', version)
  await catalog.follow('local')
  t.strictSame(namespace('')?.modules.map(({ name, owner }) => [name, owner]), [['shop', 'local'], ['module-api', 'local']])
  t.equal(await call(catalog.live('local', 'shop')), 'upload')
  t.equal((await catalog.preview('local', 'shop', short(version)))?.modules.length, 1)
  t.equal(catalog.management('local'), undefined)
})

t.test('tenants have built-in modules that are for them, whether theirs are made or not', async t => {
  const tools = [{ name: 'module-api', exports: { work: endpoint({}, () => 1) }, tenants: true }, { name: 'tenant-api', exports: { list: endpoint({}, () => 1) } }]
  const { catalog, namespace } = await start(t, { builtIns: tools })
  t.strictSame(namespace(admin)?.modules.map(({ name }) => name), ['module-api', 'tenant-api'])
  const management = catalog.management(tenant)
  t.match(management?.modules, [{ name: 'module-api', owner: tenant, builtIn: true, endpoints: [{ api: 'work' }] }])
  t.equal(catalog.management(tenant), management)
  for (let i = 0; i < 1_000; i++) catalog.management(`${i}`)
  t.not(catalog.management(tenant), management, 'so many are at hand, not more')
  t.equal(namespace(tenant), undefined)
})
