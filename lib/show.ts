/** A value as messages quote what was found: briefly, whatever it is. Free of Node: descriptors are read in isolates too. */
export function show (value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 200)
  } catch {
    return 'something that cannot be shown'
  }
}
