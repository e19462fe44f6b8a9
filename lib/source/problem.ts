import type { Problem } from '../../types/directory.ts'
import type { ErrorCode } from '../errors.ts'

/** Thrown by the rooms of the catalog where one module cannot go on. */
export class ModuleError extends Error {
  readonly problem: Omit<Problem, 'owner'>
  /** Files that a change of may mend it, whether they are there or not. */
  readonly inputs: readonly string[]

  constructor (code: ErrorCode, file: string, message: string, where: { line?: number, cause?: unknown, inputs?: Iterable<string> } = {}) {
    super(message, { cause: where.cause })
    this.name = 'ModuleError'
    this.inputs = [...where.inputs ?? []]
    this.problem = { code, file, message, ...(where.line !== undefined && { line: where.line }) }
  }
}
