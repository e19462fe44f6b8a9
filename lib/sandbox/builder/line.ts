import { Socket } from 'node:net'
import { encodeFrame, SOCKET_DESCRIPTOR, type Frame } from '../protocol.ts'
import { EngineFailure, JobFailure } from './failure.ts'
import { FrameReader, FromBuilder } from './protocol.ts'

/** To the host: this process lives as long as the host holds the other end. */
const socket = new Socket({ fd: SOCKET_DESCRIPTOR })

export function listen (take: (frame: Frame) => Promise<void>): void {
  const reader = new FrameReader()
  socket.on('data', chunk => reader.read(chunk, frame => { void take(frame) }))
  socket.on('end', () => process.exit(0))
  socket.on('error', () => process.exit(1))
}

export function send (type: number, id: number, payload: string | Buffer = ''): void {
  socket.write(encodeFrame(type, id, payload))
}

/** Does the work of a task, and tells the host where it failed. */
export async function answer (id: number, work: () => void | Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof EngineFailure) process.exit(1)
    const failure = error instanceof JobFailure ? error.failure : { fault: 'system', message: (error as Error).message }
    send(FromBuilder.FAILED, id, JSON.stringify(failure))
  }
}
