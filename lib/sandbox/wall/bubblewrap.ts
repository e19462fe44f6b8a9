import type { ChildProcess } from 'node:child_process'
import { on } from 'node:events'
import type { Readable } from 'node:stream'
import { becomesNobody, type Candidate, type Command, type Identity, INPUT_DESCRIPTOR, STATUS_DESCRIPTOR } from './candidate.ts'
import { PRLIMIT } from './limiter.ts'
import { limited } from './limits.ts'
import { SETPRIV } from './plain.ts'
import { childrenOf, never, nodeBelow } from './process.ts'
import { type Binding, distinct, nodePath, type Prepared } from './program.ts'
import { systemCallFilter } from './system-calls.ts'

// Node as the first process: none stands between it and the kernel, and all others end with it.
const IS_NOBODY = ['--unshare-all', '--uid', '65534', '--gid', '65534', '--cap-drop', 'ALL', '--as-pid-1']
// The first process is bubblewrap's own: when the host dies it is to be killed by one without rights, so as the same user.
const BECOMES_NOBODY = [
  '--unshare-net', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try',
  '--cap-drop', 'ALL', '--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID', '--cap-add', 'CAP_SETPCAP'
]
const BECOME = [SETPRIV, '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all', '--']

/** All namespaces, a root that holds what the program needs and cannot be written to, no rights, and a filter of system calls. */
export class Bubblewrap implements Candidate {
  readonly by = 'bubblewrap'
  readonly name: string
  readonly identity: Identity
  readonly #path: string
  readonly #libraries: readonly Binding[]

  /**
   * @param path of `bwrap`
   * @param libraries of Node, and of `setpriv` where that is needed
   */
  constructor (path: string, libraries: readonly Binding[], identity: Identity) {
    this.#path = path
    this.#libraries = libraries
    this.identity = identity
    this.name = `${path} ${identity.name}`
  }

  command (program: Prepared): Command {
    const filter = program.filtered ? systemCallFilter(process.arch, program.spawns) : undefined
    const options = [
      ...(this.identity === becomesNobody ? BECOMES_NOBODY : IS_NOBODY),
      '--die-with-parent', '--new-session', '--clearenv', '--json-status-fd', String(STATUS_DESCRIPTOR),
      ...(filter === undefined ? [] : ['--seccomp', String(INPUT_DESCRIPTOR)]),
      ...this.#files(program),
      '--chdir', '/'
    ]
    const become = this.identity === becomesNobody ? BECOME : []
    return {
      file: PRLIMIT,
      arguments: [...limited(program), this.#path, ...options, '--', ...become, nodePath, ...program.arguments],
      reports: true,
      input: filter
    }
  }

  /** No /proc, as Node does without, and containers often let nobody mount it; of /dev what a C library may open. */
  #files ({ bindings, scratchBytes }: Prepared): string[] {
    const programs = this.identity === becomesNobody ? [nodePath, SETPRIV] : [nodePath]
    const devices = ['/dev/null', '/dev/urandom'].map(path => ({ source: path, target: path }))
    const own = distinct([...programs.map(path => ({ source: path, target: path })), ...this.#libraries, ...bindings])
    return [
      // Before what is bound below it.
      ...(scratchBytes > 0 ? ['--perms', '1777', '--size', String(scratchBytes), '--tmpfs', '/tmp'] : []),
      // Folders that bubblewrap makes on its way are its own user's alone.
      ...(this.identity === becomesNobody ? foldersTo([...own, ...devices]).flatMap(path => ['--dir', path]) : []),
      ...own.flatMap(({ source, target }) => ['--ro-bind', source, target]),
      '--ro-bind-try', '/etc/alpine-release', '/etc/alpine-release',
      ...devices.flatMap(({ source, target }) => ['--dev-bind', source, target]),
      // Else the root's own file system could be filled, which no limit of memory counts.
      '--remount-ro', '/'
    ]
  }

  async find (child: ChildProcess): Promise<number> {
    const status = Array.from<unknown>(child.stdio)[STATUS_DESCRIPTOR] as Readable
    let text = ''
    for await (const [chunk] of on(status, 'data', { close: ['end', 'close'] })) {
      text += String(chunk)
      const pid = /"child-pid": (\d+)/.exec(text)?.[1]
      if (pid !== undefined) {
        status.on('error', () => {}).resume()
        return this.identity === becomesNobody ? await nodeBelow(child, () => childrenOf(Number(pid))) : Number(pid)
      }
    }
    return await never()
  }
}

/** All folders above, each after the one that it lies in. */
function foldersTo (bindings: readonly Binding[]): string[] {
  const folders = bindings.flatMap(({ target }) => [...target.matchAll(/(?<=.)\//g)].map(({ index }) => target.slice(0, index)))
  return [...new Set(folders)]
}
