/** Markdown tables of measurements: medians with their range. */

export function header (...cells: string[]): void {
  row(...cells)
  row(...cells.map(() => '---:'))
}

export function row (...cells: string[]): void {
  console.log(`| ${cells.join(' | ')} |`)
}

/** Ratios of each round, not of the medians: the two of a round met the same machine. */
export function ratios (ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value / (theirs[round] as number))
}

export function spread (values: readonly number[], digits = 0): string {
  return `${middle(values, digits)} (${format(Math.min(...values), digits)} to ${format(Math.max(...values), digits)})`
}

export function middle (values: readonly number[], digits = 0): string {
  return format(median(values), digits)
}

export function median (values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

export function format (value: number, digits = 0): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** Says beside a figure what it is to be, and whether it is. */
export function bar (value: number, { least, most }: { least?: number, most?: number }): string {
  const held = value >= (least ?? -Infinity) && value <= (most ?? Infinity)
  const limit = least === undefined ? `at most ${plain(most as number)}` : `at least ${plain(least)}`
  return `${limit}: ${held ? 'held' : '**missed**'}`
}

function plain (value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 2 })
}
