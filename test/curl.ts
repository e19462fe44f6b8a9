import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** Generous: the machine may be busy with other tests. */
const WITHIN_MS = 20_000

export interface Answer {
  method: string
  url: string
  status: number
  /** As curl prints it. */
  text: string
  /** Parsed where it is JSON, else the text. */
  body: unknown
}

/** What curl would do with a line. A real shell splits it, so that wrong quotes fail here; curl itself need not exist. */
export async function curl (line: string): Promise<Answer> {
  if (!line.startsWith('curl ')) throw new Error(`expected a curl command; found ${line}`)
  const { stdout } = await promisify(execFile)('sh', ['-c', line.replace(/^curl /, 'printf "%s\\0" ')])
  let method: string | undefined
  let payload: string | Uint8Array<ArrayBuffer> | null = null
  let url = ''
  const headers: Record<string, string> = {}
  const words = stdout.split('\0').slice(0, -1)
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-X') method = words.shift()
    else if (word === '--json') {
      payload = words.shift() ?? ''
      headers['content-type'] = 'application/json'
    } else if (word === '--data-binary') payload = new Uint8Array(await readFile((words.shift() ?? '').replace(/^@/, '')))
    else if (word === '-H') addHeader(headers, words.shift() ?? '')
    else if (word.startsWith('http:')) url = word
    else if (word !== '-i' && word !== '-N') throw new Error(`expected -X, -H, --json, --data-binary, -i, -N or a URL; found ${word} in ${line}`)
  }
  method ??= payload === null ? 'GET' : 'POST'
  const response = await fetch(url, { method, body: payload, headers, signal: AbortSignal.timeout(WITHIN_MS) })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return { method, url, status: response.status, text, body: isJson ? JSON.parse(text) : text }
}

function addHeader (headers: Record<string, string>, text: string): void {
  const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(text) ?? []
  headers[name] = value
}
