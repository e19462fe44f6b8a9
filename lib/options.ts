import { delimiter } from 'node:path'
import fastifyEnv from '@fastify/env'
import type { FastifyInstance } from 'fastify'
import type { Authorize, MicroservicesOptions } from '../types/options.ts'
import { type Directory, resolveDirectories } from './directories.ts'
import { platformError } from './errors.ts'
import { check, convert, entries } from './expected.ts'
import { type Installation, readInstallation } from './installation.ts'
import { canonicalUuid, isArgumentName } from './names.ts'
import { show } from './show.ts'
import { environmentSettings, optionsSchema } from './settings.ts'
import { readSandbox, type SandboxSettings } from './tenants.ts'

/** Options, environment and defaults, checked and put in the form that the rooms use. */
export interface Settings {
  readonly prefix: string
  readonly directories: readonly Directory[]
  /** Owners in order; the first owns what names no owner. `['local']` where there is no ADMIN_ID. */
  readonly admins: readonly string[]
  /** Whether ADMIN_ID was set: only then does a module's `__ID__` mean anything. */
  readonly identified: boolean
  readonly multiTenant: boolean
  /** Absolute path of TENANTS_DIR. */
  readonly tenantsDirectory: string | undefined
  /** Absolute path of DATA_DIR, which may not exist yet. */
  readonly dataDirectory: string
  readonly sandbox: SandboxSettings
  readonly installation: Installation
  /** Tenants that exist whatever the store says, with their admins. */
  readonly configured: ReadonlyMap<string, string>
  /** NODE_ENV says so. */
  readonly production: boolean
  /** Names of slugs, by position: NUM_URL_PARMS of them. */
  readonly parameterNames: readonly string[]
  readonly maxFunctionSecs: number
  readonly watch: 'events' | 'poll' | false
  readonly envelope: boolean
  readonly directory: boolean
  readonly authorize: Authorize | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Values to mask. */
  readonly secrets: readonly string[]
}

/** URL_PARM1, URL_PARM2, … */
const numberedParameter = /^URL_PARM(0|[1-9]\d*)$/

/** Shorter values would mask half of every log line. */
const SECRET_LENGTH_MIN = 6

/**
 * Reads options, `.env` and the process environment into one frozen object.
 *
 * @throws `FMS_ERR_OPTIONS`, which lists every problem with what was expected and what was found.
 */
export async function readSettings (app: FastifyInstance, given: MicroservicesOptions): Promise<Settings> {
  const problems: string[] = []
  const environment = layered(given.env === false ? {} : await readFile(app, problems))
  const fromEnvironment = given.env === false ? {} : setIn(environment)
  const values = merge(given, fromEnvironment, problems)
  const names = parameterNames({ ...fromEnvironment, ...defined(given) }, values.NUM_URL_PARMS ?? 10, problems)
  const admins = readAdmins(values, problems)
  const { directories, tenantsDirectory, dataDirectory, problems: wrong } = await resolveDirectories({
    plugins: entries(values.plugins ?? '.', delimiter), tenants: values.TENANTS_DIR, data: values.DATA_DIR as string, firstAdmin: admins[0] ?? 'local'
  })
  problems.push(...wrong, ...needMultiTenant(values))
  const sandbox = readSandbox(values.sandbox ?? {}, values.tenants ?? {}, values.MAX_FUNCTION_SECS ?? 30, admins, problems)
  const installation = readInstallation(values, { admins, limits: sandbox.others.limits, dataDirectory }, problems)
  if (problems.length > 0) throw platformError('FMS_ERR_OPTIONS', problems.map(problem => `- ${problem}`).join('\n'))

  return Object.freeze({
    prefix: (values.prefix as string).replace(/\/+$/, ''),
    directories,
    admins: admins.length > 0 ? admins : ['local'],
    identified: admins.length > 0,
    multiTenant: values.MULTI_TENANT as boolean,
    tenantsDirectory,
    dataDirectory,
    sandbox,
    installation,
    configured: configuredTenants(directories, sandbox, admins),
    production: process.env['NODE_ENV'] === 'production',
    parameterNames: names,
    maxFunctionSecs: values.MAX_FUNCTION_SECS as number,
    watch: values.watch as Settings['watch'],
    envelope: values.envelope as boolean,
    directory: values.directory as boolean,
    authorize: values.authorize,
    environment,
    secrets: [
      ...readSecrets(app, entries(values.SECRETS ?? '', /[\s,]+/), environment),
      ...installation.adminSecrets, ...installation.secretsKeys, ...values.MONGO_INITDB_ROOT_PASSWORD ? [values.MONGO_INITDB_ROOT_PASSWORD] : []
    ]
  })
}

/** What `.env` says, all of it as text. In a child context, so that the host may register @fastify/env itself, before or after us. */
async function readFile (app: FastifyInstance, problems: string[]): Promise<Record<string, string>> {
  let found: Record<string, string> = {}
  await app.register(async child => {
    try {
      // Called, not registered: Fastify would carry its failure up to the host, past this catch.
      await new Promise<void>((resolve, reject) => {
        const options = { confKey: 'microservicesEnvironment', dotenv: true, env: false, schema: { type: 'object', patternProperties: { '': { type: 'string' } } } }
        fastifyEnv(child, options, error => error ? reject(error) : resolve())
      })
      found = child.getDecorator<Record<string, string>>('microservicesEnvironment')
    } catch (error) {
      problems.push(`.env: expected a readable file, or none; ${(error as Error).message}`)
    }
  })
  return Object.assign(Object.create(null), found)
}

/** The process environment as it is whenever it is looked at, and beneath it what `.env` says. */
function layered (file: Record<string, string>): NodeJS.ProcessEnv {
  if (Object.keys(file).length === 0) return process.env
  return new Proxy(process.env, {
    get: (own, name) => Reflect.get(own, name) ?? Reflect.get(file, name),
    has: (own, name) => Reflect.has(own, name) || Reflect.has(file, name),
    ownKeys: own => [...new Set([...Reflect.ownKeys(own), ...Reflect.ownKeys(file)])],
    getOwnPropertyDescriptor: (own, name) => Reflect.getOwnPropertyDescriptor(own, name) ?? Reflect.getOwnPropertyDescriptor(file, name)
  })
}

/** `NAME=` means: not set. */
function setIn (environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== ''))
}

function defined (options: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** Option, else environment, else default. */
function merge (given: MicroservicesOptions, fromEnvironment: Record<string, string>, problems: string[]): MicroservicesOptions {
  const values: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(optionsSchema.properties)) {
    const option = (given as Record<string, unknown>)[name]
    const text = Object.hasOwn(environmentSettings, name) ? fromEnvironment[name] : undefined
    if (option !== undefined) values[name] = check(name, schema, option, 'option', problems)
    else if (text !== undefined) values[name] = check(name, schema, convert(schema, text), 'environment', problems)
    values[name] ??= schema.default
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(optionsSchema.properties, name) && !numberedParameter.test(name)) {
      problems.push(`${name}: unknown option; expected one of ${Object.keys(optionsSchema.properties).join(', ')}, URL_PARM1…n`)
    }
  }
  return values as MicroservicesOptions
}

/** A directory's or an option's: the option says whose, else they are the first admin's. */
function configuredTenants (directories: readonly Directory[], { tenants, admins: chosen }: SandboxSettings, admins: readonly string[]): Map<string, string> {
  const uuids = [...directories.map(({ owner }) => owner).filter(owner => !admins.includes(owner)), ...tenants.keys()]
  return new Map(uuids.map(uuid => [uuid, chosen.get(uuid) ?? admins[0] ?? 'local']))
}

function needMultiTenant (values: MicroservicesOptions): string[] {
  if (values.MULTI_TENANT) return []
  return (['TENANTS_DIR', 'tenants', 'sandbox', 'plans'] as const).filter(name => values[name] !== undefined)
    .map(name => `${name}: expected MULTI_TENANT beside it, since there are no tenants without; found it not set`)
}

/** Slug i is named URL_PARM<i>, else parm_<i>. URL_PARM0 is accepted and ignored: the first slug is number 1. */
function parameterNames (values: Record<string, unknown>, count: number, problems: string[]): string[] {
  const names = Array.from({ length: count }, (_, i) => values[`URL_PARM${i + 1}`] ?? `parm_${i + 1}`)
  const owners = new Map<unknown, string>()
  // Those beyond the count as well: a mistake there shows as soon as the count is raised.
  const beyond = Object.keys(values).filter(key => numberedParameter.test(key) && key !== 'URL_PARM0' && Number(key.slice(8)) > count)
  for (const [key, name] of [...names.map((name, i) => [`URL_PARM${i + 1}`, name]), ...beyond.map(key => [key, values[key]])] as Array<[string, unknown]>) {
    const other = owners.get(name)
    if (!isArgumentName(name)) {
      problems.push(`${key}: expected a name of letters, digits and "_" that begins with no digit, and is not constructor or prototype; found ${show(name)}`)
    } else if (other !== undefined) {
      problems.push(`${key}: expected a name that no other has; found ${show(name)}, which is ${other}'s`)
    }
    owners.set(name, key)
  }
  return names as string[]
}

function readAdmins (values: MicroservicesOptions, problems: string[]): string[] {
  const admins: string[] = []
  for (const text of entries(values.ADMIN_ID ?? '', /[\s,]+/)) {
    const uuid = canonicalUuid(text)
    if (uuid === undefined) problems.push(`ADMIN_ID: expected a UUID; found ${show(text)}`)
    else if (admins.includes(uuid)) problems.push(`ADMIN_ID: expected each UUID once; found ${show(text)} twice`)
    else admins.push(uuid)
  }
  if (values.MULTI_TENANT && admins.length === 0) problems.push('ADMIN_ID: expected at least one UUID, since MULTI_TENANT is set; found none')
  return admins
}

function readSecrets (app: FastifyInstance, names: string[], environment: NodeJS.ProcessEnv): string[] {
  const found = names.filter(name => environment[name] !== undefined && environment[name] !== '')
  const short = found.filter(name => environment[name]!.length < SECRET_LENGTH_MIN)
  if (short.length > 0) app.log.warn(`SECRETS: ${short.join(', ')} cannot be masked: a value of ${SECRET_LENGTH_MIN} characters or more is needed`)
  return found.filter(name => !short.includes(name)).map(name => environment[name]!)
}
