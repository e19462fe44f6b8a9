/** Results are checked, never changed: what does not fit is the author's mistake. Options of Ajv's. */
export const checkOnly = { coerceTypes: false, useDefaults: false, removeAdditional: false }

/** The schema with undeclared properties let through: of results they are removed, not refused, so `additionalProperties: false` must not refuse them. */
export function withoutClosedObjects (schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutClosedObjects)
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(Object.entries(schema)
    .filter(([keyword, value]) => keyword !== 'additionalProperties' || value !== false)
    .map(([keyword, value]) => [keyword, withoutClosedObjects(value)]))
}
