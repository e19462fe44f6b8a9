// The whole round, by the command line alone: an installation, a tenant, its module, a call, a second version, and back.
// `npm run example:round`. All of it is made in a directory of its own, which is gone at the end.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

// What `npx fastify-microservices` is, where the package is installed.
const program = join(import.meta.dirname, '../dist/lib/cli/main.js')
/** A server that says nothing by then says nothing any more. */
const START_MS = 30_000
const tenant = 'b7f0a3c2-58de-4f11-9c6b-d2e41a90c735'
const directory = mkdtempSync(join(tmpdir(), 'fastify-microservices-round-'))
const environment: Record<string, string | undefined> = { PATH: process.env['PATH'], PORT: '0', LOG_LEVEL: 'error' }

async function run (...words: string[]): Promise<string> {
  console.log(`\n$ fastify-microservices ${words.join(' ')}`)
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...words], { cwd: directory, env: environment })
  process.stdout.write(words[0] === 'token' ? `${stdout.slice(0, 60)}…\n` : stdout)
  return stdout
}

async function call (url: string, token: string): Promise<void> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  console.log(`\nGET ${new URL(url).pathname}\n${response.status} ${await response.text()}`)
}

function write (greeting: string): void {
  writeFileSync(join(directory, 'greeter.ts'), `import { endpoint } from 'fastify-microservices'

export const greet = endpoint({ params: ['name'] }, ({ name }) => \`${greeting}, \${name}!\`)
`)
}

async function round (base: string): Promise<void> {
  environment['MICROSERVICES_URL'] = base
  await run('tenants', 'register', 'ada', '--uuid', tenant, '--save', 'ada.keys')
  const url = `${base}/${tenant}/greeter/greet/Grace`
  const mine = ['--key-file', 'ada.keys']

  write('Hello')
  await run('deploy', 'greeter.ts', ...mine)
  const token = (await run('token', 'GET', url, ...mine)).trim()
  await call(url, token)
  console.log('\n# The same token again opens nothing.')
  await call(url, token)

  write('Good morning')
  await run('deploy', 'greeter.ts', '--compatible', ...mine)
  await call(url, (await run('token', 'GET', url, ...mine)).trim())

  await run('rollback', 'greeter', ...mine)
  await call(url, (await run('token', 'GET', url, ...mine)).trim())
  await run('versions', ...mine)
}

try {
  await run('init', '--multi-tenant')
  console.log('\n$ fastify-microservices start')
  const server = spawn(process.execPath, [program, 'start', '--json'], { cwd: directory, env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(server, 'exit')
  try {
    const [line] = await once(createInterface({ input: server.stdout }), 'line', { signal: AbortSignal.timeout(START_MS) }) as [string]
    const { url } = JSON.parse(line) as { url: string }
    console.log(`It serves at ${url}`)
    await round(url)
  } finally {
    server.kill()
    await exit
  }
} finally {
  rmSync(directory, { recursive: true })
}
