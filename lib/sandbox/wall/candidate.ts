import type { ChildProcess } from 'node:child_process'
import type { Layers } from '../../../types/status.ts'
import type { Prepared } from './program.ts'

/** Who a child is to the system. */
export interface Credentials {
  readonly uid: number
  readonly gid: number
}

/** `nobody`, which owns nothing, whatever the system calls it. */
export const NOBODY: Credentials = { uid: 65534, gid: 65534 }

/** As whom something runs; undefined: as the app. */
export interface Identity {
  /** The wall's own program. */
  readonly launcher: Credentials | undefined
  /** What runs behind the wall, as seen from outside of it. */
  readonly child: Credentials | undefined
  readonly name: string
}

export const ourselves: Identity = { launcher: undefined, child: undefined, name: 'as the app\'s user' }
/** For root, which in a user namespace would still be root to whatever lies outside of it. */
export const nobody: Identity = { launcher: NOBODY, child: NOBODY, name: 'as nobody' }
/** For root, where nobody may not read our files: root builds the wall, without a user namespace, and becomes nobody behind it. */
export const becomesNobody: Identity = { launcher: undefined, child: NOBODY, name: 'as root, then nobody' }

/** What is really started. */
export interface Command {
  readonly file: string
  readonly arguments: readonly string[]
  /** Whether it reports on descriptor 5, and what it reads from 6, to the end; a child gets neither. */
  readonly reports: boolean
  readonly input: Buffer | undefined
}

/** A way to wall a child off. */
export interface Candidate {
  readonly by: Layers['by']
  /** For messages: what is tried. */
  readonly name: string
  readonly identity: Identity
  command (program: Prepared): Command
  /** Node's pid, when it has one; called at once after the start, given up when the child ends. */
  find (child: ChildProcess): Promise<number>
}

/** Whether the child has a user namespace of its own, in which the kernel counts what it starts. */
export function hasUserNamespace ({ by, identity }: Candidate): boolean {
  return by !== 'none' && identity !== becomesNobody
}

/** A wall's own, beside the socket and the mark of its child. */
export const STATUS_DESCRIPTOR = 5
export const INPUT_DESCRIPTOR = 6
