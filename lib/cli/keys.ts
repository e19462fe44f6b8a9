import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { kidPattern } from '../tokens/profile.ts'
import { type Call, CommandError, EXIT, textOf } from './command.ts'
import { isOpenToOthers } from './environment.ts'

/** What makes tokens. */
export interface Key {
  readonly kid: string
  /** UUID, or `local`. */
  readonly owner: string
  readonly secret: string
}

const SECRET = /^[-\w]{42}[AEIMQUYcgkosw048]$/

/**
 * The key to work with: of `--key-file`, else of MICROSERVICES_KEY, else the first admin's of ADMIN_SECRET.
 *
 * @throws {CommandError} where there is none, or it is none; it is never quoted
 */
export async function readKey ({ values, environment, directory, output }: Call): Promise<Key> {
  const file = textOf(values, 'key-file')
  if (file !== undefined) return await readKeyFile(resolve(directory, file))
  const { MICROSERVICES_KEY: text = '', ADMIN_ID: ids = '', ADMIN_SECRET: secrets = '' } = environment
  if (text !== '') return keyOf(text.trim().split(/\s+/), 'MICROSERVICES_KEY')
  const [secret] = listed(secrets)
  if (secret === undefined) {
    throw new CommandError(`Expected a key; found none. Give it in MICROSERVICES_KEY="<kid> <secret>" of the environment, or in a file by --key-file,
or call this where .env has ADMIN_SECRET (fastify-microservices init writes one).`, EXIT.usage)
  }
  if (await isOpenToOthers(resolve(directory, '.env')).catch(() => false)) output.note('.env holds keys, and others can read it: chmod 600 .env')
  return keyOf([`${listed(ids)[0]?.toLowerCase() ?? 'local'}.first`, secret], 'ADMIN_ID and ADMIN_SECRET')
}

async function readKeyFile (path: string): Promise<Key> {
  try {
    if (await isOpenToOthers(path)) {
      throw new CommandError(`${path}: expected a file that only its owner can read, since it holds a key; found one that others can: chmod 600 ${path}`, EXIT.usage)
    }
    return keyOf(partsOf(await readFile(path, 'utf8')), path)
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(`${path}: expected a file with a key that can be read; found ${(error as NodeJS.ErrnoException).code}`, EXIT.usage)
  }
}

interface Told { readonly kid?: unknown, readonly secret?: unknown, readonly kind?: unknown }

/** As text, or as JSON: of one key, or of a registration, which tells two. */
function partsOf (text: string): unknown[] {
  if (!text.trimStart().startsWith('{')) return text.trim().split(/\s+/)
  try {
    const { kid, secret, keys = [] } = JSON.parse(text) as Told & { keys?: Told[] }
    const one = keys.find(({ kind }) => kind === 'manage') ?? { kid, secret }
    return [one.kid, one.secret]
  } catch {
    return []
  }
}

function keyOf (parts: readonly unknown[], source: string): Key {
  const [kid, secret] = parts
  const isKey = parts.length === 2 && typeof kid === 'string' && kidPattern.test(kid) && typeof secret === 'string' && SECRET.test(secret)
  if (!isKey) {
    throw new CommandError(`${source}: expected "<kid> <secret>" as the key was told: <uuid>.<id>, and 43 characters of base64url; found something else`, EXIT.usage)
  }
  return { kid, owner: kid.slice(0, kid.indexOf('.')), secret }
}

function listed (text: string): string[] {
  return text.split(/[\s,]+/).filter(entry => entry !== '')
}
