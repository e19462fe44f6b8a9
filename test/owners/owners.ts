import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { produce } from '../../lib/tokens/produce.ts'
import { build, type BuildOptions, type Built } from '../helper.ts'

export const admin = '70dd81e5-961a-470e-9e88-63d828674757'
export const otherAdmin = 'a1b2c3d4-0000-4000-8000-000000000001'
export const tenant = '0d9e4a76-52f1-4f0e-9a3c-6b1d2e8f7a10'

const origin = 'https://api.example.com'

export function newKey (): string {
  return randomBytes(32).toString('base64url')
}

/** Keys of all admins, and what encrypts secrets: the same for all apps of a test file, so that they may share a store. */
export const secrets = { admin: newKey(), otherAdmin: newKey(), secretsKey: newKey() }

/** Whose token goes with a call: `kid` and key. */
export interface Credentials { readonly kid: string, readonly secret: string }

export const adminCredentials: Credentials = { kid: `${admin}.first`, secret: secrets.admin }
export const otherAdminCredentials: Credentials = { kid: `${otherAdmin}.first`, secret: secrets.otherAdmin }

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD'

export interface BuiltOwners extends Built {
  /** Of the directories that `tenants` became: TENANTS_DIR. */
  tenantsDirectory: string
  dataDirectory: string
  /** A call below the prefix, with a token of these credentials; without any, with none. */
  call (by: Credentials | undefined, method: Method, path: string, payload?: unknown): Promise<LightMyRequestResponse>
  /** An action of tenant-api. */
  manage (method: Method, action: string, payload?: unknown, by?: Credentials): Promise<LightMyRequestResponse>
  token (by: Credentials, method: Method, path: string, payload?: string | Uint8Array, manages?: boolean): Promise<string>
}

interface OwnerOptions extends Omit<BuildOptions, 'plugins'> {
  /** Modules of tenants, by UUID: what TENANTS_DIR holds. */
  tenantFiles?: Record<string, NonNullable<BuildOptions['files']>>
  plugins?: string[]
}

/** An app with two admins whose tenants are in a store of the test's own. */
export async function buildOwners (t: Test, { tenantFiles = {}, files = {}, ...options }: OwnerOptions = {}): Promise<BuiltOwners> {
  const directory = t.testdir({ plugins: files, tenants: tenantFiles })
  const tenantsDirectory = join(directory, 'tenants')
  const dataDirectory = join(directory, 'data')
  const built = await build(t, {
    plugins: [join(directory, 'plugins')],
    MULTI_TENANT: true,
    ADMIN_ID: [admin, otherAdmin],
    ADMIN_SECRET: [secrets.admin, secrets.otherAdmin],
    SECRETS_KEY: secrets.secretsKey,
    PUBLIC_URL: origin,
    TENANTS_DIR: tenantsDirectory,
    DATA_DIR: dataDirectory,
    ...options
  })
  const token: BuiltOwners['token'] = (by, method, path, payload = '', manages = true) =>
    produce({ kid: by.kid, key: by.secret, method, url: `${origin}${built.url(path)}`, body: payload, manage: manages })
  const call: BuiltOwners['call'] = async (by, method, path, payload) => {
    const text = payload === undefined ? undefined : JSON.stringify(payload)
    const request: InjectOptions = {
      method,
      url: built.url(path),
      headers: {
        ...by && { authorization: `Bearer ${await token(by, method, path, text)}` },
        ...text !== undefined && { 'content-type': 'application/json' }
      },
      ...text !== undefined && { payload: text }
    }
    return await built.app.inject(request)
  }
  const manage: BuiltOwners['manage'] = (method, action, payload, by = adminCredentials) =>
    call(by, method, `/${by.kid.slice(0, 36)}/tenant-api/${action}`, payload)
  return { ...built, directory: join(directory, 'plugins'), tenantsDirectory, dataDirectory, call, token, manage }
}
