import { stripVTControlCharacters } from 'node:util'

/** A terminal obeys some of these, and shows none; what a server or a file says is only to be read. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Erases the terminal's line, and goes to its beginning. */
const ERASE = '\r\x1b[K'

/** Where a command's answer goes (stdout), and what else there is to say (stderr). */
export class Output {
  readonly #json: boolean
  #progress = false

  constructor ({ json }: { json: boolean }) {
    this.#json = json
  }

  /** The answer: a value for programs, with `--json`, and the same in lines for people. */
  result (value: unknown, lines: readonly string[]): void {
    this.#clear()
    process.stdout.write(this.#json ? `${jsonOf(value)}\n` : lines.map(line => `${plain(line)}\n`).join(''))
  }

  /** A remark. */
  note (text: string): void {
    this.#clear()
    process.stderr.write(`${plainLines(text)}\n`)
  }

  /** What is being done, on a terminal: until the next line of anything. */
  progress (text: string): void {
    if (!process.stderr.isTTY) return
    process.stderr.write(ERASE + plain(text).slice(0, (process.stderr.columns || 80) - 1))
    this.#progress = true
  }

  /** Why it ended otherwise than it was meant to. */
  failure (message: string, exitCode: number): void {
    this.#clear()
    process.stderr.write(this.#json ? `${jsonOf({ exitCode, message })}\n` : `${plainLines(message)}\n`)
  }

  #clear (): void {
    if (this.#progress) process.stderr.write(ERASE)
    this.#progress = false
  }
}

/** One line, without what a terminal would obey. */
export function plain (text: string): string {
  return stripVTControlCharacters(text).replaceAll('\t', ' ').replace(UNSEEN, '')
}

/** Rows as lines, with columns below one another. */
export function table (rows: ReadonlyArray<readonly string[]>): string[] {
  const clean = rows.map(row => row.map(plain))
  const widths = clean.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), [])
  return clean.map(row => row.map((cell, i) => cell.padEnd(widths[i] as number)).join('  ').trimEnd())
}

/** A number of bytes as people say it. */
export function sizeOf (bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`
}

function plainLines (text: string): string {
  return text.split(/\r?\n/).map(plain).join('\n')
}

/** JSON leaves some of what terminals obey as it is. Escaped, it means the same. */
function jsonOf (value: unknown): string {
  return JSON.stringify(value).replace(UNSEEN, found => Array.from({ length: found.length }, (_, i) =>
    `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''))
}
