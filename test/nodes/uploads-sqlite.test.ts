import { join } from 'node:path'
import t from 'tap'
import { testUploads } from './uploads.ts'

t.test('what is uploaded to one node, another on the same SQLite file serves', async t => {
  await testUploads(t, { DATA_DIR: join(t.testdir({}), 'data') })
})
