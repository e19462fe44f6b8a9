import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'

export const root = join(import.meta.dirname, '../..')

/** npm alone takes seconds on a busy machine; a program that hangs is still ended. */
const DEADLINE_MS = 60_000

export interface Tarball { file: string, paths: string[] }

/** Runs a program to its end and returns what it wrote; a failure shows all of its output. */
export async function run (cwd: string, program: string, ...args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { cwd, timeout: DEADLINE_MS })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string, stderr: string }
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
  }
}

/** A directory that is removed with the test; outside the checkout, whose node_modules would be found from inside. */
export async function temporaryDirectory (t: Test): Promise<string> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'fastify-microservices-')))
  t.teardown(async () => await rm(path, { recursive: true, force: true }))
  return path
}

/** Packs what `npm run build` made. Without scripts: building here would take `dist` from under other tests. */
export async function pack (t: Test): Promise<Tarball> {
  const directory = await temporaryDirectory(t)
  const output = await run(root, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', directory)
  const [{ filename, files }] = JSON.parse(output) as [{ filename: string, files: { path: string }[] }]
  return { file: join(directory, filename), paths: files.map(({ path }) => path).sort() }
}

/** Makes the directory of an app that has installed the tarball: only what the package declares is there beside it. */
export async function install (t: Test, tarball: Tarball): Promise<string> {
  const app = await temporaryDirectory(t)
  const installed = join(app, 'node_modules/fastify-microservices')
  await mkdir(installed, { recursive: true })
  await run(installed, 'tar', '-xzf', tarball.file, '--strip-components=1')

  const { dependencies, peerDependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
  for (const name of Object.keys({ ...dependencies, ...peerDependencies, '@types/node': '' })) {
    const link = join(app, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, 'node_modules', name), link)
  }
  return app
}
