import { existsSync } from 'node:fs'
import { geteuid } from 'node:process'
import type { Layers } from '../../types/status.ts'
import { messageOf, platformError } from '../errors.ts'
import { Bubblewrap } from './wall/bubblewrap.ts'
import { becomesNobody, type Candidate, type Identity, nobody, ourselves } from './wall/candidate.ts'
import { Child, type Walled } from './wall/child.ts'
import { allLibraries, librariesOf } from './wall/libraries.ts'
import { closeLimiters, PRLIMIT } from './wall/limiter.ts'
import { Plain, SETPRIV } from './wall/plain.ts'
import { probe, type Probed } from './wall/probe.ts'
import { type Binding, nodePath, prepare, type Program } from './wall/program.ts'
import { UNSHARE, UtilLinux } from './wall/utillinux.ts'

export type { Program, Walled }

/** Where distributions put it. Never by PATH, which may lead anywhere. */
const BUBBLEWRAP = ['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap']

interface Found extends Probed {
  /** What was tried before, and why it is not used. */
  readonly failures: readonly string[]
}

/** Found out once: what the system allows does not change under a process. */
let found: Promise<Found> | undefined

/** How many are in use. They share what helps them. */
let open = 0

/** What stands between tenants' code and the system, on this system. */
export class Wall {
  readonly layers: Layers
  /** What is missing, where something is and that was allowed. For the log, once. */
  readonly warning: string | undefined
  readonly #candidate: Candidate

  /**
   * Finds the best wall by trying.
   *
   * @throws `FMS_ERR_LAYERS` where layers are missing in production, unless `weakened`
   */
  static async detect ({ weakened, production }: { weakened: boolean, production: boolean }): Promise<Wall> {
    const best = await (found ??= search().catch(error => {
      // Perhaps there was no memory for a process.
      found = undefined
      throw error
    }))
    const problem = problemOf(best)
    if (problem !== undefined && production && !weakened) throw platformError('FMS_ERR_LAYERS', problem)
    return new Wall(best.candidate, best.layers, problem)
  }

  private constructor (candidate: Candidate, layers: Layers, problem: string | undefined) {
    this.#candidate = candidate
    this.layers = layers
    this.warning = problem === undefined ? undefined : `tenants' code is not walled off as it should be: ${problem}`
    open++
  }

  /**
   * Starts a program; resolves as soon as its pid is known, and rejects where it ends before.
   *
   * @param options `belts: false`, for tests of the wall itself: see `prepare`
   */
  async start (program: Program, { belts = true }: { belts?: boolean } = {}): Promise<Walled> {
    return await Child.start(this.#candidate, prepare(program, belts))
  }

  /** To be called once, when no child of it is left. The last one to do so ends what helped them all; the next start begins anew. */
  close (): void {
    if (--open === 0) closeLimiters()
  }
}

/** The best candidate that works: the first with all layers, else the first with the most. */
async function search (): Promise<Found> {
  const failures: string[] = []
  let best: Probed | undefined
  for (const candidate of await candidates(failures)) {
    try {
      const probed = await probe(candidate, import.meta.filename)
      if (best === undefined || countOf(probed.layers) > countOf(best.layers)) best = probed
      if (missingOf(probed.layers).length === 0) break
    } catch (error) {
      failures.push(`${candidate.name}: ${messageOf(error)}`)
    }
  }
  if (best === undefined) throw platformError('FMS_ERR_LAYERS', `no child process can be started at all:\n${failures.join('\n')}`)
  return { ...best, failures }
}

/** What may be tried on this system, best first. Adds to `failures` what cannot even be tried. */
async function candidates (failures: string[]): Promise<Candidate[]> {
  const isRoot = geteuid?.() === 0
  const plain = (isRoot ? [nobody, ourselves] : [ourselves]).map(identity => new Plain(identity))
  if (process.platform !== 'linux') {
    failures.push(`${process.platform} has no namespaces; Linux has`)
    return plain
  }
  const missing = [PRLIMIT, SETPRIV, UNSHARE].filter(path => !existsSync(path))
  if (missing.length > 0) {
    failures.push(`${missing.join(', ')} not found; they are util-linux's`)
    return plain
  }
  const path = BUBBLEWRAP.find(path => existsSync(path))
  if (path === undefined) failures.push(`bubblewrap not found as any of ${BUBBLEWRAP.join(', ')}`)
  const libraries = [await neededLibraries().catch(allLibraries), allLibraries()]
  const identities = isRoot ? [nobody, becomesNobody] : [ourselves]
  return [
    ...(path === undefined ? [] : pairs(libraries, identities).map(pair => new Bubblewrap(path, ...pair))),
    ...pairs(libraries, identities).map(pair => new UtilLinux(...pair)),
    ...plain
  ]
}

async function neededLibraries (): Promise<Binding[]> {
  return (await Promise.all([nodePath, SETPRIV].map(librariesOf))).flat()
}

/** Fewer libraries matter more than how one becomes nobody. */
function pairs (libraries: ReadonlyArray<readonly Binding[]>, identities: readonly Identity[]): Array<[readonly Binding[], Identity]> {
  return libraries.flatMap(some => identities.map((identity): [readonly Binding[], Identity] => [some, identity]))
}

/** `by` alone says nothing: no layer is worth more by who made it. */
function missingOf (layers: Layers): string[] {
  return Object.entries(layers).filter(([, value]) => value === false).map(([name]) => name)
}

function countOf (layers: Layers): number {
  return -missingOf(layers).length
}

function problemOf ({ layers, failures, dataProblem }: Found): string | undefined {
  const missing = missingOf(layers)
  if (missing.length === 0) return undefined
  const reasons = [...new Set(failures), ...(dataProblem === undefined ? [] : [`limit of data: ${dataProblem}`])]
  return `missing: ${missing.join(', ')}.\n${reasons.map(reason => `- ${reason}\n`).join('')}${ADVICE}`
}

const ADVICE = 'Install bubblewrap (0.8 or later) and util-linux, and let an unprivileged user make user namespaces: ' +
  'sysctl kernel.unprivileged_userns_clone=1 (Debian), sysctl kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile ' +
  'for bwrap (Ubuntu), in a container a seccomp profile that allows them (examples/seccomp.json). ' +
  'Where the app runs as root, everyone must be able to read its files. ' +
  'Or set option sandbox.weakened, for tenants that you trust.'
