import type { BuildFailure, Message } from 'esbuild'
import { isBuiltin } from 'node:module'
import { LOCAL } from './namespaces.ts'
import type { Failure, Job } from './protocol.ts'

/** Messages quote names, which authors choose. */
const MESSAGE_LENGTH_MAX = 2_000

/** Ends a task with words for the module's author. */
export class JobFailure extends Error {
  readonly failure: Failure

  constructor (failure: Omit<Failure, 'fault'> & { fault?: Failure['fault'] }) {
    super(failure.message)
    this.failure = { fault: 'module', ...failure, message: failure.message.slice(0, MESSAGE_LENGTH_MAX) }
  }
}

/** Nobody can say whether the module or its isolate failed. */
export class UnexplainedFailure extends JobFailure {}

/** esbuild itself has come to an end, most likely of the module's making: this process is of no more use. */
export class EngineFailure extends Error {}

/**
 * esbuild's first complaint in our words: with the file and line of the culprit, and no path outside the module.
 *
 * @throws {EngineFailure}
 */
export function explain (failure: unknown, root: string, job: Job): JobFailure {
  const message = (failure as Partial<BuildFailure>).errors?.[0]
  if (message === undefined) throw new EngineFailure((failure as Error).message)
  const { location } = message
  const file = location === null ? job.entry : withoutRoot(location.file, root)
  return new JobFailure({ message: withoutRoot(wordsFor(message, file, job), root), file, ...(location !== null && { line: location.line }) })
}

function wordsFor ({ text, notes }: Message, file: string, { single }: Job): string {
  if (/top-level await/i.test(text)) return 'top-level await is not supported: await it inside the endpoint'
  // Notes without a place are advice on esbuild's own options.
  const why = notes.filter(note => note.location !== null).map(note => ` (${note.text.replace(/:$/, '')})`).join('')
  const [, wanted] = /^Could not resolve "(.*)"$/.exec(text) ?? []
  if (wanted === undefined) return text + why
  return `${missing(wanted, file, single)}${why}`
}

function missing (wanted: string, file: string, single: boolean): string {
  if (isBuiltin(wanted)) return `"${wanted}", which ${file} imports, is built into Node: a sandbox has web standards only`
  if (/^\.{1,2}(\/|$)/.test(wanted)) {
    return `cannot find the file "${wanted}" that ${file} imports${single ? '; a module of one file has nothing beside it: make it a folder with an index file' : ''}`
  }
  return `cannot find the package "${wanted}" that ${file} imports: a sandbox's module has the packages of its own folder's node_modules, ` +
    'fastify-microservices, @sinclair/typebox, and those that sandbox.imports names'
}

export function withoutRoot (text: string, root: string): string {
  return text.replaceAll(`${LOCAL}:`, '').replaceAll(`${root}/`, '').replaceAll(root, '.')
}
