import { isDeepStrictEqual } from 'node:util'
import { show } from '../show.ts'

/** Something in a schema that is not what it was. */
export interface Difference {
  /** Where: `address.street`, `tags[]`; empty for the whole. */
  readonly path: string
  readonly text: string
  /** What fitted before may not fit any more. */
  readonly narrower: boolean
  /** What did not fit before may fit now. */
  readonly wider: boolean
}

/** How many characters may still be looked at: unions are compared each with each, and whoever wrote them may mean harm. */
export interface Budget { left: number }

type Schema = Readonly<Record<string, unknown>>
type Found = Generator<Difference, void, undefined>

const DEPTH_MAX = 32

/** What it costs to look at a place at all, as if it had so many characters. */
const PLACE_CHARACTERS = 200

/** These say nothing of what fits. A default does: see `requiredOf`. */
const annotations: ReadonlySet<string> = new Set([
  'title', 'description', 'default', 'examples', '$comment', '$id', '$schema', 'deprecated', 'readOnly', 'writeOnly', 'contentEncoding', 'contentMediaType'
])
const compared: ReadonlySet<string> = new Set(['type', 'enum', 'const', 'anyOf', 'oneOf', 'properties', 'required'])
const lowerBounds: ReadonlySet<string> = new Set(['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'])
const upperBounds: ReadonlySet<string> = new Set(['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'])
const inner: Readonly<Record<string, string>> = { items: '[]', additionalProperties: '.*', contains: '[]', propertyNames: '.*' }
const definitions: ReadonlySet<string> = new Set(['definitions', '$defs'])

/**
 * Compares two schemas, draft 7, by what they take. Where that cannot be told (patterns, conditions, references to
 * another place), a difference counts as one both ways.
 */
export function * differences (before: unknown, after: unknown, budget: Budget, path = '', depth = 0): Found {
  const [was, is] = [schemaOf(before), schemaOf(after)]
  // All that follows, but for what is within and pays for itself, takes a time that grows with both.
  budget.left -= sizeOf(was) + sizeOf(is)
  if (!pay(budget) || depth > DEPTH_MAX) return yield tooMuch(path)
  if ((unionOf(was) === undefined) !== (unionOf(is) === undefined)) return yield * unions(was, is, budget, path, depth)
  yield * types(was, is, path)
  yield * values(was, is, path)
  yield * unions(was, is, budget, path, depth)
  yield * properties(was, is, budget, path, depth)
  for (const keyword of new Set([...Object.keys(was), ...Object.keys(is)])) {
    if (!compared.has(keyword) && !annotations.has(keyword)) yield * keywords(keyword, was[keyword], is[keyword], budget, path, depth)
  }
}

function * types (was: Schema, is: Schema, path: string): Found {
  const [before, after] = [typesOf(was), typesOf(is)]
  const narrower = after !== undefined && (before === undefined || before.some(type => !covers(after, type)))
  const wider = before !== undefined && (after === undefined || after.some(type => !covers(before, type)))
  if (narrower || wider) yield { path, text: `is ${after?.join(' or ') ?? 'anything'} now; was ${before?.join(' or ') ?? 'anything'}`, narrower, wider }
}

function * values (was: Schema, is: Schema, path: string): Found {
  const [before, after] = [valuesOf(was), valuesOf(is)].map(all => all && new Set(all.map(value => JSON.stringify(value))))
  if (before === undefined && after === undefined) return
  if (before === undefined) return yield { path, text: `is one of ${listed(after!)} now`, narrower: true, wider: false }
  if (after === undefined) return yield { path, text: `may be more than ${listed(before)} now`, narrower: false, wider: true }
  const [gone, added] = [without(before, after), without(after, before)]
  if (gone.size > 0) yield { path, text: `is no longer ${listed(gone)}`, narrower: true, wider: false }
  if (added.size > 0) yield { path, text: `may be ${listed(added)} now`, narrower: false, wider: true }
}

function * unions (was: Schema, is: Schema, budget: Budget, path: string, depth: number): Found {
  const [before, after] = [unionOf(was) ?? [was], unionOf(is) ?? [is]]
  if (isDeepStrictEqual(before, after) || (unionOf(was) === undefined && unionOf(is) === undefined)) return
  const fits = (one: unknown, other: unknown): boolean => ![...differences(one, other, budget, path, depth + 1)].some(({ narrower }) => narrower)
  const narrower = !before.every(one => after.some(other => fits(one, other)))
  const wider = !after.every(one => before.some(other => fits(one, other)))
  if (narrower || wider) yield { path, text: 'is another union of types now', narrower, wider }
}

function * properties (was: Schema, is: Schema, budget: Budget, path: string, depth: number): Found {
  const [before, after] = [schemaOf(was['properties']), schemaOf(is['properties'])]
  const [needed, needs] = [requiredOf(was), requiredOf(is)]
  for (const name of new Set([...Object.keys(before), ...Object.keys(after), ...needed, ...needs])) {
    const isInBoth = Object.hasOwn(before, name) && Object.hasOwn(after, name)
    if (!isInBoth && !pay(budget)) return yield tooMuch(path)
    const at = path === '' ? name : `${path}.${name}`
    const [wasNeeded, isNeeded] = [needed.has(name), needs.has(name)]
    if (!Object.hasOwn(before, name)) yield { path: at, text: isNeeded ? 'is new, and required' : 'is new', narrower: isNeeded && !wasNeeded, wider: false }
    // Where nothing else is let in, whoever sends it is refused; whoever reads it misses it anyway.
    else if (!Object.hasOwn(after, name)) yield { path: at, text: 'is gone', narrower: is['additionalProperties'] === false, wider: true }
    else yield * differences(before[name], after[name], budget, at, depth + 1)
    if (!isInBoth || wasNeeded === isNeeded) continue
    yield { path: at, text: isNeeded ? 'is required now' : 'may be left out now', narrower: isNeeded, wider: wasNeeded }
  }
}

function * keywords (keyword: string, was: unknown, is: unknown, budget: Budget, path: string, depth: number): Found {
  // `true` is what counts where nothing is said.
  const [before, after] = [was, is].map(value => value === true && keyword !== 'uniqueItems' ? undefined : value)
  if (isDeepStrictEqual(before, after)) return
  const isInner = Object.hasOwn(inner, keyword) && [before, after].every(value => isObject(value))
  if (isInner) return yield * differences(before, after, budget, path + inner[keyword], depth + 1)
  if (definitions.has(keyword)) {
    for (const name of Object.keys(schemaOf(before)).filter(name => Object.hasOwn(schemaOf(after), name))) {
      yield * differences(schemaOf(before)[name], schemaOf(after)[name], budget, `${path}#${name}`, depth + 1)
    }
    return
  }
  const text = `${keyword} is ${after === undefined ? 'none' : show(after)} now; was ${before === undefined ? 'none' : show(before)}`
  const sign = lowerBounds.has(keyword) ? 1 : upperBounds.has(keyword) ? -1 : 0
  // A bound that is not there is as low, or as high, as can be.
  const [low, high] = [before, after].map(bound => (bound as number | undefined ?? -Infinity * sign) * sign) as [number, number]
  yield sign === 0
    ? { path, text, narrower: after !== undefined, wider: before !== undefined }
    : { path, text, narrower: high > low, wider: high < low }
}

function without<T> (all: ReadonlySet<T>, others: ReadonlySet<T>): Set<T> {
  return new Set([...all].filter(one => !others.has(one)))
}

function tooMuch (path: string): Difference {
  return { path, text: 'is more than can be compared', narrower: true, wider: true }
}

/** For one place, whatever there is; false: nothing is left. */
function pay (budget: Budget): boolean {
  budget.left -= PLACE_CHARACTERS
  return budget.left > 0
}

const sizes = new WeakMap<object, number>()

/** Characters of its JSON, more or less. */
function sizeOf (value: unknown): number {
  if (typeof value === 'string') return value.length + 3
  if (typeof value !== 'object' || value === null) return 8
  const known = sizes.get(value)
  if (known !== undefined) return known
  const size = Object.entries(value).reduce((sum, [name, one]) => sum + name.length + 4 + sizeOf(one), 2)
  // Of small ones it costs less to count them again.
  if (size > 256) sizes.set(value, size)
  return size
}

function isObject (value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Also of what is no schema of its own: `true`, and none. What takes nothing at all is one that fits no value. */
function schemaOf (value: unknown): Schema {
  return isObject(value) ? value : value === false ? { not: {} } : {}
}

/** Undefined: any. */
function typesOf (schema: Schema): string[] | undefined {
  const { type } = schema
  if (typeof type === 'string') return [type]
  if (Array.isArray(type)) return type as string[]
  const values = valuesOf(schema)
  return values && [...new Set(values.map(value => value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value))]
}

function covers (types: readonly string[], type: string): boolean {
  return types.includes(type) || (type === 'integer' && types.includes('number'))
}

/** All that it may be, where they are listed; also as a union of one each, as TypeBox writes them. */
function valuesOf (schema: Schema): readonly unknown[] | undefined {
  if ('const' in schema) return [schema['const']]
  if (Array.isArray(schema['enum'])) return schema['enum']
  const branches = branchesOf(schema)?.map(branch => isObject(branch) && !('anyOf' in branch) ? valuesOf(branch) : undefined)
  return branches?.every(values => values !== undefined) === true ? branches.flat() : undefined
}

/** One of other things than single values. */
function unionOf (schema: Schema): readonly unknown[] | undefined {
  return valuesOf(schema) === undefined ? branchesOf(schema) : undefined
}

function branchesOf ({ anyOf, oneOf }: Schema): readonly unknown[] | undefined {
  const branches = anyOf ?? oneOf
  return Array.isArray(branches) ? branches : undefined
}

/** What has a default need not be given. */
function requiredOf (schema: Schema): ReadonlySet<string> {
  const { required } = schema
  const all = schemaOf(schema['properties'])
  const hasDefault = (name: string): boolean => Object.hasOwn(all, name) && schemaOf(all[name])['default'] !== undefined
  return new Set(Array.isArray(required) ? (required as string[]).filter(name => !hasDefault(name)) : [])
}

function listed (values: ReadonlySet<string>): string {
  const shown = [...values].slice(0, 5).map(value => value.slice(0, 100))
  return values.size > 5 ? `${shown.join(', ')}, …` : shown.join(' or ')
}
