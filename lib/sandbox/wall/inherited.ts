import { readdirSync, readFileSync } from 'node:fs'

// fcntl.h, as /proc writes it
const CLOSED_ON_EXEC = 0o2000000

let inherited: readonly number[] | undefined

/**
 * Descriptors that every program which we start gets as well, since whoever started the app left them open: a shell's
 * pipes, a supervisor's sockets, a folder. Looked for once, as a busy app has thousands that it opened itself, all of
 * which Node closes in its children.
 */
export function inheritedDescriptors (): readonly number[] {
  inherited ??= process.platform === 'linux' ? find() : []
  return inherited
}

function find (): number[] {
  return readdirSync('/proc/self/fd').map(Number).filter(descriptor => {
    try {
      const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1]
      return (parseInt(flags ?? '0', 8) & CLOSED_ON_EXEC) === 0
    } catch {
      // That of the listing itself, which is closed by now.
      return false
    }
  })
}
