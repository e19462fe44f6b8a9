import * as main from '@sinclair/typebox'
import * as compiler from '@sinclair/typebox/compiler'
import * as errors from '@sinclair/typebox/errors'
import * as parser from '@sinclair/typebox/parser'
import * as syntax from '@sinclair/typebox/syntax'
import * as system from '@sinclair/typebox/system'
import * as type from '@sinclair/typebox/type'
import * as value from '@sinclair/typebox/value'

type Exports = Record<string, unknown>

/** TypeBox itself. */
export default (): Exports => ({ load })

const entries = new Map<string, Exports>(Object.entries({ compiler, errors, parser, syntax, system, type, value })
  .map(([name, exports]) => [`@sinclair/typebox/${name}`, exports]))

/** @param name as modules import it: all give one instance, as in Node */
export function load (name: string): Exports | undefined {
  return name === '@sinclair/typebox' ? main : entries.get(name)
}
