import type { ErrorCode } from '../errors.ts'

/** Why something in a plugin directory is not served. Listed by `app.microservices.directory()` and logged once. */
export interface Problem {
  readonly code: ErrorCode
  readonly owner: string
  /** Absolute path of the file, folder or directory that is to be mended. */
  readonly file: string
  readonly line?: number
  /** Name of the endpoint, where only that one is refused. */
  readonly endpoint?: string
  /** Field of its descriptor. */
  readonly field?: string
  /** What was expected, what was found and what to do. */
  readonly message: string
}

/** Thrown by the rooms of the catalog where one module cannot go on. */
export class ModuleError extends Error {
  readonly problem: Omit<Problem, 'owner'>

  constructor (code: ErrorCode, file: string, message: string, where: { line?: number, cause?: unknown } = {}) {
    super(message, { cause: where.cause })
    this.name = 'ModuleError'
    this.problem = { code, file, message, ...(where.line !== undefined && { line: where.line }) }
  }
}
