import { ResultKind, ToHost, type Failed, type GuestError, type LogEntry } from '../protocol.ts'
import { levels, LOG, type Outbox } from './prelude/kinds.ts'
import type { Writer } from './writer.ts'

// The host ends a cell that sends more than these: 256 KB, 2 MB and 64 KB. JSON makes six characters of some.
const HEAD_CHARACTERS = 64 * 1024
const LOG_BYTES = 1024 * 1024
const LINE_CHARACTERS = 128 * 1024
const MESSAGE_CHARACTERS = 16 * 1024

/** Writes one result of an outbox, or what is wrong with it. */
export function writeResult (writer: Writer, call: number, kind: number, text: string, limit: number): void {
  const bytes = kind === ResultKind.RESPONSE
    ? writeResponse(writer, call, text, limit)
    : writer.result(call, kind, text, kind === ResultKind.VALUE ? limit : Infinity)
  if (bytes !== undefined) return
  const error: GuestError = { kind: 'response', message: `expected an answer of at most ${limit} bytes` }
  writer.result(call, ResultKind.ERROR, JSON.stringify(error), Infinity)
}

/** Its form is that of prelude/result.ts. */
function writeResponse (writer: Writer, call: number, text: string, limit: number): number | undefined {
  const end = text.indexOf('\n')
  if (end === -1 || end > HEAD_CHARACTERS) return undefined
  return writer.response(call, text.slice(0, end), text.slice(end + 2), text[end + 1] === 'u' ? 'utf8' : 'latin1', limit)
}

export function isResult (kind: number): boolean {
  return kind >= ResultKind.VALUE && kind <= ResultKind.ERROR
}

/** Writes the lines of log of an outbox. */
export function writeLog (writer: Writer, isolate: number, outbox: Outbox): void {
  let lines = ''
  for (let i = 1; i < outbox.length; i += 3) {
    const level = levels[outbox[i + 1] as number - LOG]
    if (level === undefined) continue
    const entry: LogEntry = { level, text: (outbox[i + 2] as string).slice(0, LINE_CHARACTERS), call: outbox[i] as number }
    const line = JSON.stringify(entry)
    if (lines.length > 0 && Buffer.byteLength(lines) + Buffer.byteLength(line) > LOG_BYTES) {
      writer.frame(ToHost.LOG, isolate, `[${lines}]`)
      lines = ''
    }
    lines += lines === '' ? line : `,${line}`
  }
  if (lines !== '') writer.frame(ToHost.LOG, isolate, `[${lines}]`)
}

export function writeFailed (writer: Writer, isolate: number, failed: Failed): void {
  writer.frame(ToHost.FAILED, isolate, JSON.stringify({ ...failed, message: failed.message.slice(0, MESSAGE_CHARACTERS) }))
}
