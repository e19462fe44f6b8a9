import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { ParseArgsOptionsConfig } from 'node:util'
import { produce } from '../../tokens/produce.ts'
import { usageError } from '../arguments.ts'
import { type Call, CommandError, EXIT, textOf } from '../command.ts'
import { readKey } from '../keys.ts'

export const options = {
  'key-file': { type: 'string' }, manage: { type: 'boolean' }, 'body-file': { type: 'string' }, ttl: { type: 'string' }
} as const satisfies ParseArgsOptionsConfig

export const usage = `fastify-microservices token <method> <url> [--manage [--body-file <file>]]

Prints a token for one request, which lives for half a minute and is accepted once:

  curl -H "authorization: Bearer $(fastify-microservices token GET "$url")" "$url"

  --manage            for management, as tenant-api and module-api: for this query and this body only
  --body-file <file>  the body, exactly as it will be sent; - is what comes in by a pipe
  --ttl <seconds>     how long it lives, 30 otherwise; the server takes TOKEN_TTL_SECS at most
  --key-file <file>   holds "<kid> <secret>", or the JSON in which a key was told; else MICROSERVICES_KEY in the
                      environment, else ADMIN_ID and ADMIN_SECRET of .env
  --json              the answer as JSON`

/** Makes a token; asks no server. */
export async function run (call: Call): Promise<number> {
  const { positionals: [method, url, ...others], values, output } = call
  if (method === undefined || url === undefined || others.length > 0) throw usageError('token', 'expected a method and a URL')
  const manage = values['manage'] === true
  const file = textOf(values, 'body-file')
  if (file !== undefined && !manage) throw usageError('token', '--body-file: expected --manage beside it, since other tokens are for any body')
  const { kid, secret } = await readKey(call)
  const ttl = textOf(values, 'ttl')
  const body = file === undefined ? '' : await bodyOf(call, file)
  const token = await produce({ kid, key: secret, method: method.toUpperCase(), url, manage, body, ...ttl !== undefined && { ttlSecs: Number(ttl) } })
    .catch((error: unknown) => { throw usageError('token', (error as Error).message) })
  output.result({ token, kid }, [token])
  return EXIT.done
}

async function bodyOf ({ directory, signal }: Call, file: string): Promise<Uint8Array> {
  if (file === '-') return await buffer(addAbortSignal(signal, process.stdin))
  const path = resolve(directory, file)
  return await readFile(path, { signal }).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`${path}: expected a file that can be read; found ${error.code}`, EXIT.usage)
  })
}
