import { roomFor } from '../../lib/sandbox/pool/placement.ts'
import { Pool } from '../../lib/sandbox/pool/pool.ts'
import { startFake } from './fake-cell.ts'
import { callOf, fellow, valueOf } from './fake-pool.ts'

/* An app that forgets to close its pool. */

const pool = new Pool({
  starter: {
    start: startFake,
    program: () => ({ entry: '', readable: [], nodeArguments: [], spawns: false, scratchBytes: 0 }),
    hello: async () => ({ core: 'ready', parts: {} })
  },
  layers: { by: 'none', network: false, processes: false, files: false, user: false, data: false, environment: true },
  room: roomFor(512, 2),
  log: { warn () {}, error () {} }
})
process.stdout.write(`answered ${valueOf(await pool.call(callOf(fellow('tenant'), 'pid')))}\n`)
