/** An unpacker that an archive has taken over: it answers as the archive says. */
import { Socket } from 'node:net'
import { BUILDER_VERSION, FrameReader, FromBuilder, pack, ToBuilder, unpack } from '../../lib/sandbox/builder/protocol.ts'
import { encodeFrame, SOCKET_DESCRIPTOR } from '../../lib/sandbox/protocol.ts'

const socket = new Socket({ fd: SOCKET_DESCRIPTOR })

function send (type: number, id: number, payload: string | Buffer = ''): void {
  socket.write(encodeFrame(type, id, payload))
}

const answers: Record<string, (id: number) => void> = {
  good: id => send(FromBuilder.UNPACKED, id, pack({ files: [['index.ts', 1]] }, [Buffer.from('x')])),
  evil: id => send(FromBuilder.UNPACKED, id, pack({ files: [['index.ts', 1], ['../../evil.ts', 1]] }, [Buffer.from('xx')])),
  'too few bytes': id => send(FromBuilder.UNPACKED, id, pack({ files: [['index.ts', 2]] }, [Buffer.from('x')])),
  'too many bytes': id => send(FromBuilder.UNPACKED, id, pack({ files: [['index.ts', 1]] }, [Buffer.from('xx')])),
  'a negative length': id => send(FromBuilder.UNPACKED, id, pack({ files: [['index.ts', 2], ['a', -1]] }, [Buffer.from('x')])),
  'a huge length': id => send(FromBuilder.UNPACKED, id, pack({ files: [['index.ts', 1e300]] }, [Buffer.from('x')])),
  'no list': id => send(FromBuilder.UNPACKED, id, pack({ files: { length: 1 } }, [])),
  'no JSON': id => send(FromBuilder.UNPACKED, id, Buffer.from([1, 0, 0, 0, 123])),
  'a length of JSON beyond the payload': id => send(FromBuilder.UNPACKED, id, Buffer.from([255, 255, 255, 255])),
  nothing: id => send(FromBuilder.UNPACKED, id),
  'no reason': id => send(FromBuilder.FAILED, id, '{}'),
  'a reason that is no JSON': id => send(FromBuilder.FAILED, id, 'x'),
  'a reason for terminals': id => send(FromBuilder.FAILED, id, JSON.stringify({ fault: 'module', message: '\u001b[2Jx', file: '\u001b[2Jy' })),
  'its own fault': id => send(FromBuilder.FAILED, id, JSON.stringify({ fault: 'system', message: 'no memory' })),
  'another task': id => send(FromBuilder.UNPACKED, id + 7, '{}'),
  'a module': id => send(FromBuilder.BUILT, id, '{}'),
  'a question': id => send(FromBuilder.ASK, id, JSON.stringify({ number: 1, what: 'read', path: '/etc/passwd' })),
  'a beginning': id => send(FromBuilder.BEGUN, id),
  'an unknown frame': id => send(99, id),
  'a frame that is too large': id => { socket.write(Buffer.from([255, 255, 255, 255, FromBuilder.UNPACKED, id, 0, 0, 0])) },
  garbage: () => { socket.write(Buffer.alloc(100_000, 0xa5)) },
  'its end': () => process.exit(3),
  'an endless loop': () => { for (;;); },
  'all memory': () => {
    const held: Buffer[] = []
    for (;;) held.push(Buffer.alloc(64 * 1024 * 1024, 1))
  }
}

const reader = new FrameReader()
socket.on('data', chunk => reader.read(chunk, ({ type, id, payload }) => {
  if (type === ToBuilder.HELLO) send(FromBuilder.READY, BUILDER_VERSION)
  else answers[unpack(payload, 1024).body.toString()]?.(id)
}))
socket.on('end', () => process.exit(0))
