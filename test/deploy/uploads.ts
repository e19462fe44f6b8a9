import { randomUUID } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { produce } from '../../lib/tokens/produce.ts'
import { seal } from '../../lib/tokens/seal.ts'
import { admin, adminCredentials, buildOwners, type BuiltOwners, type Credentials, tenant } from '../owners/owners.ts'

export interface Upload {
  owner?: string
  module?: string
  by?: Credentials
  /** Content type; `application/gzip` for an archive in a seal. */
  type?: string
  /** Whether it goes sealed; with a header that differs so. */
  sealed?: boolean | Record<string, unknown>
  query?: string
}

export interface BuiltUploads extends BuiltOwners {
  /** Uploads source or an archive as the tenant's module `hostile`, with its admin's token, unless told. */
  upload (body: string | Buffer, options?: Upload): Promise<LightMyRequestResponse>
}

/** An app with a tenant that has uploaded nothing. */
export async function buildUploads (t: Test, options: Parameters<typeof buildOwners>[1] = {}): Promise<BuiltUploads> {
  const built = await buildOwners(t, options)
  const { statusCode, body } = await built.manage('POST', 'register', { userid: 'uploader', uuid: tenant })
  if (statusCode !== 200) throw new Error(body)
  const upload: BuiltUploads['upload'] = async (body, { owner = tenant, module = 'hostile', by = adminCredentials, type = 'text/typescript', sealed = owner === admin, query = '' } = {}) => {
    const path = built.url(`/${owner}/module-api/upload/${module}${query}`)
    const payload = sealed === false ? Buffer.from(body as string) : Buffer.from(await sealedBy(by, body, { owner, module, cty: type, ...sealed === true ? {} : sealed }))
    const token = await produce({ kid: by.kid, key: by.secret, method: 'POST', url: new URL(path, 'https://api.example.com'), body: payload, manage: true })
    const headers = { authorization: `Bearer ${token}`, 'content-type': sealed === false ? type : 'application/jose' }
    return await built.app.inject({ method: 'POST', url: path, headers, payload })
  }
  return { ...built, upload }
}

async function sealedBy ({ kid, secret }: Credentials, body: string | Buffer, header: Record<string, unknown>): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return await seal(body, { kid, typ: 'module+jose', jti: randomUUID(), iat: now, exp: now + 30, ...header }, secret)
}
