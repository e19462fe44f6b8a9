import { stat } from 'node:fs/promises'

/**
 * How long after a change another one may leave the same times. Kernels stamp files with a clock that advances once a
 * tick, 10 ms at the slowest; the rest is for a clock of ours that runs a little ahead.
 */
const COARSE_CLOCK_MS = 100
/** The same where a filesystem keeps whole seconds (SFTP, ext3) or pairs of them (FAT). */
const COARSE_FILESYSTEM_MS = 2_100

let racy = 0

/**
 * Cheap identity of a file's content: equal to one taken later, it says that a read would give the same. One of a file
 * that changed so shortly before it was read, or after, that it might not be that of what was read, equals no other.
 * `missing` where there is no file.
 *
 * @param readAt when the file was read, at the earliest; default now: it is read after this
 */
export async function fingerprint (file: string, readAt = Date.now()): Promise<string> {
  try {
    // ctime, since unlike mtime nobody can set it back; the inode, since a rename over the file keeps the times of the new one.
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true })
    const stamp = `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
    const window = ctimeNs % 1_000_000_000n === 0n ? COARSE_FILESYSTEM_MS : COARSE_CLOCK_MS
    return Number(ctimeNs / 1_000_000n) > readAt - window ? `${stamp}:racy:${++racy}` : stamp
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : `unreadable:${code}`
  }
}
