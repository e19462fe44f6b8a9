import type { Dialect } from '../../../describe/dialect.ts'
import { usual, type Usual } from './usual.ts'

/**
 * Fastify's dialect, without Ajv for as long as schemas are right and plain: Ajv would be half of the isolate that
 * describes modules, and each module has its own.
 */
export function getDialect (): Dialect {
  return quick ?? getReal()
}

const quick = usual && makeQuick(usual)

function makeQuick ({ metaSchema, fits, keywords, formats }: Usual): Dialect {
  return {
    keywords: new Set(keywords),
    formats: new Set(formats),
    misfit: (schema, name) => isOf(metaSchema, schema) && fits(schema) ? undefined : getReal().misfit(schema, name),
    compile: schema => getReal().compile(schema)
  }
}

function isOf (metaSchema: string, schema: object): boolean {
  const { $schema = metaSchema } = schema as { $schema?: unknown }
  return $schema === metaSchema
}

/** Bundled, it is evaluated by its first use only. */
function getReal (): Dialect {
  return (require('../../../describe/dialect.ts') as { getDialect (): Dialect }).getDialect()
}
