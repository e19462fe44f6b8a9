import { createHash } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Endpoint } from '../../describe/description.ts'
import { platformError } from '../../errors.ts'
import { Positions } from '../../source/positions.ts'
import { ModuleError } from '../../source/problem.ts'
import { SCRIPT_NAME } from './built-module.ts'
import { FromBuilder, unpack } from '../builder/protocol.ts'
import { DESCRIPTION_BYTES_MAX, plain, readDescription, type GuestDescription, type Thrown } from './description.ts'
import type { Frame } from '../protocol.ts'
import type { Shelf } from './staging.ts'

/** What is said of a module, and where. */
export interface Place {
  /** The entry's absolute path. */
  readonly entry: string
  readonly shelf: Shelf
}

export interface Answer {
  readonly code: Buffer
  readonly map: Buffer
  readonly description: GuestDescription & { readonly version: string }
}

const builtSchema = Type.Object({ description: Type.String(), codeBytes: Type.Integer({ minimum: 0 }), mapBytes: Type.Integer({ minimum: 0 }) })

export const failureSchema = Type.Object({
  fault: Type.Union([Type.Literal('module'), Type.Literal('system')]),
  message: Type.String(),
  file: Type.Optional(Type.String()),
  line: Type.Optional(Type.Integer({ minimum: 1 }))
})

/**
 * Reads what a builder made of a module. It ran that module, so none of it is believed.
 *
 * @throws {ModuleError}
 */
export function readAnswer ({ type, payload }: Frame, place: Place): Answer {
  if (type === FromBuilder.FAILED) throw failed(payload, place)
  try {
    // As JSON within JSON, the description is up to twice as long.
    const { head, body } = unpack(payload, 2 * DESCRIPTION_BYTES_MAX + 1024)
    if (!Value.Check(builtSchema, head) || head.codeBytes + head.mapBytes !== body.length) throw new Error('its parts do not fit together')
    const [code, map] = [body.subarray(0, head.codeBytes), body.subarray(head.codeBytes)]
    const description = readDescription(head.description, place.entry)
    if ('thrown' in description) throw thrown(description.thrown, map, place)
    if ('refused' in description) throw new ModuleError('FMS_ERR_NAME', place.entry, description.refused, { inputs: place.shelf.inputs })
    const version = createHash('sha256').update(code).update(map).digest('hex').slice(0, 12)
    return { code, map, description: { ...description, version } }
  } catch (error) {
    if (error instanceof ModuleError) throw error
    throw new ModuleError('FMS_ERR_MODULE', place.entry, (error as Error).message, { inputs: place.shelf.inputs })
  }
}

/**
 * The script of the checks; where they could not be made, one that tells the calls so.
 *
 * @throws `FMS_ERR_UNAVAILABLE` where the next try may go better
 */
export function readChecks (answer: Frame | ModuleError, endpoints: readonly Endpoint[], place: Place): string {
  if ('payload' in answer && answer.type === FromBuilder.CHECKED) return answer.payload.toString()
  const { problem, inputs } = 'payload' in answer ? failed(answer.payload, place) : answer
  if (inputs.length === 0) throw platformError('FMS_ERR_UNAVAILABLE', `its checks cannot be made: ${problem.message}`)
  const reason = JSON.stringify(`the schemas of the module cannot be used: ${problem.message}`)
  const entries = endpoints.map(({ function: name }) => `${JSON.stringify(name)}: { failed: ${reason} }`)
  return `(require => require('checks').makeChecks({ __proto__: null, ${entries.join(', ')} }))`
}

function failed (payload: Buffer, place: Place): ModuleError {
  const failure = parse(payload.toString())
  if (!Value.Check(failureSchema, failure)) return new ModuleError('FMS_ERR_MODULE', place.entry, 'its builder gave no reason', { inputs: place.shelf.inputs })
  const { fault, message, file = place.shelf.entry, line } = failure
  return new ModuleError('FMS_ERR_MODULE', fileOf(file, place), plain(message),
    { ...(line !== undefined && { line }), inputs: fault === 'module' ? place.shelf.inputs : [] })
}

function thrown ({ message, stack = '' }: Thrown, map: Buffer, place: Place): ModuleError {
  const { stack: mapped, origins } = new Positions(SCRIPT_NAME, map.toString()).map(stack)
  const [origin] = origins
  return new ModuleError('FMS_ERR_MODULE', fileOf(origin?.file ?? place.shelf.entry, place), `it threw while loading: ${message}`, {
    cause: Object.assign(new Error(message), { stack: plain(mapped) }), inputs: place.shelf.inputs, ...(origin !== undefined && { line: origin.line })
  })
}

function parse (json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** Only what is known to be a file of the module. */
function fileOf (file: string, { entry, shelf }: Place): string {
  return shelf.has(file) && file !== shelf.entry ? shelf.locate(file) : entry
}
