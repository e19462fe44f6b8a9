import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { LightMyRequestResponse } from 'fastify'
import { packTar } from 'modern-tar'
import type { Test } from 'tap'
import { seal, type SealHeader } from '../../lib/tokens/seal.ts'
import { adminCredentials, type Credentials, tenant } from '../owners/owners.ts'
import { type Desk, openDesk } from './desk.ts'

/** What goes with an upload, where it is not the tenant's own, of TypeScript, as module `hello`. */
export interface Sending {
  readonly owner?: string
  readonly module?: string
  readonly by?: Credentials | undefined
  readonly type?: string
  /** With its `?`. */
  readonly query?: string
}

export interface UploadDesk extends Desk {
  /** The tenant's own. */
  readonly manageKey: Credentials
  readonly callKey: Credentials
  readonly send: (body: string | Uint8Array, sending?: Sending) => Promise<LightMyRequestResponse>
  /** An action of module-api, of the tenant's by default. */
  readonly ask: (method: 'GET' | 'POST' | 'DELETE', action: string, payload?: unknown, by?: Credentials, owner?: string) => Promise<LightMyRequestResponse>
  /** Each version of the tenant's module `hello` in the store, the newest first. */
  readonly versions: () => Promise<Array<{ version: string, active: boolean }>>
  /** What lies on the disk of uploads, without what lies within versions. */
  readonly onDisk: () => string[]
}

/** An app with a tenant that was registered, and has its keys. */
export async function openUploads (t: Test, options: Parameters<typeof openDesk>[1] = {}): Promise<UploadDesk> {
  const desk = await openDesk(t, options)
  const { keys } = (await desk.manage('POST', 'register', { userid: 'uploader', uuid: tenant })).json<{ keys: Array<Credentials & { kind: string }> }>()
  const keyOf = (wanted: string): Credentials => keys.find(({ kind }) => kind === wanted)!
  const ask: UploadDesk['ask'] = (method, action, payload, by = keyOf('manage'), owner = tenant) => desk.call(by, method, `/${owner}/module-api/${action}`, payload)
  return {
    ...desk,
    manageKey: keyOf('manage'),
    callKey: keyOf('call'),
    ask,
    send: async (body, sending = {}) => {
      const { owner = tenant, module = 'hello', type = 'text/typescript', query = '' } = sending
      const by = 'by' in sending ? sending.by : keyOf('manage')
      const path = `/${owner}/module-api/upload/${module}${query}`
      const headers = { 'content-type': type, ...by && { authorization: `Bearer ${await desk.token(by, 'POST', path, body)}` } }
      return await desk.app.inject({ method: 'POST', url: desk.url(path), headers, payload: Buffer.from(body) })
    },
    versions: async () => (await ask('GET', 'versions/hello')).json<{ modules: Array<{ versions: Array<{ version: string, active: boolean }> }> }>().modules[0]?.versions ?? [],
    onDisk: () => {
      const root = join(desk.dataDirectory, 'uploads')
      const list = (directory: string, depth: number): string[] => readdirSync(directory, { withFileTypes: true })
        .flatMap(entry => depth > 0 && entry.isDirectory() ? list(join(directory, entry.name), depth - 1) : join(directory, entry.name).slice(root.length + 1))
      try {
        return list(root, 2).sort()
      } catch {
        return []
      }
    }
  }
}

/** A .tgz of these files. */
export async function archive (files: Readonly<Record<string, string>>): Promise<Buffer> {
  const entries = Object.entries(files).map(([name, text]) => ({ header: { name, size: Buffer.byteLength(text) }, body: text }))
  return gzipSync(await packTar(entries))
}

/** Sealed, for module `hello` of the tenant, by its admin's key unless told. */
export async function sealed (content: string | Uint8Array, { by = adminCredentials, ...header }: Partial<SealHeader> & { by?: Credentials } = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return await seal(content, { kid: by.kid, typ: 'module+jose', jti: randomUUID(), cty: 'text/typescript', iat: now, exp: now + 30, owner: tenant, module: 'hello', ...header }, by.secret)
}
