import type { Test } from 'tap'
import { temporaryDirectory } from '../helper.ts'
import { adminCredentials, buildOwners } from '../owners/owners.ts'
import { type Place, WITHIN_MS } from './program.ts'

export interface Served {
  /** With the prefix. */
  readonly url: string
  /** Where to call the program as an admin. */
  readonly place: Required<Pick<Place, 'directory' | 'environment'>>
}

/** A real server, and where to call the program for it as its first admin. */
export async function serve (t: Test, options: Parameters<typeof buildOwners>[1] = {}): Promise<Served> {
  // Tokens name the URL that was asked.
  const { app } = await buildOwners(t, { PUBLIC_URL: undefined, fastify: { pluginTimeout: WITHIN_MS }, ...options } as never)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `${address}/rest/services`
  const { kid, secret } = adminCredentials
  return { url, place: { directory: temporaryDirectory(t), environment: { MICROSERVICES_KEY: `${kid} ${secret}`, MICROSERVICES_URL: url } } }
}
