import { runningCall } from './calls.ts'
import { DEBUG, ERROR, formatSafely, INFO, TRACE, WARN, writeText, writeValues } from './log.ts'
import { dictionary, ErrorConstructor, indexOf, keys, now, slice, StringOf } from './primordials.ts'
import { cut, withoutOwnFrames } from './text.ts'

/** Names of counters and clocks: beyond, they are but a way to use memory. */
const LABELS_MAX = 1_000
const LABEL_CHARACTERS = 100
const INDENT_MAX = 40

type Method = (...values: unknown[]) => void

let indent = ''

/** A `console` that writes to the owner's log. */
export function makeConsole (): Record<string, Method> {
  const group: Method = (...values) => {
    if (values.length > 0) line(INFO, values)
    if (indent.length < INDENT_MAX) indent += '  '
  }
  return {
    log: (...values) => line(INFO, values),
    info: (...values) => line(INFO, values),
    debug: (...values) => line(DEBUG, values),
    warn: (...values) => line(WARN, values),
    error: (...values) => line(ERROR, values),
    dir: value => line(INFO, [value]),
    dirxml: (...values) => line(INFO, values),
    table: value => line(INFO, [value]),
    trace: (...values) => writeLine(TRACE, `Trace: ${formatSafely(values)}${callers()}`),
    assert: (condition, ...values) => {
      if (!condition) writeLine(ERROR, values.length > 0 ? `Assertion failed: ${formatSafely(values)}` : 'Assertion failed')
    },
    clear: () => {},
    group,
    groupCollapsed: group,
    groupEnd: () => { indent = slice(indent, 2) },
    ...counting(),
    ...timing()
  }
}

function counting (): Record<string, Method> {
  const counters = dictionary<number>()
  return {
    count: label => {
      const name = labelOf(label)
      const before = counters[name] ?? 0
      if (before === 0 && keys(counters).length >= LABELS_MAX) return
      counters[name] = before + 1
      writeLine(INFO, `${name}: ${before + 1}`)
    },
    countReset: label => { delete counters[labelOf(label)] }
  }
}

function timing (): Record<string, Method> {
  const clocks = dictionary<number>()
  const tell = (name: string, more: string): void => {
    const since = clocks[name]
    if (since === undefined) writeLine(WARN, `there is no timer "${name}"`)
    else writeLine(INFO, `${name}: ${now() - since}ms${more}`)
  }
  return {
    time: label => { if (keys(clocks).length < LABELS_MAX) clocks[labelOf(label)] = now() },
    timeLog: (label, ...values) => tell(labelOf(label), values.length > 0 ? ` ${formatSafely(values)}` : ''),
    timeEnd: label => {
      tell(labelOf(label), '')
      delete clocks[labelOf(label)]
    }
  }
}

function line (level: number, values: readonly unknown[]): void {
  writeValues(level, indent, values, runningCall())
}

function writeLine (level: number, text: string): void {
  writeText(level, indent + text, runningCall())
}

function labelOf (label: unknown): string {
  return label === undefined ? 'default' : cut(StringOf(label), LABEL_CHARACTERS)
}

/** Where `console.trace` was called from: what lies below its own frames. */
function callers (): string {
  const { stack } = new ErrorConstructor()
  return typeof stack === 'string' ? slice(withoutOwnFrames(stack), indexOf(stack, '\n')) : ''
}
