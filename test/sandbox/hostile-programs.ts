import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * A hostile program is a tenant's module with a header of comments:
 *
 * - `shows:` what it is to prove.
 * - `call:` method, path below the tenant's own URL (or from `/rest/` on), and JSON to send; `{n}` is the number of the call.
 * - `with:` JSON of a `Manner`, for the call above it.
 * - `expect:` the answer to the call above it; where V8 decides, several with `or` between them: a status, an error's code,
 *   and after `and` the body's JSON. `refused <code>`: the module is not served, and that is reported. `left`: the client went.
 * - `tenant:` JSON of its tenant's options.
 * - `twin:` the victim has the same file, with the same name.
 *
 * Calls are made one after the other.
 */
export interface Program {
  readonly attackClass: string
  readonly name: string
  readonly file: string
  readonly shows: string
  readonly steps: readonly Step[]
  readonly tenant: TenantOptions
  readonly twin: boolean
}

export interface Step {
  readonly method: string
  readonly path: string
  readonly body: string | undefined
  readonly manner: Manner
  readonly expected: readonly Expected[]
}

export interface Manner {
  readonly times?: number
  /** How many at once; each `times` times. */
  readonly parallel?: number
  readonly headers?: Readonly<Record<string, string>>
  /** The client leaves after so many milliseconds. */
  readonly leaveMs?: number
}

export interface Expected {
  readonly status: number | 'refused' | 'left'
  readonly code: string | undefined
  /** JSON. */
  readonly body: string | undefined
}

export interface TenantOptions {
  readonly limits: Readonly<Record<string, number>>
  readonly isolation?: 'shared' | 'dedicated' | 'hardened'
  readonly webAssembly?: boolean
  readonly env?: Readonly<Record<string, string>>
}

const directory = join(import.meta.dirname, 'hostile')

/** Below the defaults, so that a hundred programs take minutes; a program whose point is a default says so. */
const quickLimits = { turnMs: 200, memoryMb: 32, timeoutSecs: 3 }

/** Of programs that no limit of time is to end: on a busy machine, what takes milliseconds may take longer than the quick one. */
const patientLimits = { ...quickLimits, turnMs: 5_000, timeoutSecs: 10 }

/** What ends at a limit, or beside somebody who does. */
const endsByForce = /_(TIMEOUT|CRASH|UNAVAILABLE)\b|\b(left|refused)\b/

const fields: ReadonlySet<string> = new Set(['shows', 'call', 'with', 'expect', 'tenant', 'twin'])

/** Those of a class, or all. Files that begin with `_` are what others import. */
export function readPrograms (attackClass = '*'): Program[] {
  return globSync(`${attackClass}/*.ts`, { cwd: directory }).filter(path => !basename(path).startsWith('_')).sort().map(path => readProgram(join(directory, path)))
}

function readProgram (file: string): Program {
  const lines = headerOf(file)
  const single = (field: string): string | undefined => lines.find(([name]) => name === field)?.[1]
  const steps: Array<{ call: string, manner: string, expected: string }> = []
  for (const [field, text] of lines) {
    const last = steps.at(-1)
    if (field === 'call') steps.push({ call: text, manner: '{}', expected: '' })
    else if (field === 'with' && last) last.manner = text
    else if (field === 'expect' && last) last.expected = text
    else if (field === 'with' || field === 'expect') throw new Error(`${file}: "${field}:" has no "call:" above it`)
  }
  const usual = steps.some(({ expected }) => endsByForce.test(expected)) ? quickLimits : patientLimits
  const { limits, ...tenant } = JSON.parse(single('tenant') ?? '{}') as Partial<TenantOptions>
  return {
    attackClass: basename(dirname(file)),
    name: basename(file, '.ts'),
    file,
    shows: single('shows') ?? '',
    steps: steps.map(({ call, manner, expected }) => ({ ...readCall(call, file), manner: JSON.parse(manner) as Manner, expected: expected.split(' or ').map(text => readExpected(text, file)) })),
    tenant: { ...tenant, limits: { ...usual, ...limits } },
    twin: single('twin') !== undefined
  }
}

/** The comments before the first line of code. */
function headerOf (file: string): Array<readonly [string, string]> {
  const found: Array<readonly [string, string]> = []
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (!line.startsWith('// ')) break
    const [, name, text] = /^\/\/ (\w+): *(.*)$/.exec(line) ?? []
    if (name === undefined || !fields.has(name)) throw new Error(`${file}: expected one of ${[...fields].join(', ')}; found ${line}`)
    found.push([name, text as string])
  }
  return found
}

function readCall (text: string, file: string): Pick<Step, 'method' | 'path' | 'body'> {
  const [, method, path, body] = /^([A-Z]+) (\/\S*)(?: (.+))?$/.exec(text) ?? []
  if (method === undefined || path === undefined) throw new Error(`${file}: expected "call: METHOD /path [JSON]"; found ${text}`)
  return { method, path, body }
}

function readExpected (text: string, file: string): Expected {
  const [, status, code, body] = /^(\d{3}|refused|left)(?: (F\w+))?(?: and (.+))?$/.exec(text.trim()) ?? []
  if (status === undefined) throw new Error(`${file}: expected "expect: STATUS [CODE] [and JSON]"; found ${text}`)
  return { status: /^\d/.test(status) ? Number(status) : status as 'refused' | 'left', code, body }
}
