import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import ts from 'typescript'
import { declaredGlobals } from './declared.ts'
import { Child } from './child.ts'

const root = join(import.meta.dirname, '../..')

/** Globals that are no classes. */
const objects = new Set(['Console', 'Crypto', 'Performance'])

const program = `
  export async function works (): Promise<Response> {
    const url = new URL('/a', 'http://b')
    for (const [name, value] of url.searchParams) console.log(name.toUpperCase(), value)
    const signal = AbortSignal.any([AbortSignal.timeout(5), new AbortController().signal])
    signal.addEventListener('abort', event => console.log(event.type), { once: true })
    const timer: ReturnType<typeof setTimeout> = setTimeout((text: string) => console.log(text), 5, 'x')
    clearTimeout(timer)
    clearInterval(setInterval(() => {}, 1))
    queueMicrotask(() => {})
    const request = new Request(url, { method: 'POST', body: new Blob(['a']), signal })
    await crypto.subtle.digest('SHA-256', new TextEncoder().encode(atob(btoa('a'))))
    const detail: number = new CustomEvent('a', { detail: structuredClone({ a: 1 }).a }).detail
    const error = new DOMException(crypto.randomUUID(), 'AbortError')
    for (const [name] of new Headers({ a: 'b' })) console.log(name, performance.now().toFixed(), error.code + detail)
    console.log(new TextDecoder('utf-8', { fatal: true }).decode(await request.bytes()))
    return Response.json({ a: 1 }, { status: 201 })
  }`

const onlyHere = `
  export const body: null | undefined = new Response('a').body
  reportError(1)
  // @ts-expect-error there is no process
  process.exit()
  // @ts-expect-error nor are there buffers
  Buffer.from('a')
  // @ts-expect-error nor is there a network
  fetch('http://a')
  // @ts-expect-error nor can a signal be constructed
  new AbortSignal()
  // @ts-expect-error a body is no form
  new Response('a').formData()`

/** What TypeScript says of a tenant's project, in which this package is installed. */
function check (t: Test, source: string, types: readonly string[]): string[] {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'tenant-')))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const installed = join(directory, 'node_modules/fastify-microservices')
  mkdirSync(join(directory, 'node_modules/@types'), { recursive: true })
  mkdirSync(installed)
  for (const name of ['sandbox', 'web']) {
    // As it is published: what `types` names has to be declarations.
    const source = readFileSync(join(root, `types/${name}.ts`), 'utf8')
    writeFileSync(join(installed, `${name}.d.ts`), ts.transpileDeclaration(source, { compilerOptions: { strict: true } }).outputText)
  }
  for (const name of ['@types/node', 'undici-types']) symlinkSync(join(root, 'node_modules', name), join(directory, 'node_modules', name))
  writeFileSync(join(installed, 'package.json'), '{ "name": "fastify-microservices", "exports": { "./sandbox": { "types": "./sandbox.d.ts" } } }')
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(directory, 'module.ts'), source)
  const compiled = ts.createProgram([join(directory, 'module.ts')], {
    lib: ['lib.es2024.d.ts'],
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.NodeNext,
    types: [...types],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    configFilePath: join(directory, 'tsconfig.json')
  })
  // All that is checked but the libraries by themselves, which take many times as long. A clash shows in either file.
  const files = compiled.getSourceFiles().filter(({ fileName }) => fileName.endsWith('/module.ts') || fileName.startsWith(installed))
  const found = [...compiled.getOptionsDiagnostics(), ...compiled.getGlobalDiagnostics(), ...files.flatMap(file => compiled.getSemanticDiagnostics(file))]
  if (files.length !== 3) throw new Error('expected the module and the two files of declarations')
  return found.map(({ file, messageText }) => `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
}

t.test('a tenant\'s project has the globals of an isolate, and no others', async t => {
  t.strictSame(check(t, program + onlyHere, ['fastify-microservices/sandbox']), [])
})

t.test('they are at peace with the types of Node', async t => {
  t.strictSame(check(t, program, ['node', 'fastify-microservices/sandbox']), [])
})

t.test('what is declared of a global, it has', async t => {
  const child = await Child.start(t)
  const members = declaredMembers()
  t.strictSame(Object.keys(members).sort(), declaredGlobals().filter(name => /^[A-Z]|^(console|crypto|performance)$/.test(name)))
  const isolate = child.load(`exports.missing = endpoint({}, ({ members }) => Object.entries(members).flatMap(([name, keys]) => {
    // An error has its stack for itself.
    const holder = name === 'DOMException' ? new DOMException('', { name, cause: 1 }) : globalThis[name].prototype ?? globalThis[name]
    return keys.filter(key => !(key in holder)).map(key => name + '.' + key)
  }))`)
  t.strictSame(await child.value(isolate, 'missing', { payload: { members } }), [])
})

/** By global, the names of the members that types/web.ts gives its instances. */
function declaredMembers (): Record<string, string[]> {
  const file = join(root, 'types/web.ts')
  const compiled = ts.createProgram([file], { lib: ['lib.es2024.d.ts'], target: ts.ScriptTarget.ES2024, types: [], noEmit: true, allowImportingTsExtensions: true })
  const checker = compiled.getTypeChecker()
  const members: Record<string, string[]> = {}
  for (const statement of compiled.getSourceFile(file)!.statements) {
    if (!ts.isInterfaceDeclaration(statement) || !statement.name.text.startsWith('Own')) continue
    const name = statement.name.text.slice(3)
    const properties = checker.getTypeAtLocation(statement).getProperties()
    members[objects.has(name) ? name.toLowerCase() : name] = properties.map(({ name }) => name).filter(name => !name.startsWith('__@'))
  }
  return members
}
