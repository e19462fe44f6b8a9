import { type Node, type ModuleDeclaration, type Statement, parse } from 'acorn'
import type { TransformOptions, TransformResult } from 'esbuild'
import { Positions } from '../source/positions.ts'
import { ModuleError } from '../source/problem.ts'
import { buildError, readSource } from '../source/sources.ts'

type Transform = (contents: string, options: TransformOptions) => Promise<TransformResult>

const NAME = '__ID__'

/** Takes away types, and what acorn cannot parse: to lower more (`using`) would change the form of the exports. */
const options: TransformOptions = { target: 'esnext', supported: { decorators: false }, tsconfigRaw: '{}', sourcemap: 'external', logLevel: 'silent' }

/**
 * Reads the owner that a module names, `export const __ID__ = '<uuid>'`, from the source of its entry. Nothing runs:
 * who owns a module must be known before its code may.
 *
 * @throws `FMS_ERR_OWNER` for an exported `__ID__` of any other form, `FMS_ERR_MODULE` where there is no reading it.
 */
export async function readIdentity (file: string, transform: Transform): Promise<string | undefined> {
  const { contents, loader } = await readSource(file)
  if (!contents.includes(NAME)) return undefined
  const { body, map } = await transform(contents, { ...options, loader, sourcefile: file })
    .then(({ code, map }) => ({ map, body: parse(code, { sourceType: 'module', ecmaVersion: 'latest', locations: true }).body }))
    .catch(failure => { throw buildError(file, failure) })
  const statement = body.find(exportsIdentity)
  if (statement === undefined) return undefined
  const value = literalOf(statement)
  // esbuild joins 'a' + 'b'; what was not written as one literal does not stand in the source.
  if (value !== undefined && contents.includes(value)) return value
  const { line, column } = statement.loc!.start
  const origin = new Positions(file, map).origin(line, column + 1)
  throw new ModuleError('FMS_ERR_OWNER', file,
    `expected export const ${NAME} = '<uuid>', with a plain string; found another form of export, whose value cannot be known without running it`,
    origin === undefined ? {} : { line: origin.line })
}

function exportsIdentity (statement: Statement | ModuleDeclaration): boolean {
  if (statement.type === 'ExportAllDeclaration') return nameOf(statement.exported) === NAME
  if (statement.type !== 'ExportNamedDeclaration') return false
  const { declaration, specifiers } = statement
  if (specifiers.some(specifier => nameOf(specifier.exported) === NAME)) return true
  if (declaration?.type === 'VariableDeclaration') return declaration.declarations.some(({ id }) => binds(id))
  return declaration != null && nameOf(declaration.id) === NAME
}

/** Whether a pattern, however nested, binds the name. */
function binds (pattern: Node): boolean {
  return JSON.stringify(pattern).includes(`"name":"${NAME}"`)
}

function nameOf (node: { type: string, name?: unknown, value?: unknown } | null | undefined): unknown {
  return node?.type === 'Literal' ? node.value : node?.name
}

function literalOf (statement: Statement | ModuleDeclaration): string | undefined {
  if (statement.type !== 'ExportNamedDeclaration' || statement.declaration?.type !== 'VariableDeclaration') return undefined
  const { kind, declarations } = statement.declaration
  const init = declarations.find(({ id }) => id.type === 'Identifier' && id.name === NAME)?.init
  if (kind !== 'const' || init == null) return undefined
  if (init.type === 'Literal') return typeof init.value === 'string' ? init.value : undefined
  return init.type === 'TemplateLiteral' && init.expressions.length === 0 ? init.quasis[0]?.value.cooked ?? undefined : undefined
}
