import { Type, type Static } from '@sinclair/typebox'
import { show } from './show.ts'
import { type Limits, limitsSchema, limitsWithin } from './limits.ts'
import { canonicalUuid } from './names.ts'

const isolation = Type.Union([Type.Literal('shared'), Type.Literal('dedicated'), Type.Literal('hardened')])

/** Limits under a name. */
export const planSchema = Type.Partial(limitsSchema, { additionalProperties: false })

/** What the operator says of one tenant. */
export const tenantSchema = Type.Object({
  /** UUID of its admin. Default: the first. */
  admin: Type.Optional(Type.String()),
  /** Within the installation's. */
  limits: Type.Optional(planSchema),
  /** `shared`: in a cell with other tenants of the same admin. `dedicated`: in one of its own. `hardened`: that, without a JIT compiler. */
  isolation: Type.Optional(isolation),
  /** Whether its modules have WebAssembly, SharedArrayBuffer and Atomics. */
  webAssembly: Type.Optional(Type.Boolean({ default: false })),
  /** `context.env`, all of it. */
  env: Type.Optional(Type.Record(Type.String(), Type.String()))
}, { additionalProperties: false })

const names = Type.Unsafe<readonly string[]>(Type.Array(Type.String()))

/** How tenants' code runs. */
export const sandboxSchema = Type.Object({
  /** The installation's limits: what tenants have who have none of their own, and the most that these may be. */
  limits: Type.Optional(planSchema),
  /** Of tenants for whom nothing else is said. */
  isolation: Type.Optional(isolation),
  /** Megabytes that all cells of this process may take together. Idle isolates beyond it are dropped. */
  memoryMb: Type.Optional(Type.Integer({ minimum: 128, maximum: 1_048_576, default: 1_024 })),
  /** Packages of the app's that tenants may import; they are bundled into their modules. */
  imports: Type.Optional(names),
  /** Request headers that tenants get although they may carry the credentials of the app's users. */
  requestHeaders: Type.Optional(names),
  /** Answers' headers that tenants may set although they act on the whole origin; the two that are added are not, if named here. */
  responseHeaders: Type.Optional(names),
  /** Start in production although the system lacks a layer. */
  weakened: Type.Optional(Type.Boolean({ default: false }))
}, { additionalProperties: false })

/** A tenant as the rooms see it, before it has an admin. */
export interface TenantSettings {
  readonly limits: Limits
  readonly isolation: Static<typeof isolation>
  readonly webAssembly: boolean
  readonly environment: Readonly<Record<string, string>>
}

export interface SandboxSettings {
  readonly memoryMb: number
  readonly imports: readonly string[]
  /** In lower case. */
  readonly requestHeaders: ReadonlySet<string>
  readonly responseHeaders: ReadonlySet<string>
  readonly weakened: boolean
  /** Those that `tenants` names, by UUID. */
  readonly tenants: ReadonlyMap<string, TenantSettings>
  /** Admins of those that name one. */
  readonly admins: ReadonlyMap<string, string>
  /** Everyone else. */
  readonly others: TenantSettings
}

type TenantOptions = Readonly<Record<string, Static<typeof tenantSchema>>>

/** Puts options `sandbox` and `tenants`, whose shapes are checked, in the form that the rooms use; says what is wrong with them. */
export function readSandbox (
  options: Static<typeof sandboxSchema>, given: TenantOptions, maxFunctionSecs: number, admins: readonly string[], problems: string[]
): SandboxSettings {
  const defaults = Object.fromEntries(Object.entries(limitsSchema.properties).map(([name, schema]) => [name, schema.default])) as Limits
  const installation = Object.freeze({ ...defaults, timeoutSecs: maxFunctionSecs, ...options.limits })
  const others = { limits: installation, isolation: options.isolation ?? 'shared', webAssembly: false, environment: Object.freeze({}) }
  const tenants = new Map<string, TenantSettings>()
  const owners = new Map<string, string>()
  for (const [text, { admin, limits, isolation, webAssembly, env }] of Object.entries(given)) {
    const uuid = canonicalUuid(text)
    if (uuid === undefined) problems.push(`tenants: expected UUIDs as names; found ${show(text)}`)
    else if (admins.includes(uuid)) problems.push(`tenants: expected UUIDs of tenants; found ${show(text)}, which is an admin's`)
    else if (tenants.has(uuid)) problems.push(`tenants: expected each UUID once; found ${show(text)} twice`)
    else {
      if (admin !== undefined) owners.set(uuid, readAdmin(text, admin, admins, problems))
      tenants.set(uuid, {
        limits: limitsWithin(installation, limits ?? {}),
        isolation: isolation ?? others.isolation,
        webAssembly: webAssembly ?? false,
        environment: Object.freeze({ ...env })
      })
    }
  }
  return {
    memoryMb: options.memoryMb ?? 1_024,
    imports: options.imports ?? [],
    requestHeaders: lowerCase(options.requestHeaders),
    responseHeaders: lowerCase(options.responseHeaders),
    weakened: options.weakened ?? false,
    tenants,
    admins: owners,
    others
  }
}

function readAdmin (tenant: string, text: string, admins: readonly string[], problems: string[]): string {
  const uuid = canonicalUuid(text)
  if (uuid === undefined || !admins.includes(uuid)) problems.push(`tenants.${tenant}.admin: expected a UUID of ADMIN_ID; found ${show(text)}`)
  return uuid ?? text
}

function lowerCase (names: readonly string[] = []): ReadonlySet<string> {
  return new Set(names.map(name => name.toLowerCase()))
}
