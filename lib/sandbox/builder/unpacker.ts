import type { Frame } from '../protocol.ts'
import { readArchive, type Tar } from './archive.ts'
import { answer, listen, send } from './line.ts'
import { BUILDER_VERSION, FromBuilder, pack, ToBuilder, unpack, type Unpacked, type UnpackJob, type UnpackerTools } from './protocol.ts'

/** The process that unpacks archives, and nothing else: no module of anyone's runs in it. */
let tar: Tar

const JSON_BYTES_MAX = 1024

async function take ({ type, id, payload }: Frame): Promise<void> {
  if (type === ToBuilder.HELLO) await start(id, JSON.parse(payload.toString()) as UnpackerTools)
  else if (type === ToBuilder.UNPACK) await answer(id, () => unpackArchive(id, payload))
}

async function start (version: number, { modernTar }: UnpackerTools): Promise<void> {
  if (version !== BUILDER_VERSION) throw new Error(`expected version ${BUILDER_VERSION}; found ${version}`)
  tar = await import(modernTar) as Tar
  send(FromBuilder.READY, BUILDER_VERSION)
}

async function unpackArchive (id: number, payload: Buffer): Promise<void> {
  const { head, body } = unpack(payload, JSON_BYTES_MAX)
  const files = await readArchive(body, tar, head as UnpackJob)
  const unpacked: Unpacked = { files: files.map(({ path, contents }) => [path, contents.length]) }
  send(FromBuilder.UNPACKED, id, pack(unpacked, files.map(({ contents }) => contents)))
}

listen(take)
