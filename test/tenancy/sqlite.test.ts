import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'
import { admin, open, tenant, until } from './open.ts'
import { keyOf } from './fake-store.ts'

const secret = 'xyz-geheim-xyz'

async function node (t: Test, directory: string, secretsKeys = [keyOf('new')]) {
  return (await open(t, { store: new SqliteStore({ directory }), secretsKeys })).registry
}

t.test('two nodes on one file act as one, and what they did is there after a restart', async t => {
  const directory = join(t.testdir({}), 'data')
  const one = await node(t, directory)
  const two = await node(t, directory)
  const { keys: [key] } = await one.register(admin, { userid: 'ann', uuid: tenant })
  await until(() => two.key(key!.kid))
  await two.setEntry(admin, tenant, { name: 'HIDDEN', value: secret, secret: true })
  await two.setLimits(admin, tenant, { plan: 'small' })
  await until(() => one.find(tenant)?.plan === 'small')
  await two.setEnabled(admin, tenant, false)
  await until(() => !one.serves(tenant))
  await one.setEnabled(admin, tenant, true)
  await one.close()
  await two.close()

  const again = await node(t, directory)
  t.match(again.find(tenant), { userid: 'ann', enabled: true, plan: 'small', isolation: 'dedicated' })
  t.equal(again.find(tenant)!.environment()['HIDDEN'], secret)
  t.strictSame(again.key(key!.kid)?.secret, Buffer.from(key!.secret, 'base64url'))
  await again.remove(admin, tenant)
  t.equal(again.find(tenant), undefined)
})

t.test('no secret can be found in the files', async t => {
  const directory = join(t.testdir({}), 'data')
  const registry = await node(t, directory)
  const { keys } = await registry.register(admin, { userid: 'the userid', uuid: tenant })
  await registry.setEntry(admin, tenant, { name: 'HIDDEN', value: secret, secret: true })
  const contents = (): Buffer => Buffer.concat(readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile()).map(entry => readFileSync(join(entry.parentPath, entry.name))))
  const search = (): void => {
    const found = contents()
    t.ok(found.includes('the userid'), 'what is not secret is found')
    for (const text of [secret, keyOf('new'), keyOf('first of admin'), ...keys.map(({ secret }) => secret)]) {
      t.notOk(found.includes(text))
      t.notOk(found.includes(Buffer.from(text, 'base64url')))
    }
  }
  search()
  await registry.close()
  search()
})

t.test('what an older key sealed is sealed anew, and the old key can go', async t => {
  const directory = join(t.testdir({}), 'data')
  const before = await node(t, directory, [keyOf('old')])
  const { keys } = await before.register(admin, { userid: 'ann', uuid: tenant })
  await before.setEntry(admin, tenant, { name: 'HIDDEN', value: secret, secret: true })
  await before.close()
  const { registry, lines } = await open(t, { store: new SqliteStore({ directory }), secretsKeys: [keyOf('new'), keyOf('old')] })
  await until(() => lines.length > 0)
  t.match(lines, [{ text: /4 secrets are sealed with the first key now/ }])
  await registry.close()
  const after = await node(t, directory)
  t.equal(after.find(tenant)!.environment()['HIDDEN'], secret)
  for (const { kid, secret } of keys) t.strictSame(after.key(kid)?.secret, Buffer.from(secret, 'base64url'))
})
