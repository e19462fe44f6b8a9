import { join } from 'node:path'
import t from 'tap'
import { files, testOnce } from './once.ts'

t.test('a token is used once on nodes with one SQLite file', async t => {
  const directory = t.testdir({ plugins: files })
  await testOnce(t, { plugins: [join(directory, 'plugins')], DATA_DIR: join(directory, 'data') })
})
