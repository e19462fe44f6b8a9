/** What a JSON Pointer in a URI fragment (`/definitions/x`, RFC 6901, 6) leads to, or undefined. */
export function follow (root: unknown, fragment: string): unknown {
  const steps = fragment.split('/').slice(1).map(step => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
  return steps.reduce<unknown>((found, step) => (found as Record<string, unknown> | undefined)?.[step], root)
}
