/** A host of its own, for tests to kill: starts a child behind the wall that its argument counts, and tells its pids. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { plain, Prober, walls } from './walls.ts'

const candidate = walls[Number(process.argv[2])]?.candidate ?? plain
const prober = await Prober.start({ teardown: () => {} }, candidate, { filtered: true })
const descriptors = await prober.try('descriptors')
const all = readdirSync('/proc').map(Number).filter(pid => pid > 0)
console.log(JSON.stringify({ pid: prober.child.pid, descriptors, processes: all.length, directory: join('/proc', String(prober.child.pid)) }))
// It ignores the end of its socket, as hostile code would.
prober.send('spin')
setInterval(() => {}, 1_000)
