import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { build, temporaryDirectory } from '../helper.ts'
import { admin, newKey, tenant } from '../owners/owners.ts'
import { serve } from './owners.ts'
import { type Ended, run, WITHIN_MS } from './program.ts'

const order = (descriptor: string, result: string) =>
  `import { endpoint } from 'fastify-microservices'\nimport { Type } from '@sinclair/typebox'\nexport const order = endpoint(${descriptor}, () => '${result}')\n`

async function get (url: string, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(WITHIN_MS) })
  return response.ok ? await response.json() : response.status
}

/** As `sha256sum` of the files, and then of that list. */
function versionOf (files: Record<string, string>): string {
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex')
  return sha(Object.entries(files).map(([path, text]) => `${sha(text)}  ${path}\n`).join(''))
}

function said ({ code, stdout, stderr }: Ended, t: Test): Record<string, unknown> {
  t.strictSame([code, stderr], [0, ''])
  return JSON.parse(stdout) as Record<string, unknown>
}

t.test('a module is deployed, not sent again, changed, previewed, rolled back, listed and removed', async t => {
  const { url, place } = await serve(t)
  const file = join(place.directory, 'orders.ts')
  const deploy = async (...args: string[]) => await run(t, ['deploy', 'orders.ts', ...args], place)
  const live = async () => await get(`${url}/${admin}/order`)

  writeFileSync(file, order('{}', 'one'))
  const one = versionOf({ 'index.ts': order('{}', 'one') })
  t.strictSame(await deploy(), {
    code: 0, stdout: `orders ${one.slice(0, 12)} (1 file, ${order('{}', 'one').length} B) is live at ${url}/${admin}/orders.\n  order: is new\n`, stderr: ''
  })
  t.equal(await live(), 'one')
  t.strictSame(await deploy(), { code: 0, stdout: `orders ${one.slice(0, 12)} is unchanged and live. Nothing was done.\n`, stderr: '' })
  t.match(said(await deploy('--json'), t), { module: 'orders', version: one, active: true, unchanged: true })

  const narrower = order('{ args: Type.Object({ id: Type.String() }) }', 'two')
  writeFileSync(file, narrower)
  const two = versionOf({ 'index.ts': narrower })
  t.match(await deploy('--compatible'), { code: 1, stdout: '', stderr: /^The server refused \(409\): .*breaks callers.*\norder: argument id is new, and required\n$/ })
  t.equal(await live(), 'one')
  t.match(await deploy('--no-activate'), { code: 0, stdout: new RegExp(`is kept, and not live\\. A preview: ${url}/${admin}/orders@${two.slice(0, 12)}\n  BREAKING order: argument id is new, and required\n$`) })
  t.match(await deploy('--no-activate'), { code: 0, stdout: /is unchanged, kept and not live\. Nothing was done\.\n$/ })
  t.equal(await live(), 'one')
  const preview = `${url}/${admin}/orders@${two.slice(0, 12)}/order?id=1`
  const { stdout: token } = await run(t, ['token', 'GET', preview, '--manage'], place)
  t.equal(await get(preview, { authorization: `Bearer ${token.trim()}` }), 'two')

  t.match(await deploy(), { code: 0, stdout: new RegExp(`^orders ${two.slice(0, 12)} is live at .*, it was ${one.slice(0, 12)}\\. It was uploaded before\\.\n  BREAKING .*\n1 of these may break callers\\. To go back: fastify-microservices rollback orders\n$`) })
  t.match(await get(`${url}/${admin}/order?id=1`), 'two')
  t.match(await run(t, ['rollback', 'orders'], place), { code: 0, stdout: new RegExp(`^orders ${one.slice(0, 12)} is live, it was ${two.slice(0, 12)}\\.\n`) })
  t.equal(await live(), 'one')
  t.match(await run(t, ['rollback', 'orders'], place), { code: 1, stdout: '', stderr: /^The server refused \(409\): / })
  t.match(said(await run(t, ['rollback', 'orders', '--to', two.slice(0, 12), '--json'], place), t), { module: 'orders', version: two })

  const listed = await run(t, ['versions'], place)
  t.match(listed, { code: 0, stdout: new RegExp(`^\\*  orders  ${two.slice(0, 12)}  .*\n   orders  ${one.slice(0, 12)}  .* 1 file  .* B +${admin}\\.first\n$`) })
  t.match(said(await run(t, ['versions', 'orders', '--json'], place), t), { modules: [{ module: 'orders', active: two, versions: [{ version: two, active: true }, { version: one, active: false }] }] })
  t.match(await run(t, ['versions', 'orders', '--remove', two], place), { code: 1, stderr: /^The server refused \(409\): / })
  t.match(await run(t, ['versions', 'orders', '--remove', one], place), { code: 0, stdout: `orders ${one.slice(0, 12)} is removed.\n` })
  t.match(await run(t, ['versions', 'orders', '--remove', 'all'], place), { code: 0, stdout: 'orders and all its versions are removed.\n' })
  t.match(await run(t, ['versions', 'orders'], place), { code: 1, stderr: 'Nothing was uploaded as orders.\n' })
  t.match(await run(t, ['rollback', 'orders'], place), { code: 1, stderr: /^Nothing was uploaded as orders/ })
  t.equal(await live(), 404)
})

t.test('a folder is deployed by its tenant, and by the admin for it, named by its files', async t => {
  const { url, place } = await serve(t)
  await run(t, ['tenants', 'register', 'ada', '--uuid', tenant, '--save', 'ada.key'], place)
  const folder = join(place.directory, 'words')
  const long = `lib/${'a'.repeat(90)}/${'b'.repeat(90)}`
  const files = {
    'index.js': "import { endpoint } from 'fastify-microservices'\nimport { word } from './lib/größe.js'\nexport const say = endpoint({}, () => word)\n",
    [`${long}/word.js`]: "export const word = 'hello'\n",
    'lib/größe.js': `export { word } from '../${long}/word.js'\n`
  }
  for (const path of [long, '.git']) mkdirSync(join(folder, path), { recursive: true })
  for (const [path, text] of Object.entries({ ...files, '.git/config': 'x', 'lib/.notes': 'x' })) writeFileSync(join(folder, path), text)

  const version = versionOf(files)
  const byTenant = said(await run(t, ['deploy', folder, '--name', 'terms', '--json', '--key-file', 'ada.key'], place), t)
  t.match(byTenant, { module: 'terms', version, active: true, files: 3, unchanged: false })
  t.equal(await get(`${url}/${tenant}/terms/say`), 'hello')
  t.match(said(await run(t, ['deploy', folder, '--name', 'terms', '--json', '--owner', tenant], place), t), { version, unchanged: true })
  writeFileSync(join(folder, long, 'word.js'), "export const word = 'bye'\n")
  t.match(said(await run(t, ['deploy', folder, '--name', 'terms', '--json', '--owner', tenant.toUpperCase()], place), t), { active: true })
  t.equal(await get(`${url}/${tenant}/terms/say`), 'bye')
  t.match(await run(t, ['versions', '--key-file', 'ada.key'], place), { code: 0, stdout: new RegExp(` ${admin}\\.first\n.* ${tenant}\\.`) })
  t.match(await run(t, ['versions', '--key-file', 'ada.key', '--owner', admin], place), { code: 4 }, 'an admin\'s modules are none of a tenant\'s')
})

t.test('a broken module: file, line and what was expected; what was live stays', async t => {
  const { url, place } = await serve(t)
  const file = join(place.directory, 'orders.ts')
  writeFileSync(file, order('{}', 'one'))
  t.match(await run(t, ['deploy', 'orders.ts'], place), { code: 0 })
  const broken: Array<[source: string, message: RegExp]> = [
    ['export const order = (\n', /^index\.ts:\d+: \S.*\n$/],
    [order("{ method: 'FETCH' }", 'x'), /^index\.ts:(?:\d+:)? order: method: expected GET, POST.*; found "FETCH"\n$/],
    ["throw new Error('at the start')\n", /^index\.ts:1: .*at the start/]
  ]
  for (const [source, message] of broken) {
    writeFileSync(file, source)
    t.match(await run(t, ['deploy', 'orders.ts'], place), { code: 5, stdout: '', stderr: message }, source)
  }
  t.equal(await get(`${url}/${admin}/order`), 'one')
  t.match((JSON.parse((await run(t, ['versions', '--json'], place)).stdout)).modules[0].versions.length, 1, 'nothing of them is kept')
})

t.test('single-tenant mode: with an ADMIN_ID, and without', async t => {
  for (const ADMIN_ID of [admin, undefined]) {
    const secret = newKey()
    const { app } = await build(t, { plugins: [], fastify: { pluginTimeout: WITHIN_MS }, ADMIN_SECRET: secret, ...ADMIN_ID !== undefined && { ADMIN_ID } })
    const url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/rest/services`
    const directory = temporaryDirectory(t)
    writeFileSync(join(directory, '.env'), `ADMIN_SECRET=${secret}\n${ADMIN_ID === undefined ? '' : `ADMIN_ID=${ADMIN_ID}\n`}MICROSERVICES_URL=${url}\n`, { mode: 0o600 })
    writeFileSync(join(directory, 'orders.mjs'), "import { endpoint } from 'fastify-microservices'\nexport const order = endpoint({}, () => 'one')\n")
    t.match(await run(t, ['deploy', 'orders.mjs'], { directory }), { code: 0, stdout: new RegExp(`is live at ${url}/orders\\.`), stderr: '' })
    t.equal(await get(`${url}/orders/order`), 'one')
    t.match(await run(t, ['versions'], { directory }), { code: 0, stdout: /^\* +orders / })
    t.match(await run(t, ['tenants'], { directory }), { code: 1, stderr: /^There is nothing at .*MULTI_TENANT is true \(for tenants\)/s })
  }
})
