import AjvCompiler from '@fastify/ajv-compiler'

/** What is to be known of the JSON Schema that Fastify speaks. */
export interface Dialect {
  readonly keywords: ReadonlySet<string>
  readonly formats: ReadonlySet<string>
  /** What is wrong with a schema by the meta-schema, or undefined. Throws where it cannot even be told. */
  misfit (schema: object, name: string): string | undefined
  /** Throws where the schema cannot be compiled. */
  compile (schema: unknown): void
}

/** What this file needs of Ajv. It comes from Fastify's own compiler, so that the dialect is Fastify's. */
interface SchemaChecker {
  validateSchema (schema: object): unknown
  errorsText (errors: unknown, options: { dataVar: string }): string
  RULES: { keywords: Record<string, unknown> }
  formats: Record<string, unknown>
  errors: unknown
}

type Compile = (route: { schema: unknown }) => unknown

let dialect: Dialect | undefined

/** Shared by all modules: it checks schemas but keeps none of them. */
export function getDialect (): Dialect {
  dialect ??= makeDialect()
  return dialect
}

function makeDialect (): Dialect {
  let ajv: SchemaChecker | undefined
  AjvCompiler()({}, { customOptions: { logger: false }, onCreate: (made: unknown) => { ajv = made as SchemaChecker } })
  const checker = ajv as unknown as SchemaChecker
  return {
    keywords: new Set(Object.keys(checker.RULES.keywords)),
    formats: new Set(Object.keys(checker.formats)),
    misfit: (schema, name) => checker.validateSchema(schema) ? undefined : checker.errorsText(checker.errors, { dataVar: name }),
    // With a compiler for this once: it keeps what it compiled. That the schema is right has been seen by `misfit`, and would
    // cost each compiler the compilation of the meta-schema.
    compile: schema => {
      (AjvCompiler()({}, { customOptions: { logger: false, addUsedSchema: true, validateSchema: false } }) as unknown as Compile)({ schema })
    }
  }
}
