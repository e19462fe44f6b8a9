import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { testAway } from './away.ts'
import { tenantFiles } from './follow.ts'
import { becomes, installation, Node, token } from './nodes.ts'
import { files } from './once.ts'

t.test("a node whose store, of the user's own, fails", async t => {
  const directory = t.testdir({ tenants: tenantFiles })
  const options = { DATA_DIR: join(directory, 'data'), TENANTS_DIR: join(directory, 'tenants') }
  await testAway(t, {
    options,
    frail: true,
    kept: options,
    cut: node => node.order({ away: true }),
    restore: node => node.order({ away: false })
  })
})

t.test('while another process holds the SQLite file locked, no token is taken', async t => {
  const directory = t.testdir({ plugins: files })
  const data = join(directory, 'data')
  const node = await Node.start(t, { options: installation({ plugins: [join(directory, 'plugins')], DATA_DIR: data }) })
  const database = new DatabaseSync(join(data, 'store.sqlite'))
  t.teardown(() => database.close())

  database.exec('begin immediate')
  const { status, body, headers } = await node.call('/hello', { token: await token('/hello') })
  t.match({ status, code: body['code'], retryAfter: headers.get('retry-after') }, { status: 503, code: 'FMS_ERR_UNAVAILABLE', retryAfter: '1' })
  t.equal(await node.status('/hello'), 200, 'calls without one go on')
  database.exec('rollback')
  await becomes(t, 'tokens are taken again', async () => await node.status('/hello', { token: await token('/hello') }), 200)
})
