import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { PROTOCOL_VERSION, SOCKET_DESCRIPTOR, ToCell, ToHost, type Frame, type Hello, type Load } from '../protocol.ts'
import { FrameReader } from './frames.ts'
import { Mould } from './isolate.ts'
import { Mark } from './mark.ts'
import { Schedule } from './schedule.ts'
import { Writer } from './writer.ts'

/** What the host sees of a cell that ended by a fault of its own. */
const EXIT_FAULT = 70

const socket = new Socket({ fd: SOCKET_DESCRIPTOR, readable: true, writable: true })
const writer = new Writer(socket)
const reader = new FrameReader()
let schedule: Schedule | undefined

process.once('uncaughtException', error => {
  // The host keeps the end of what is written here.
  writeSync(2, `${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(EXIT_FAULT)
})
socket.on('data', (chunk: Buffer) => reader.read(chunk, take))
for (const end of ['error', 'end', 'close']) socket.on(end, leave)

/** Without a host there is nothing to do. To exit in good order would wait for isolates that may run for ever. */
function leave (): void {
  process.kill(process.pid, 'SIGKILL')
  // The first process of a namespace of its own is immune to that.
  process.exit(0)
}

function take (frame: Frame): void {
  if (schedule !== undefined) handle(schedule, frame)
  else if (frame.type === ToCell.HELLO && frame.id === PROTOCOL_VERSION) hello(JSON.parse(frame.payload.toString()) as Hello)
  else throw new Error(`expected HELLO of version ${PROTOCOL_VERSION}; found a frame of type ${frame.type}, id ${frame.id}`)
}

function hello (prelude: Hello): void {
  schedule = new Schedule(new Mould(prelude), new Mark(), writer)
  writer.frame(ToHost.READY, PROTOCOL_VERSION)
  writer.flush()
}

function handle (schedule: Schedule, { type, id, payload }: Frame): void {
  switch (type) {
    case ToCell.LOAD: return schedule.load(id, JSON.parse(payload.toString()) as Load)
    case ToCell.CALL: return schedule.call(id, payload.readUInt32LE(0), payload.toString('utf8', 4))
    case ToCell.CANCEL: return schedule.cancel(id)
    case ToCell.DROP: return schedule.drop(id)
    case ToCell.PING: return schedule.ping(id)
    case ToCell.MEASURE: return schedule.measure(id)
    case ToCell.GO: return schedule.go(id)
    default: throw new Error(`unknown frame of type ${type}`)
  }
}
