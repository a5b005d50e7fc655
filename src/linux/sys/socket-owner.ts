import { SystemError } from './errno.ts'
import { linkTarget, namesIn, readSmallFile } from './files.ts'

/** A process that holds a socket. */
export type SocketOwner = {
  pid: number
  /** The name that the process goes by (comm): at most 15 bytes, and whatever the process chose. */
  command: string
}

/** Descriptors that are looked at before the search is given up: about half a second of work. */
const descriptorsAtMost = 200_000

/** A process that ended meanwhile, or that this one may not look into. */
const skipped: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])

const unlessSkipped = <T>(action: () => T): T | undefined => {
  try {
    return action()
  } catch (error) {
    if (error instanceof SystemError && skipped.has(error.code)) return undefined
    throw error
  }
}

/**
 * The process that holds a socket, by the socket's inode: of several that share it the one with the lowest number, which
 * is mostly the one that opened it. The first process of all comes last: systemd opens sockets for others, and keeps
 * them. Undefined when nobody is found: the socket is closed, its process belongs to
 * another user or is out of sight (hidepid, a PID namespace), or there are too many descriptors to look at. Reads names
 * of descriptors only, which never waits for a file system. Throws SystemError. Equivalent to: `ss -ep`
 */
export const findSocketOwner = (inode: number): SocketOwner | undefined => {
  // Of a socket that no process holds any more.
  if (inode === 0) return undefined
  const wanted = `socket:[${inode}]`
  let left = descriptorsAtMost
  for (const pid of processes()) {
    const names = unlessSkipped(() => namesIn(`/proc/${pid}/fd`)) ?? []
    for (const name of names) {
      if (left-- === 0) return undefined
      if (unlessSkipped(() => linkTarget(`/proc/${pid}/fd/${name}`)) !== wanted) continue
      const command = unlessSkipped(() => readSmallFile(`/proc/${pid}/comm`))
      if (command === undefined) break
      return { pid, command: command.replace(/\n$/, '') }
    }
  }
  return undefined
}

const processes = (): number[] =>
  namesIn('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .sort((one, other) => rank(one) - rank(other))

const rank = (pid: number): number => (pid === 1 ? Number.POSITIVE_INFINITY : pid)
