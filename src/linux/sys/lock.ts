import { Descriptor, openFlags } from './descriptor.ts'
import { errno, SystemError } from './errno.ts'
import { statusOf, statusOfDescriptor } from './files.ts'
import { libc } from './libc.ts'

const LOCK_EX = 2
const LOCK_NB = 4

/**
 * Tries to take the lock of a file (created if need be); undefined when somebody holds it. The lock goes with the
 * descriptor, so a killed process leaves none behind. Whoever gets the lock of a file that was removed meanwhile
 * holds nothing, so the path is compared afterwards. Throws SystemError. Equivalent to: `flock -n FILE`
 */
export const tryLock = (path: string): Descriptor | undefined => {
  const file = Descriptor.open(path, openFlags.readWrite | openFlags.create | openFlags.noFollow, 0o600)
  if (libc().flock(file.number, LOCK_EX | LOCK_NB) !== 0) {
    const number = libc().errno()
    file.close()
    if (number === errno.EAGAIN || number === errno.EINTR) return undefined
    throw new SystemError('flock', number, path)
  }
  if (sameFile(path, file)) return file
  file.close()
  return undefined
}

const sameFile = (path: string, file: Descriptor): boolean => {
  const held = statusOfDescriptor(file.number)
  const named = statusOf(path)
  return named !== undefined && named.inode === held.inode && named.device === held.device
}
