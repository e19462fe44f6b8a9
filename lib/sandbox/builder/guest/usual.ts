/** What Ajv makes of JSON Schema's own schema, and what it knows beside that. */
export interface Usual {
  readonly metaSchema: string
  readonly fits: (schema: object) => boolean
  readonly keywords: readonly string[]
  readonly formats: readonly string[]
}

/** ../../tools.ts puts it here. */
export const usual: Usual | undefined = undefined
