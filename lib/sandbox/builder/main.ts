import type { Frame } from '../protocol.ts'
import { bundle, type Esbuild } from './bundle.ts'
import { answer, listen, send } from './line.ts'
import { Isolates, type Ivm } from './isolates.ts'
import { allowedPackages } from './packages.ts'
import { BUILDER_VERSION, FromBuilder, pack, ToBuilder, unpack, type Built, type CheckJob, type Job, type Tools } from './protocol.ts'
import { Questions } from './questions.ts'
import type { Allowed } from './resolver.ts'

/** The process that makes tenants' sources into scripts. */
let esbuild: Esbuild
let isolates: Isolates
let packages: Allowed
const asked = new Map<number, Questions>()

const JSON_BYTES_MAX = 4 * 1024 * 1024

async function take ({ type, id, payload }: Frame): Promise<void> {
  if (type === ToBuilder.HELLO) await start(id, JSON.parse(payload.toString()) as Tools)
  else if (type === ToBuilder.BUILD) await answer(id, () => build(id, payload))
  else if (type === ToBuilder.REPLY) asked.get(id)?.answer(payload)
  else if (type === ToBuilder.CHECK) await answer(id, () => check(id, JSON.parse(payload.toString()) as CheckJob))
}

async function start (version: number, tools: Tools): Promise<void> {
  if (version !== BUILDER_VERSION) throw new Error(`expected version ${BUILDER_VERSION}; found ${version}`)
  esbuild = await load<Esbuild>(tools.esbuild)
  isolates = new Isolates(await load<Ivm>(tools.isolatedVm), tools)
  packages = allowedPackages(tools)
  send(FromBuilder.READY, BUILDER_VERSION)
}

/** A CommonJS package. */
async function load<T> (url: string): Promise<T> {
  const { default: exports } = await import(url) as { default: T }
  return exports
}

async function build (id: number, payload: Buffer): Promise<void> {
  const { head, body } = unpack(payload, JSON_BYTES_MAX)
  const job = head as Job
  const questions = new Questions(job.entry, body, ask => send(FromBuilder.ASK, id, ask))
  asked.set(id, questions)
  try {
    const { code, map } = await bundle(esbuild, job, questions, packages)
    const description = isolates.describe(code.toString(), job.memoryMb, () => send(FromBuilder.BEGUN, id))
    const built: Built = { description, codeBytes: code.length, mapBytes: map.length }
    send(FromBuilder.BUILT, id, pack(built, [code, map]))
  } finally {
    asked.delete(id)
  }
}

function check (id: number, { schemas, memoryMb }: CheckJob): void {
  send(FromBuilder.BEGUN, id)
  send(FromBuilder.CHECKED, id, isolates.writeChecks(JSON.stringify(schemas), memoryMb))
}

listen(take)
