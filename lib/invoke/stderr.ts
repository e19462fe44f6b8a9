import { StringDecoder } from 'node:string_decoder'

/** Where the lines of stderr go; Fastify's loggers are such. */
export interface ProgramLog {
  warn (fields: { program: string }, line: string): void
}

// Enough to debug by, too little to fill a disk: of a line, of the last words in an error, of one call.
const LINE_LENGTH = 2_048
const LAST_LINES = 10
const LOG_LENGTH = 65_536

/** Hands stderr to the log by lines. */
export class Stderr {
  readonly #name: string
  readonly #log: ProgramLog
  // Characters may be split between chunks.
  readonly #decoder = new StringDecoder('utf8')
  #line = ''
  #logged = 0
  #last: string[] = []

  constructor (name: string, log: ProgramLog) {
    this.#name = name
    this.#log = log
  }

  write (chunk: Buffer): void {
    const lines = (this.#line + this.#decoder.write(chunk)).split('\n')
    // One character more than is shown tells that the line is too long; the rest need not be kept.
    this.#line = (lines.pop() ?? '').slice(0, LINE_LENGTH + 1)
    for (const line of lines) this.#add(line)
  }

  end (): void {
    this.#add(this.#line + this.#decoder.end())
    this.#line = ''
  }

  #add (raw: string): void {
    if (raw.trim() === '') return
    const line = raw.length > LINE_LENGTH ? `${raw.slice(0, LINE_LENGTH)}… (line cut)` : raw.trimEnd()
    this.#last = [...this.#last, line].slice(-LAST_LINES)
    if (this.#logged > LOG_LENGTH) return
    this.#logged += line.length
    this.#log.warn({ program: this.#name }, this.#logged > LOG_LENGTH ? `stderr cut: more than ${LOG_LENGTH} characters in one call` : line)
  }

  lastWords (): string {
    return this.#last.length === 0 ? '; its stderr was empty' : `; its last words:\n${this.#last.join('\n')}`
  }
}
