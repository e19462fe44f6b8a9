/** Names of modules, aliases and endpoints, and slugs that no `params` name. */
export const namePattern = /^[-A-Za-z0-9_]+$/

/** Names of arguments; `constructor` and its like are refused beside it, by `isArgumentName`. */
export const argumentNamePattern = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Names that would reach an object's prototype, or that the platform reads itself: they never become arguments. */
export const forbiddenArgumentNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype', '__map__'])

/** Whether a URL parameter may have this name. */
export function isArgumentName (name: unknown): name is string {
  return typeof name === 'string' && argumentNamePattern.test(name) && !forbiddenArgumentNames.has(name)
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** A UUID in its canonical, lower-case form (RFC 9562), or undefined for any other text. */
export function canonicalUuid (text: string): string | undefined {
  const lower = text.toLowerCase()
  return uuidPattern.test(lower) ? lower : undefined
}

/** Names of modules that the platform keeps for itself, in any case: a host's router may take one for the other. */
export function isReservedName (name: string): boolean {
  return /^(?:tenant|module)-api$/i.test(name)
}
