import { SystemError } from './errno.ts'
import { readSmallFile } from './files.ts'
import { libc } from './libc.ts'

/** RLIMIT_NOFILE (asm-generic/resource.h). */
const openFiles = 7

/** The soft and hard limit of open files in a text of /proc/PID/limits; undefined where it says `unlimited`. */
export const openFilesIn = (limits: string): { soft: number; hard: number } | undefined => {
  const found = /^Max open files\s+(\d+)\s+(\d+)/m.exec(limits)
  return found === null ? undefined : { soft: Number(found[1]), hard: Number(found[2]) }
}

/**
 * Puts the soft limit of open files back to what the parent process has: the runtime raises it to the hard limit at its
 * start, and programs that use select(2), or close every descriptor they might have, suffer from that. Where the
 * parent's limits cannot be read, nothing is changed. Throws SystemError. Equivalent to: `ulimit -S -n N`
 */
export const restoreOpenFilesLimit = (): void => {
  const own = openFilesIn(readSmallFile('/proc/self/limits'))
  const parent = parentLimits()
  // A soft limit below the hard one was not raised by the runtime.
  if (own === undefined || parent === undefined || own.soft !== own.hard || parent.soft >= own.soft) return
  const limit = new Uint8Array(new BigUint64Array([BigInt(parent.soft), BigInt(own.hard)]).buffer)
  if (libc().setrlimit(openFiles, limit) !== 0) throw new SystemError('setrlimit', libc().errno())
}

const parentLimits = (): { soft: number; hard: number } | undefined => {
  try {
    return openFilesIn(readSmallFile(`/proc/${process.ppid}/limits`))
  } catch {
    // The parent ended, or /proc hides it: there is nothing to go by.
    return undefined
  }
}
