import { join } from 'node:path'
import t from 'tap'
import { tenantFiles, testFollowing } from './follow.ts'

t.test('what one node does, another on the same SQLite file knows', async t => {
  const directory = t.testdir({ tenants: tenantFiles })
  await testFollowing(t, { DATA_DIR: join(directory, 'data'), TENANTS_DIR: join(directory, 'tenants') })
})
