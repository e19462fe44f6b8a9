import type { Problem } from '../../types/directory.ts'
import type { ErrorCode } from '../errors.ts'

/** Thrown by the rooms of the catalog where one module cannot go on. */
export class ModuleError extends Error {
  readonly problem: Omit<Problem, 'owner'>

  constructor (code: ErrorCode, file: string, message: string, where: { line?: number, cause?: unknown } = {}) {
    super(message, { cause: where.cause })
    this.name = 'ModuleError'
    this.problem = { code, file, message, ...(where.line !== undefined && { line: where.line }) }
  }
}
