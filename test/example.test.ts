import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t from 'tap'
import { curl } from './curl.ts'

/** Generous: the machine may be busy with other tests. */
const WITHIN_MS = 20_000

const root = join(import.meta.dirname, '..')

const good = '/tenants/0d9e4a76-52f1-4f0e-9a3c-6b1d2e8f7a10'
const hostile = '/tenants/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'
const admin = '/tenants/70dd81e5-961a-470e-9e88-63d828674757'
const newcomer = '/tenants/9c1f2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f'

const late = { statusCode: 504, code: 'FMS_ERR_TIMEOUT', error: 'Gateway Timeout', message: 'Gateway Timeout' }
const noToken = { statusCode: 401, code: 'FMS_ERR_TOKEN', error: 'Unauthorized', message: 'a valid token is needed' }
const crashed = { statusCode: 502, code: 'FMS_ERR_CRASH', error: 'Bad Gateway', message: 'Bad Gateway' }

/** What each printed line must answer, in order: a newcomer pastes them one by one. */
const expected: ReadonlyArray<[call: string, status: number, body: unknown]> = [
  ['GET /hello-world', 200, { hello: 'world', args: {} }],
  ['GET /hello-world/?a=1&b=2&c=3&d=4', 200, { hello: 'world', args: { a: '1', b: '2', c: '3', d: '4' } }],
  ['GET /hello-world/slug-or-numbers/', 200, { hello: 'world', args: { parm_1: 'slug-or-numbers' } }],
  ['PUT /bar-none', 200, { method: 'PUT', args: {} }],
  ['POST /v1/sample-one/1/2/3?a=1', 200, { name1: 'one', a: '1', parm_1: '1', parm_2: '2', parm_3: '3' }],
  ['POST /v1/sample-one/1/2/?a=1&b=2', 200, { args: [1, 2, 3], name1: 'one', a: '1', b: '2', p1: '1', p2: '2' }],
  ['POST /people', 200, { id: 2, name: 'Grace' }],
  ['POST /people', 400, { statusCode: 400, code: 'FST_ERR_VALIDATION', error: 'Bad Request', message: 'args/name must NOT have fewer than 1 characters' }],
  ['GET /people', 200, [{ id: 1, name: 'Ada' }, { id: 2, name: 'Grace' }]],
  ['GET /person/1', 200, { id: 1, name: 'Ada' }],
  ['PUT /person/1', 200, { id: 1, name: 'Ada Lovelace' }],
  ['GET /person/99', 404, { statusCode: 404, error: 'Not Found', message: 'There is no person 99' }],
  ['DELETE /person/2', 204, ''],
  ['GET /product_v1/product/7', 200, { id: '7', label: 'Teapot, 12.50 EUR' }],
  ['GET /product_v2/product/7', 200, { id: '7', name: 'Teapot', price: { amount: 12.5, currency: 'EUR' } }],
  ['GET /2026-01/product/7', 200, { id: '7', name: 'Teapot', price: { amount: 12.5, currency: 'EUR' } }],
  ['GET /temperature/37.5', 200, { celsius: 37.5, fahrenheit: 99.5 }],
  ['POST /word-count', 200, { words: 6 }],
  ['GET /countdown/3', 200, '3\n2\n1\nlift-off\n'],
  ['GET /nap/0.1', 200, { slept: 0.1 }],
  ['GET /nap/5', 504, late],
  ['GET /v1/__dir__', 200, undefined],
  ['GET /__dir__', 200, undefined],
  [`GET ${good}/greet/Ada`, 200, { hello: 'Ada', from: good.slice(9) }],
  [`POST ${good}/digest`, 200, { sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' }],
  [`GET ${hostile}/spin`, 504, late],
  [`GET ${hostile}/spin-natively`, 504, late],
  [`GET ${hostile}/allocate`, 502, crashed],
  [`GET ${hostile}/crash`, 502, crashed],
  [`GET ${hostile}/escape`, 200, { reached: 'undefined undefined', environment: {}, constructed: 'function' }],
  [`GET ${good}/greet`, 200, { hello: 'world', from: good.slice(9) }],
  [`GET ${newcomer}/hello`, 404, { statusCode: 404, code: 'FMS_ERR_UNDEFINED', error: 'Not Found', message: 'hello is undefined for GET.' }],
  [`POST ${admin}/tenant-api/register`, 200, undefined],
  [`GET ${newcomer}/hello`, 200, { hello: newcomer.slice(9) }],
  [`GET ${newcomer}/hello`, 401, noToken],
  [`GET ${admin}/tenant-api/list`, 401, noToken],
  [`POST ${newcomer}/module-api/upload/farewell`, 200, undefined],
  [`GET ${newcomer}/farewell/Ada`, 200, { goodbye: 'Ada' }],
  [`POST ${newcomer}/module-api/upload/farewell`, 200, undefined],
  [`GET ${newcomer}/farewell/Ada`, 200, { goodbye: 'Ada', until: 'soon' }],
  [`POST ${newcomer}/module-api/rollback`, 200, undefined],
  [`GET ${newcomer}/farewell/Ada`, 200, { goodbye: 'Ada' }]
]

t.test('`npm run example` builds, then starts the server', async t => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  t.equal(scripts.example, 'npm run -s build && node examples/server.ts')
})

// Without the build, which `npm test` has done: building here would take `dist` from under other tests.
t.test('every line that the example prints works when pasted, and Ctrl+C ends it', async t => {
  const example = spawn(process.execPath, ['examples/server.ts'], {
    cwd: root,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const exit = once(example, 'exit')
  t.teardown(() => example.kill('SIGKILL'))

  const lines = await startUp(example)
  t.equal(lines.length, expected.length, 'as many lines as are expected here')

  const untold: unknown[] = []
  for (const [i, line] of lines.entries()) {
    const [call, status, body] = expected[i] ?? [line, 0, undefined]
    const answer = await curl(line)
    t.equal(`${answer.method} ${answer.url.replace(/^https?:\/\/[^/]+/, '').replace('/rest/services', '')}`, call)
    t.equal(answer.status, status, `${call}: status`)
    if (body === undefined) untold.push(answer.body)
    else t.strictSame(answer.body, body, `${call}: body`)
  }
  const [sampleOne, everything, registered, uploaded, second] = untold.map(body => JSON.stringify(body))
  t.match(sampleOne, '"helper"', '__dir__ lists a function that has no descriptor')
  t.notMatch(sampleOne, /__private|Counter|variable/, 'and no private function, class or value')
  for (const name of ['sample-one', 'people', 'product_v2', 'temperature', 'word-count', 'countdown']) {
    t.match(everything, `"${name}"`, `__dir__ knows ${name}`)
  }
  t.match(registered, /"userid":"newcomer".*"keys":\[\{.*"secret":"[\w-]{43}"/, 'a registration tells the keys')
  t.match(uploaded, /"module":"farewell","version":"[\da-f]{64}","active":true/, 'an upload tells its version')
  t.match(second, /"breaking":false/, 'and what it changes')

  example.kill('SIGINT')
  const [code, signal] = await Promise.race([exit, deadline(WITHIN_MS, 'the example did not stop')])
  t.strictSame([code, signal], [0, null], 'exit code 0')
})

t.test('the whole round by the command line: a tenant, its module, a token that opens once, a second version, and back', async t => {
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/round.ts'], { cwd: root, timeout: 4 * WITHIN_MS })
  const answers = [...stdout.matchAll(/^(\d{3}) (.*)$/gm)].map(([, status, body]) => [Number(status), JSON.parse(body!)])
  t.strictSame(answers, [[200, 'Hello, Grace!'], [401, noToken], [200, 'Good morning, Grace!'], [200, 'Hello, Grace!']])
  t.match(stdout, /greeter [\da-f]{12} is live, it was [\da-f]{12}/, 'it says what it rolled back')
})

/** The printed curl lines, once the last line of all is there. */
async function startUp (example: ChildProcess): Promise<string[]> {
  const lines: string[] = []
  let output = ''
  example.stderr?.setEncoding('utf8').on('data', (text: string) => { output += text })
  const printed = (async () => {
    for await (const line of createInterface({ input: example.stdout! })) {
      output += `${line}\n`
      if (line.startsWith('curl ')) lines.push(line)
      if (line.includes('Ctrl+C ends')) return lines
    }
    throw new Error('the example ended')
  })()
  try {
    return await Promise.race([printed, deadline(WITHIN_MS, 'the example did not start')])
  } catch (error) {
    throw new Error(`${(error as Error).message}; it printed:\n${output}`)
  }
}

function deadline (ms: number, message: string): Promise<never> {
  return new Promise((resolve, reject) => setTimeout(() => reject(new Error(`${message} within ${ms / 1000} s`)), ms).unref())
}
