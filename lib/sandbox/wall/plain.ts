import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Candidate, Command, Identity } from './candidate.ts'
import { PRLIMIT } from './limiter.ts'
import { limited } from './limits.ts'
import { never } from './process.ts'
import { nodePath, type Prepared } from './program.ts'

export const SETPRIV = '/usr/bin/setpriv'

/** No wall: a process with an empty environment, and as a user that owns nothing where we are root. */
export class Plain implements Candidate {
  readonly by = 'none'
  readonly name = 'plain process'
  readonly identity: Identity

  constructor (identity: Identity) {
    this.identity = identity
  }

  command (program: Prepared): Command {
    const words = [
      ...(existsSync(PRLIMIT) ? [PRLIMIT, ...limited(program)] : []),
      ...(existsSync(SETPRIV) ? [SETPRIV, '--no-new-privs', '--pdeathsig', 'KILL', '--'] : []),
      nodePath,
      ...program.arguments
    ]
    return { file: words[0]!, arguments: words.slice(1), reports: false, input: undefined }
  }

  async find (child: ChildProcess): Promise<number> {
    return child.pid ?? await never()
  }
}
