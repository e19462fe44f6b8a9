import { basename, dirname, sep } from 'node:path'
import type { Problem } from '../../types/directory.ts'
import { fail } from '../endpoint.ts'
import { type ErrorCode, unavailable } from '../errors.ts'
import { FilesError, type SourceFile } from '../source/files.ts'
import { ModuleError } from '../source/problem.ts'

/** As many as are mended at one go, each as long as is read. */
const LINES_MAX = 20
const LINE_LENGTH_MAX = 1_000

/** Some 10,000 lines, read in 10 ms. The author chooses how many there are, and for how many problems. */
const SEARCHED_BYTES_MAX = 256 * 1024

/** Not the fault of whoever wrote the module: nothing can be made now, or DATA_DIR cannot be used. */
const ours: ReadonlySet<string> = new Set<ErrorCode>(['FMS_ERR_UNAVAILABLE', 'FMS_ERR_DIRECTORY'])

/**
 * Does something with a module, for whoever uploaded it: what is wrong with its files is an error of 422 then, with the
 * file, the line and what was expected.
 */
export async function refusing<T> (work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FilesError) return fail(422, error.message)
    if (!(error instanceof ModuleError)) throw error
    const { problem } = error
    if (ours.has(problem.code)) throw unavailable(`${problem.file}: ${problem.message}`, { cause: error })
    return failOf([problem])
  }
}

/** @throws an error of 422 with a line for each problem of a version that was made of these files */
export function refuseProblems ({ file, problems }: { file: string, problems: readonly Found[] }, files: readonly SourceFile[]): void {
  if (problems.length === 0) return
  const folder = dirname(file)
  const cut = (text: string): string => text.replaceAll(folder + sep, '').replaceAll(folder, '.')
  const entry = basename(file)
  const places = exportsIn(files.toSorted((one, other) => Number(other.path === entry) - Number(one.path === entry)))
  failOf(problems.map(problem => ({ ...problem, file: cut(problem.file), message: cut(problem.message), ...placeOf(problem, places) })))
}

type Found = Omit<Problem, 'owner'>
type Places = ReadonlyMap<string, Pick<Found, 'file' | 'line'>>

/** Where an endpoint that was refused stands, if its source says so plainly. */
function placeOf ({ line, endpoint = '' }: Found, places: Places): Partial<Pick<Found, 'file' | 'line'>> {
  return line === undefined ? places.get(endpoint) ?? {} : {}
}

/** Words of the lines that export something. */
function exportsIn (files: readonly SourceFile[]): Places {
  const places = new Map<string, Pick<Found, 'file' | 'line'>>()
  let rest = SEARCHED_BYTES_MAX
  for (const { path, contents } of files) {
    if (!/\.m?[jt]s$/.test(path) || contents.length > rest) continue
    rest -= contents.length
    for (const [i, text] of Buffer.from(contents).toString().split('\n').entries()) {
      if (!text.startsWith('export ')) continue
      for (const word of text.split(/[^$\w]+/, 5)) if (!places.has(word)) places.set(word, { file: path, line: i + 1 })
    }
  }
  return places
}

function failOf (problems: readonly Found[]): never {
  const lines = problems.slice(0, LINES_MAX).map(({ file, line, message }) =>
    `${file}:${line === undefined ? '' : `${line}:`} ${message}`.replaceAll(/\s*\n\s*/g, ' ').slice(0, LINE_LENGTH_MAX))
  const more = problems.length - lines.length
  return fail(422, [...lines, ...more > 0 ? [`and ${more} more`] : []].join('\n'))
}
