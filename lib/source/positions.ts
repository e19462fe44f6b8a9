import { SourceMap } from 'node:module'
import { withoutNamespace } from './sources.ts'

export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** The way from a script's positions back to its sources. The map is parsed when first asked. */
export class Positions {
  readonly #script: string
  readonly #json: string
  #map: SourceMap | undefined

  /** @param script The name that the script has in stacks. */
  constructor (script: string, json: string) {
    this.#script = script
    this.#json = json
  }

  /** Where line and column of the script, both from 1, came from; undefined for esbuild's own lines. */
  origin (line: number, column: number): Position | undefined {
    this.#map ??= new SourceMap(JSON.parse(this.#json))
    // Not findOrigin(), which adds the distance in the script to a place in the source.
    const entry = this.#map.findEntry(line - 1, column - 1)
    if (!('originalSource' in entry) || entry.generatedLine !== line - 1) return undefined
    return { file: withoutNamespace(entry.originalSource), line: entry.originalLine + 1, column: entry.originalColumn + 1 }
  }

  /** The stack with every position in the script replaced by its origin, and these origins. */
  map (stack: string): { stack: string, origins: readonly Position[] } {
    const origins: Position[] = []
    const [head, ...rest] = stack.split(this.#script)
    let mapped = head as string
    for (const part of rest) {
      // `<script>:<line>:<column>` in frames; `<script>:<line>` above the message of a SyntaxError.
      const [place, line, column] = /(?<=^|[\s(]|file:\/\/)$/.test(mapped) ? /^:(\d+)(?::(\d+))?/.exec(part) ?? [] : []
      const origin = place === undefined ? undefined : this.origin(Number(line), Number(column ?? 1))
      if (origin !== undefined) origins.push(origin)
      mapped += origin === undefined
        ? this.#script + part
        : `${origin.file}:${origin.line}:${origin.column}${part.slice(place!.length)}`
    }
    return { stack: mapped, origins }
  }
}
