import { constants } from 'node:os'

/** errno values the code decides on (asm-generic/errno.h; the same on every CPU natspace runs on). */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EINVAL: 22,
  EROFS: 30,
  ERANGE: 34,
  ELOOP: 40,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EINPROGRESS: 115,
  /** Kernel-internal number that nf_tables lets out when the generation id no longer matches. */
  ERESTART: 85,
} as const

const names = new Map<number, string>()

/** The symbolic name of an errno (`EEXIST`), or `errno N` when it has none. */
export const errnoName = (number: number): string => {
  if (names.size === 0) {
    for (const [name, value] of Object.entries(constants.errno)) if (!names.has(value)) names.set(value, name)
    names.set(errno.EAGAIN, 'EAGAIN')
    names.set(errno.EOPNOTSUPP, 'EOPNOTSUPP')
    names.set(errno.ERESTART, 'ERESTART')
    names.set(131, 'ENOTRECOVERABLE')
  }
  return names.get(number) ?? `errno ${number}`
}

/** A failed system call: which one, on what, and the kernel's reason. */
export class SystemError extends Error {
  override readonly name = 'SystemError'
  readonly call: string
  readonly errno: number
  readonly code: string
  readonly path: string | undefined

  constructor(call: string, number: number, path?: string) {
    super(`${call}${path === undefined ? '' : ` ${path}`}: ${errnoName(number)}`)
    this.call = call
    this.errno = number
    this.code = errnoName(number)
    this.path = path
  }
}
