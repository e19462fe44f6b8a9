import { isDeepStrictEqual, parseEnv } from 'node:util'
import { refuse } from './refusal.ts'

/** Values by name, below a comment that says what they are. */
export interface Section {
  readonly comment: readonly string[]
  readonly values: Readonly<Record<string, string>>
}

/** Anything else is quoted: a space, a "#" or a "$" means something to one reader of such files or another. */
const plain = /^[\w.,:/@%+=-]*$/

/** Only the last gives a meaning to what is within: `\n` is a line break there. */
const quotes = ["'", '`', '"']

/** A variable as `.env` writes it; undefined where no way of writing gives the same value back. */
export function envLine (name: string, value: string): string | undefined {
  const ways = plain.test(value) ? [`${name}=${value}`] : quotes.map(quote => `${name}=${quote}${value}${quote}`)
  return ways.find(line => isDeepStrictEqual({ ...parseEnv(line) }, { [name]: value }))
}

/** The text of a `.env` that gives these values, and no other, to whoever reads it as @fastify/env and Node do. */
export function envText (sections: readonly Section[]): string {
  const text = sections.map(({ comment, values }) => [
    ...comment.map(line => `# ${line}`),
    ...Object.entries(values).map(([name, value]) => envLine(name, value) ?? refuse(`${name}: expected a value that a .env can hold; found another`))
  ].join('\n') + '\n').join('\n')
  const expected = Object.assign({}, ...sections.map(({ values }) => values)) as Record<string, string>
  if (!isDeepStrictEqual({ ...parseEnv(text) }, expected)) refuse('.env: expected what was written to be read as it was meant; found that it is not, since two values lie too close to one another')
  return text
}
