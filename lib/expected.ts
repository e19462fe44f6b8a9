import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { show } from './show.ts'

/** Text of the environment as the schema's type. Numbers as they are written: TypeBox would take 1.5 for the integer 1. */
export function convert (schema: TSchema, text: string): unknown {
  if (schema.type !== 'integer' && schema.type !== 'number') return Value.Convert(schema, text)
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
}

/** The value where it fits; else undefined, and what was expected is among the problems. */
export function check (name: string, schema: TSchema, value: unknown, source: string, problems: string[]): unknown {
  if (Value.Check(schema, value)) return value
  if (schema.type === 'object' && typeof value === 'object' && value !== null) {
    for (const { path, message, value: found } of Value.Errors(schema, value)) {
      problems.push(`${name}${path.replaceAll('/', '.')}: ${message.charAt(0).toLowerCase()}${message.slice(1)}; found ${show(found)}`)
    }
    return undefined
  }
  problems.push(`${name}: expected ${describeSchema(schema)}; found ${schema.writeOnly ? 'something else' : show(value)} (${source})`)
  return undefined
}

function describeSchema (schema: TSchema): string {
  if (schema.anyOf) return (schema.anyOf as TSchema[]).map(describeSchema).join(' or ')
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.type === 'array') return 'an array of strings'
  if (schema.pattern) return 'a path that begins with "/" and holds no "*", "?" or "#"'
  if (schema.type === 'integer') return `an integer from ${schema.minimum} to ${schema.maximum}`
  if (schema.type === 'number' && schema.minimum !== undefined) return `a number from ${schema.minimum} to ${schema.maximum}`
  if (schema.type === 'number') return `a number above ${schema.exclusiveMinimum} and up to ${schema.maximum}`
  return `a ${String(schema.type).toLowerCase()}`
}

/** The parts of a list, which may be one text. */
export function entries (value: string | readonly string[], separator: string | RegExp): string[] {
  return (typeof value === 'string' ? value.split(separator) : [...value]).map(entry => entry.trim()).filter(entry => entry !== '')
}
