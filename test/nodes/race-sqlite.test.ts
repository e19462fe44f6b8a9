import { join } from 'node:path'
import t from 'tap'
import { files, testRace } from './once.ts'

t.test('four processes race for tokens on one SQLite file', async t => {
  const directory = t.testdir({ plugins: files })
  await testRace(t, { plugins: [join(directory, 'plugins')], DATA_DIR: join(directory, 'data') }, { nodes: 4, tokens: 200 })
})
