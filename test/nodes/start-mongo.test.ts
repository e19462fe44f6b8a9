import { once } from 'node:events'
import { createServer } from 'node:net'
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { installation, Node } from './nodes.ts'

/** A start without a database takes as long as the driver looks for one, and what the test's machine needs. */
const SELECTION_MS = 1_000
const START_WITHIN_MS = 10_000

t.test('a node that starts without its MongoDB says so', async t => {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  listener.close()
  await once(listener, 'close')

  const url = `mongodb://127.0.0.1:${port}/?serverSelectionTimeoutMS=${SELECTION_MS}`
  const begun = performance.now()
  await t.rejects(Node.start(t, { options: installation({ MONGO_URL: url, DATA_DIR: t.testdir() }) }), {
    code: 'FMS_ERR_STORE', message: new RegExp(`127\\.0\\.0\\.1:${port}`)
  })
  t.ok(performance.now() - begun < START_WITHIN_MS, 'in time')
})
