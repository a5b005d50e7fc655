import { SystemError } from './errno.ts'
import { cstring, libc } from './libc.ts'

/** open(2) flags (asm-generic/fcntl.h; O_NOFOLLOW and O_DIRECTORY differ on arm64 and are chosen by CPU). */
const arm = process.arch === 'arm64'
export const openFlags = {
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  nonBlock: 0o4000,
  directory: arm ? 0o40000 : 0o200000,
  noFollow: arm ? 0o100000 : 0o400000,
  closeOnExec: 0o2000000,
  path: 0o10000000,
} as const

/**
 * An open file descriptor that belongs to one scope: `using fd = Descriptor.open(…)`. Closed exactly once; using it
 * afterwards throws, because the number may by then belong to somebody else.
 */
export class Descriptor implements Disposable {
  #number: number

  constructor(number: number) {
    this.#number = number
  }

  /** open(2) with O_CLOEXEC always set. Throws SystemError. */
  static open(path: string, flags: number, mode = 0): Descriptor {
    const number = libc().open(cstring(path), flags | openFlags.closeOnExec, mode)
    if (number < 0) throw new SystemError('open', libc().errno(), path)
    return new Descriptor(number)
  }

  get number(): number {
    if (this.#number < 0) throw new Error('The descriptor is closed already')
    return this.#number
  }

  get closed(): boolean {
    return this.#number < 0
  }

  /** Gives the number away: the caller closes it from now on. */
  release(): number {
    const number = this.number
    this.#number = -1
    return number
  }

  close(): void {
    if (this.#number < 0) return
    libc().close(this.#number)
    this.#number = -1
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
