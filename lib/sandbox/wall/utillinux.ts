import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { becomesNobody, type Candidate, type Command, type Identity } from './candidate.ts'
import { PRLIMIT } from './limiter.ts'
import { limited } from './limits.ts'
import { SETPRIV } from './plain.ts'
import { childrenOf, nodeBelow } from './process.ts'
import { type Binding, distinct, nodePath, type Prepared } from './program.ts'

export const UNSHARE = '/usr/bin/unshare'

// The new root covers one of these, in the child's namespace alone: one that nothing comes from.
const ROOTS = ['/tmp', '/mnt', '/media', '/srv', '/opt', '/home']
const ROOT_BYTES = 1024 * 1024

// The shell is the first process of the namespace, with the rights that mounting needs. It stays: what it starts is in a
// user namespace below its own, and can neither signal it nor trace it, so that it ends with us whatever it does. A
// process in a changed root makes no user namespace of its own, so none gets the right to leave that root.
const SCRIPT = `set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=$1 bytes=$2 scratch=$3
shift 3
mount -t tmpfs -o size=$bytes,mode=0755 tmpfs "$root"
if [ "$scratch" != 0 ]; then mkdir -p "$root/tmp"; mount -t tmpfs -o "size=$scratch,mode=1777,nosuid,nodev" tmpfs "$root/tmp"; fi
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$root\${2%/*}"; [ -e "$root$2" ] || : > "$root$2"; fi
  mount --bind "$1" "$root$2"
  case $1 in /dev/*) ;; *) mount -o remount,bind,ro,nosuid,nodev "$root$2" ;; esac
  shift 2
done
shift
mount -o remount,ro,bind "$root"
env -i "$@"
exit $?`

/** The same namespaces, and the same root, by the programs that every Linux has; without a filter of system calls. */
export class UtilLinux implements Candidate {
  readonly by = 'util-linux'
  readonly name: string
  readonly identity: Identity
  readonly #libraries: readonly Binding[]

  constructor (libraries: readonly Binding[], identity: Identity) {
    this.#libraries = libraries
    this.identity = identity
    this.name = `${UNSHARE} ${identity.name}`
  }

  command (program: Prepared): Command {
    const dropped = this.identity === becomesNobody
    const devices = ['/dev/null', '/dev/urandom'].map(path => ({ source: path, target: path }))
    const bindings = distinct([{ source: nodePath, target: nodePath }, ...this.#libraries, ...program.bindings, ...devices])
    const root = ROOTS.find(root => existsSync(root) && !bindings.some(({ source }) => source.startsWith(`${root}/`)))
    if (root === undefined) throw new Error(`no folder to make a root of: each of ${ROOTS.join(', ')} is missing, or holds what the program needs`)
    const enter = dropped
      ? ['/usr/sbin/chroot', '--userspec=65534:65534', '--groups=', root]
      : [UNSHARE, '--user', '--map-user=65534', '--map-group=65534', `--root=${root}`, '--wd=/', '--']
    return {
      file: PRLIMIT,
      arguments: [
        ...limited(program),
        SETPRIV, '--no-new-privs', '--pdeathsig', 'KILL', '--',
        UNSHARE, ...(dropped ? [] : ['--user', '--map-root-user']), '--mount', '--net', '--pid', '--ipc', '--uts', '--cgroup', '--fork', '--kill-child', '--',
        '/bin/sh', '-c', SCRIPT, 'sh', root, String(ROOT_BYTES), String(program.scratchBytes),
        ...bindings.flatMap(({ source, target }) => [source, target]), '--',
        ...enter, nodePath, ...program.arguments
      ],
      reports: false,
      input: undefined
    }
  }

  /** `unshare` starts the shell, which starts Node. */
  async find (child: ChildProcess): Promise<number> {
    return await nodeBelow(child, pid => childrenOf(pid).flatMap(childrenOf))
  }
}
