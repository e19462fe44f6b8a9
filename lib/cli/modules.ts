import { canonicalUuid } from '../names.ts'
import type { Client } from './client.ts'
import { type Call, CommandError, EXIT, textOf } from './command.ts'
import { Refusal } from './failures.ts'

/** An uploaded module, as the server lists it. */
export interface Listed {
  readonly module: string
  readonly active: string | null
  readonly versions: ReadonlyArray<{ version: string, createdAt: string, by: string, files: number, bytes: number, active: boolean }>
}

/** How callers are affected by another version. */
export interface Change {
  readonly api: string
  readonly method?: string
  readonly breaking: boolean
  readonly text: string
}

/** As much of a version as tells it apart. */
export const SHORT = 12

/**
 * Where the modules of an owner are managed, and which there are: all, or one.
 *
 * @throws {CommandError}
 */
export async function openModules ({ values }: Call, client: Client, module?: string): Promise<Opened> {
  return await openAt(client, pathsOf(textOf(values, 'owner'), client.key.owner), module)
}

export interface Opened {
  /** Below the client's base. */
  readonly path: string
  readonly modules: Listed[]
}

async function openAt (client: Client, [path = '', ...others]: readonly string[], module: string | undefined): Promise<Opened> {
  try {
    const { body } = await client.ask('GET', `${path}/versions${module === undefined ? '' : `/${encodeURIComponent(module)}`}`)
    return { path, modules: listedOf(body) }
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 404) throw error
    if (!error.isNowhere) return { path, modules: [] }
    if (others.length === 0) throw error
    return await openAt(client, others, module)
  }
}

/** URLs carry the owner where there are tenants; what says whether there are is the server's. */
function pathsOf (asked: string | undefined, owner: string): string[] {
  if (asked === undefined) return owner === 'local' ? ['/module-api'] : [`/${owner}/module-api`, '/module-api']
  const uuid = canonicalUuid(asked)
  if (uuid === undefined) throw new CommandError(`--owner: expected a UUID; found ${JSON.stringify(asked)}`, EXIT.usage)
  return [`/${uuid}/module-api`]
}

function listedOf (body: unknown): Listed[] {
  const { modules } = (body ?? {}) as { modules?: Listed[] }
  if (!Array.isArray(modules)) throw new CommandError('Expected a list of modules from the server; found something else. Does --url lead to fastify-microservices?')
  return modules
}

/** Changes as lines, those first that break callers. */
export function changeLines (changes: readonly Change[] = []): string[] {
  return changes.toSorted((one, other) => Number(other.breaking) - Number(one.breaking))
    .map(({ api, method, breaking, text }) => `  ${breaking ? 'BREAKING ' : ''}${method === undefined ? '' : `${method} `}${api}: ${text}`)
}
