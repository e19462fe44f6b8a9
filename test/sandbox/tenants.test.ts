import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { build, moduleSource } from '../helper.ts'
import { admin, buildTenants, other, tenant } from './tenancy.ts'

const second = 'f47ac10b-58cc-4372-a567-0e02b2c3d479'
/** Tells who answered, and whether that was in this process. */
const who = (name: string, more = '') =>
  moduleSource({ who: `{ method: 'GET|POST' }, (args, { owner, module }) => ({ name: '${name}', owner, module, inside: typeof process === 'undefined', args })` }, more)

t.test('who is a tenant', async t => {
  t.test('the owner of a folder in TENANTS_DIR, by its name', async t => {
    const { app, own } = await buildTenants(t, { tenantFiles: { [tenant]: { 'a.ts': who('a'), folder: { 'index.js': who('folder') } } } })
    t.strictSame((await app.inject(own('/who/7?a=1'))).json(), { name: 'a', owner: tenant, module: 'a', inside: true, args: { a: '1', parm_1: '7' } })
    t.match((await app.inject(own('/folder/who'))).json(), { name: 'folder', inside: true })
  })

  t.test('the owner that `plugins` gives a directory to', async t => {
    const { app, url } = await buildTenants(t, { beside: { one: { 'a.ts': who('a') } }, plugins: path => [`${other}=${join(path, 'one')}`] })
    t.match((await app.inject(url(`/${other}/who`))).json(), { name: 'a', owner: other, inside: true })
  })

  t.test('whom `__ID__` names in an admin\'s directory', async t => {
    const { app, url } = await buildTenants(t, { files: { 'a.ts': who('a', `export const __ID__ = '${other}'`), 'b.ts': who('b') } })
    t.match((await app.inject(url(`/${other}/who`))).json(), { name: 'a', owner: other, inside: true })
    t.match((await app.inject(url(`/${admin}/who`))).json(), { name: 'b', owner: admin, inside: false }, 'the admin\'s own stay its own')
    t.equal((await app.inject(url(`/${admin}/a/who`))).statusCode, 404)
  })

  t.test('never whom a module in a tenant\'s directory names', async t => {
    for (const id of [admin, other, 'nobody']) {
      const { app, own, url } = await buildTenants(t, { tenantFiles: { [tenant]: { 'a.ts': who('a', `export const __ID__ = '${id}'`) } } })
      t.match((await app.inject(own('/who'))).json(), { owner: tenant, inside: true }, `__ID__ = ${id}`)
      t.equal((await app.inject(url(`/${id}/who`))).statusCode, 404)
      await app.close()
    }
  })

  t.test('one admin\'s only', async t => {
    const named = (name: string) => ({ [`${name}.ts`]: who(name, `export const __ID__ = '${other}'`) })
    const { app, url } = await buildTenants(t, {
      ADMIN_ID: [admin, second], beside: { one: named('a'), two: named('b') }, plugins: path => [join(path, 'one'), `${second}=${join(path, 'two')}`]
    })
    t.match((await app.inject(url(`/${other}/who`))).json(), { name: 'a' })
    t.equal((await app.inject(url(`/${other}/b/who`))).statusCode, 404)
    t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_OWNER', file: /b\.ts$/, message: /another admin's tenant/ }])
  })
})

t.test('what stands in TENANTS_DIR without being a tenant\'s is reported', async t => {
  const { app, tenantsDirectory } = await buildTenants(t, {
    tenantFiles: { [tenant]: { 'a.ts': who('a') }, [admin]: { 'b.ts': who('b') }, someone: { 'c.ts': who('c') }, '.git': { 'd.ts': who('d') } }
  })
  writeFileSync(join(tenantsDirectory, other), 'a file')
  symlinkSync(join(tenantsDirectory, tenant), join(tenantsDirectory, second))
  await app.microservices.refresh()
  const { problems, modules } = app.microservices.directory()
  t.strictSame(modules.map(({ owner, name }) => [owner, name]), [[tenant, 'a']])
  t.strictSame(problems.map(({ code, file }) => [code, file.slice(tenantsDirectory.length + 1)]).sort(), [
    ['FMS_ERR_DIRECTORY', other], ['FMS_ERR_DIRECTORY', second], ['FMS_ERR_OWNER', admin], ['FMS_ERR_OWNER', 'someone']
  ].sort())
})

t.test('tenants come and go with their folders, and reload as anyone\'s modules do', async t => {
  const { app, own, tenantsDirectory, url } = await buildTenants(t, { tenantFiles: { [tenant]: { 'a.ts': who('one') } } })
  t.match((await app.inject(own('/who'))).json(), { name: 'one' })
  writeFileSync(join(tenantsDirectory, tenant, 'a.ts'), who('two'))
  await app.microservices.refresh()
  t.match((await app.inject(own('/who'))).json(), { name: 'two' })

  writeFileSync(join(tenantsDirectory, tenant, 'a.ts'), 'export const = broken')
  await app.microservices.refresh()
  t.match((await app.inject(own('/who'))).json(), { name: 'two' }, 'the last good version serves')
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_MODULE', owner: tenant, file: /a\.ts$/, line: 1, message: /keeps serving/ }])

  mkdirSync(join(tenantsDirectory, other))
  writeFileSync(join(tenantsDirectory, other, 'b.ts'), who('b'))
  rmSync(join(tenantsDirectory, tenant), { recursive: true })
  await app.microservices.refresh()
  t.equal((await app.inject(own('/who'))).statusCode, 404)
  t.match((await app.inject(url(`/${other}/who`))).json(), { name: 'b' })
  t.strictSame(app.microservices.logs(tenant).filter(({ status }) => status !== 200), [], 'no call failed that found something')
})

t.test('a tenant\'s modules are made at its first call, and nobody else\'s', async t => {
  const { app, own, tenantsDirectory, url } = await buildTenants(t, {
    refresh: false, tenantFiles: { [tenant]: { 'a.ts': who('a'), 'b.ts': who('b') }, [other]: { 'c.ts': who('c') } }
  })
  const names = () => app.microservices.directory().modules.map(({ name }) => name)
  const made = () => readdirSync(join(tenantsDirectory, '../data/modules'), { recursive: true }).filter(name => /description$/.test(String(name))).length
  t.strictSame(names(), [])
  const answers = await Promise.all(['/who', '/b/who', '/__dir__'].map(path => app.inject(own(path))))
  t.match(answers.map(answer => answer.json()), [{ name: 'a' }, { name: 'b' }, { modules: [{ name: 'a' }, { name: 'b' }] }])
  t.strictSame(names(), ['a', 'b'])
  t.equal(made(), 2)
  t.match((await app.inject(url(`/${other}/who`))).json(), { name: 'c' })
  t.strictSame([names(), made()], [['a', 'b', 'c'], 3])
})

t.test('a tenant is listed as anyone, and only to those who name it', async t => {
  const { app, own, url } = await buildTenants(t, {
    files: { 'mine.ts': who('mine') },
    tenantFiles: { [tenant]: { 'a.ts': who('a', "export const __alias__ = 'v1'\nexport function helper () {}") }, [other]: { 'b.ts': who('b') } }
  })
  const listing = (await app.inject(own('/v1/__dir__'))).json()
  t.match(listing, { name: 'a', alias: 'v1', version: /^[0-9a-f]{12}$/, endpoints: [{ api: 'who', function: 'who', methods: ['GET', 'POST'] }], functions: ['helper'] })
  t.match((await app.inject(own('/v1/who'))).json(), { name: 'a' })
  t.equal((await app.inject(own('/__dir__'))).json().modules.length, 1)
  t.equal((await app.inject(url(`/${admin}/__dir__`))).json().modules.length, 1)
  t.strictSame(app.microservices.directory().modules.map(({ owner }) => owner), [admin, tenant, other])
  t.equal((await app.inject({ method: 'PUT', url: own('/who') })).headers['allow'], 'GET, HEAD, POST')
})

t.test('what a tenant may not declare is refused, and the rest of its module served', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: {
      [tenant]: {
        'a.ts': moduleSource({
          fine: '{}, () => 1',
          program: '{ run: [\'ls\'] }',
          limited: '{ config: { rateLimit: { max: 1 } } }, () => 1',
          wrong: '{ method: \'FETCH\' }, () => 1'
        }).replace('program = endpoint', 'program = command')
      }
    }
  })
  t.equal((await app.inject(own('/fine'))).body, '1')
  for (const api of ['program', 'limited', 'wrong']) t.equal((await app.inject(own(`/${api}`))).statusCode, 404, api)
  const problems = app.microservices.directory().problems.map(({ code, owner, endpoint, field }) => [code, owner, endpoint, field])
  t.strictSame(problems.map(([code, owner, endpoint]) => [code, owner, endpoint]).sort(), [
    ['FMS_ERR_DESCRIPTOR', tenant, 'limited'], ['FMS_ERR_DESCRIPTOR', tenant, 'program'], ['FMS_ERR_DESCRIPTOR', tenant, 'wrong']
  ])
})

t.test('a module that imports what it may not is refused with the import\'s and the file\'s name', async t => {
  const cases: Record<string, string> = {
    'node-fs': "import 'node:fs'", fs: "import 'fs'", outside: "import '../../../secret.ts'", package: "import 'fastify'", addon: "import './x.node'"
  }
  const files = Object.fromEntries(Object.entries(cases).map(([name, text]) => [`${name}.ts`, `${text}\n${who(name)}`]))
  const { app, own } = await buildTenants(t, { tenantFiles: { [tenant]: { ...files, 'fine.ts': who('fine') } } })
  const { problems } = app.microservices.directory()
  for (const [name, text] of Object.entries(cases)) {
    const specifier = /'([^']+)'$/.exec(text)![1] as string
    const problem = problems.find(({ file }) => file.endsWith(`/${name}.ts`))
    t.match(problem, { code: 'FMS_ERR_MODULE', owner: tenant, message: specifier }, name)
    t.match(problem?.message, `${name}.ts`)
    t.equal((await app.inject(own(`/${name}/who`))).statusCode, 404)
  }
  t.match((await app.inject(own('/who'))).json(), { name: 'fine' })
})

t.test('in an admin\'s directory a tenant\'s module may import itself, or its own folder', async t => {
  const { app, url } = await buildTenants(t, {
    files: {
      'a.ts': `import { secret } from './_secret.ts'\nexport { secret }\n${who('a', `export const __ID__ = '${other}'`)}`,
      '_secret.ts': "export const secret = 'of the admin'",
      b: { 'index.ts': `import { own } from './own.ts'\n${moduleSource({ b: '{}, () => own' }, `export const __ID__ = '${other}'`)}`, 'own.ts': 'export const own = 7' }
    }
  })
  t.equal((await app.inject(url(`/${other}/b`))).body, '7')
  t.equal((await app.inject(url(`/${other}/a/who`))).statusCode, 404)
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_MODULE', owner: other, message: /_secret\.ts/ }])
})

t.test('`tenants` gives one its limits and its environment', async t => {
  const { app, own, url } = await buildTenants(t, {
    tenantFiles: {
      [tenant]: { 'a.ts': moduleSource({ env: '{}, (args, { env }) => env' }) },
      [other]: { 'a.ts': moduleSource({ env: '{}, (args, { env }) => env' }) }
    },
    tenants: { [tenant.toUpperCase()]: { env: { GREETING: 'hello' } } }
  })
  t.strictSame((await app.inject(own('/env'))).json(), { GREETING: 'hello' })
  t.strictSame((await app.inject(url(`/${other}/env`))).json(), {}, 'and nobody else')
})

t.test('two registrations share one pool of cells', async t => {
  const files = { [tenant]: { 'a.ts': who('a') } }
  const { app, own } = await buildTenants(t, { tenantFiles: files })
  const before = app.microservices.status()
  t.match(before, { layers: { by: String }, cells: [], isolates: 0, kills: { timeout: 0 } })
  t.match((await app.inject(own('/who'))).json(), { name: 'a' })
  t.match(app.microservices.status(), { isolates: 1 })
  t.ok(app.microservices.status()!.cells.length >= 1)
})

t.test('without multi-tenant mode there are no tenants', async t => {
  const { app } = await build(t, { files: { 'a.ts': who('a') } })
  t.equal(app.microservices.status(), undefined)
  t.strictSame(app.microservices.logs(tenant), [])
})
