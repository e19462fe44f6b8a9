import { globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'

const root = join(import.meta.dirname, '..')

/** The rooms, from the upper to the lower; those on one line may not import each other. */
const rooms = [
  ['lib/cli/'],
  ['lib/index.ts'],
  ['lib/modules/'],
  ['lib/deploy/'],
  ['lib/http/'],
  ['lib/invoke/'],
  ['lib/catalog/', 'lib/sandbox/', 'lib/tenancy/', 'lib/tokens/'],
  ['lib/store/'],
  ['lib/options.ts'],
  ['lib/settings.ts', 'lib/installation.ts'],
  ['lib/describe/', 'lib/directories.ts', 'lib/tenants.ts', 'lib/expected.ts', 'lib/mask.ts', 'lib/source/'],
  ['lib/limits.ts'],
  ['lib/names.ts'],
  ['lib/errors.ts'],
  ['lib/endpoint.ts', 'lib/show.ts', 'lib/deadline.ts'],
  ['types/']
]

/** Public types are derived from these schemas, so types/ may name them; only as types, which cost nothing at run time. */
const schemas = ['lib/settings.ts', 'lib/describe/descriptor.ts', 'lib/limits.ts']

/** Nothing else may depend on what the environment happens to hold. */
const readersOfTheEnvironment = ['lib/cli/environment.ts', 'lib/options.ts']

interface Import { from: string, to: string, relative: boolean, typeOnly: boolean }

const files = sources('{lib,types}/**/*.ts')
const imports = [...files].flatMap(([file, source]) => importsOf(file, source))
const local = imports.filter(({ relative }) => relative)
const packages = imports.filter(({ to, relative }) => !relative && !isBuiltin(to))
const held = local.filter(({ from, to, typeOnly }) => !(from.startsWith('types/') && typeOnly && schemas.includes(to)))
const manifest = JSON.parse(read('package.json'))

t.test('every file has a room', async t => {
  t.ok(files.size > 10, 'the files were found')
  t.strictSame([...files.keys()].filter(file => levelOf(file) === -1), [], 'add the room to this test, and to .github/CONTRIBUTING.md')
})

t.test('no local import leaves lib/ and types/', async t => {
  t.ok(local.length > 10, 'the imports were found')
  t.strictSame(local.filter(({ to }) => !files.has(to)).map(show), [])
})

t.test('no room imports one above it, or one beside it', async t => {
  const wrong = held.filter(({ from, to }) => roomOf(from) !== roomOf(to) && levelOf(to) <= levelOf(from))
  t.strictSame(wrong.map(show), [])
})

t.test('what runs in a cell, or makes modules, takes nothing of the host\'s; the host\'s rooms know one another by their doors', async t => {
  const sandbox = 'lib/sandbox/'
  const allowed: Record<string, string[]> = {
    'lib/sandbox/child/': ['lib/sandbox/child/', 'lib/sandbox/protocol.ts', 'lib/describe/', 'lib/endpoint.ts', 'lib/names.ts', 'lib/show.ts'],
    'lib/sandbox/builder/': ['lib/sandbox/builder/', 'lib/sandbox/child/', 'lib/sandbox/protocol.ts', 'lib/describe/', 'lib/endpoint.ts', 'lib/names.ts', 'lib/show.ts', 'lib/source/sources.ts'],
    'lib/sandbox/wall/': ['lib/sandbox/wall/', 'lib/sandbox/protocol.ts'],
    'lib/sandbox/pool/': ['lib/sandbox/pool/', 'lib/sandbox/protocol.ts', 'lib/sandbox/layers.ts'],
    'lib/sandbox/workshop/': ['lib/sandbox/workshop/', 'lib/sandbox/protocol.ts', 'lib/sandbox/layers.ts', 'lib/sandbox/prelude.ts', 'lib/sandbox/guest-script.ts', 'lib/sandbox/builder/']
  }
  for (const [room, doors] of Object.entries(allowed)) {
    const inner = room === 'lib/sandbox/child/' || room === 'lib/sandbox/builder/'
    const taken = local.filter(({ from, to }) => from.startsWith(room) && (inner || to.startsWith(sandbox)) && !to.startsWith('types/'))
    t.ok(taken.length > 0, `imports of ${room} were found`)
    t.strictSame(taken.filter(({ to }) => !doors.some(door => to.startsWith(door))).map(show), [], room)
  }
})

t.test('no files import each other in a circle', async t => {
  t.strictSame(cycles(), [])
})

t.test('types/ has no code, and takes none from lib/', async t => {
  const wrong = [...files].filter(([file, source]) => file.startsWith('types/') && source.statements.some(hasCode))
  t.strictSame(wrong.map(([file]) => file), [])
})

t.test('no file is longer than 250 lines', async t => {
  const long = [...files].map(([file, source]) => `${file}: ${source.text.trimEnd().split('\n').length}`)
  t.strictSame(long.filter(line => Number(line.split(': ')[1]) > 250), [])
})

t.test('the process environment is read in one place', async t => {
  const readers = [...files].filter(([, source]) => readsEnvironment(source)).map(([file]) => file)
  t.strictSame(readers, readersOfTheEnvironment)
})

t.test('packages that are imported are declared, and those that are declared are imported', async t => {
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
  const imported = new Set(packages.map(({ to }) => /^(@[^/]+\/)?[^/]+/.exec(to)![0]))
  t.strictSame([...imported].sort(), declared.sort())
})

t.test('every code of the catalogue is used, and documented with its status', async t => {
  const { catalogue } = await import('../lib/errors.ts')
  const used = new Set([...files].filter(([file]) => file !== 'lib/errors.ts').flatMap(([, source]) => textsOf(source)))
  const rows = read('README.md').split('\n').filter(line => line.startsWith('|'))
  for (const [code, { status }] of Object.entries(catalogue)) {
    t.ok(used.has(code), `${code} is used in lib/`)
    const row = rows.find(row => row.includes(`\`${code}\``))
    // Most codes with 500 are never answers: they are met at the start, or in `directory()`.
    t.match(row, status === 500 ? code : new RegExp(`\\b${status}\\b`), `${code} stands in the README's table of errors, with its status`)
  }
  const documented = read('README.md').match(/\bFMS_ERR_[A-Z_]+\b/g) ?? []
  t.strictSame(documented.filter(code => !(code in catalogue)), [], 'the README names no code that does not exist')
})

t.test('.env.example has every setting that may come from the environment, and no other', async t => {
  const example = read('.env.example').match(/^\w+(?==)/gm) ?? []
  const slugs = Array.from({ length: 10 }, (_, i) => `URL_PARM${i + 1}`)
  t.strictSame(example.toSorted(), [...settingsOf(files.get('lib/settings.ts')!), ...slugs].toSorted())
})

function sources (pattern: string): Map<string, ts.SourceFile> {
  return new Map(globSync(pattern, { cwd: root }).sort().map(file => [file, ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true)]))
}

function read (file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

function importsOf (file: string, source: ts.SourceFile): Import[] {
  const found: Import[] = []
  visit(source, node => {
    const typeOnly = (ts.isImportDeclaration(node) && node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) ||
      (ts.isExportDeclaration(node) && node.isTypeOnly) || ts.isImportTypeNode(node)
    const specifier = ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
      ? node.moduleSpecifier
      : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
        ? node.argument.literal
        : ts.isCallExpression(node) && (node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText() === 'require')
          ? node.arguments[0]
          : undefined
    if (!specifier || !ts.isStringLiteralLike(specifier)) return
    const relative = specifier.text.startsWith('.')
    found.push({ from: file, to: relative ? join(file, '..', specifier.text) : specifier.text, relative, typeOnly })
  })
  return found
}

function visit (node: ts.Node, see: (node: ts.Node) => void): void {
  see(node)
  ts.forEachChild(node, child => visit(child, see))
}

function roomOf (file: string): string | undefined {
  return rooms.flat().find(room => room.endsWith('/') ? file.startsWith(room) : file === room)
}

function levelOf (file: string): number {
  const room = roomOf(file)
  return rooms.findIndex(level => level.includes(room ?? ''))
}

function show ({ from, to }: Import): string {
  return `${from} -> ${to}`
}

/** The circles among files; each as the path that closes it. */
function cycles (): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const walk = (file: string, path: string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (done.has(file) || path.includes(file)) return
    for (const { to } of held.filter(({ from }) => from === file)) walk(to, [...path, file])
    done.add(file)
  }
  for (const file of files.keys()) walk(file, [])
  return found
}

function hasCode (statement: ts.Statement): boolean {
  if (ts.isImportDeclaration(statement)) return statement.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword
  if (ts.isExportDeclaration(statement)) return !statement.isTypeOnly
  // `declare global` declares what others have.
  if (ts.isModuleDeclaration(statement)) return !statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword)
  return !ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement)
}

function readsEnvironment (source: ts.SourceFile): boolean {
  let reads = false
  visit(source, node => {
    reads ||= ts.isPropertyAccessExpression(node) && node.getText() === 'process.env'
    reads ||= ts.isVariableDeclaration(node) && node.initializer?.getText() === 'process'
    reads ||= ts.isImportSpecifier(node) && (node.propertyName ?? node.name).text === 'env' &&
      /process['"]$/.test(node.parent.parent.parent.moduleSpecifier.getText())
  })
  return reads
}

function textsOf (source: ts.SourceFile): string[] {
  const found: string[] = []
  visit(source, node => { if (ts.isStringLiteralLike(node)) found.push(node.text) })
  return found
}

/** The names in `const environmentSettings = { … }`, as they stand in the source: no other list of them exists to compare with. */
function settingsOf (source: ts.SourceFile): string[] {
  const names: string[] = []
  visit(source, node => {
    if (!ts.isVariableDeclaration(node) || node.name.getText() !== 'environmentSettings' || node.parent.parent.parent !== source) return
    ts.forEachChild(node.initializer!, property => { names.push((property as ts.PropertyAssignment).name.getText()) })
  })
  return names
}
