import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

/** The values that types/sandbox.ts declares. */
export function declaredGlobals (): string[] {
  const file = join(import.meta.dirname, '../../types/sandbox.ts')
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest)
  const names = source.statements.filter(ts.isModuleDeclaration).flatMap(({ body }) => body !== undefined && ts.isModuleBlock(body) ? body.statements.flatMap(namesOf) : [])
  return [...new Set(names)].sort()
}

function namesOf (statement: ts.Statement): string[] {
  if (ts.isFunctionDeclaration(statement)) return [statement.name!.text]
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => (name as ts.Identifier).text)
  return []
}
