import { errno, SystemError } from '../../linux/sys/errno.ts'
import { writeAll } from '../../linux/sys/files.ts'
import { libc } from '../../linux/sys/libc.ts'

/**
 * Theory of operation. Whoever reads a pipe may stop reading for a while, and a write would wait with it: the packets would
 * stay unread, and Ctrl-C unheard. So a pipe is asked first whether it has room (poll(2)), and gets no more at once than it
 * then certainly takes, PIPE_BUF bytes. Making it non-blocking instead would change it for all who share it.
 */

const POLLOUT = 4
/** PIPE_BUF of Linux. */
const piece = 4096
/** A file takes everything; more than this at once saves nothing. */
const largest = 256 * 1024

/** Bytes on their way to a descriptor, which stays the caller's. */
export class ByteStream {
  readonly #descriptor: number
  readonly #mayWait: boolean
  #chunks: Uint8Array[] = []
  #size = 0

  /** `mayWait`: it is a pipe, a terminal or the like, not a plain file. */
  constructor(descriptor: number, mayWait: boolean) {
    this.#descriptor = descriptor
    this.#mayWait = mayWait
  }

  /** Bytes that were pushed and not written yet. */
  get backlog(): number {
    return this.#size
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
  }

  /** Writes what can be written without waiting; to a plain file everything. Throws SystemError (EPIPE: nobody reads). */
  flush(): void {
    if (this.#size === 0) return
    const bytes = this.#joined()
    let at = 0
    const step = this.#mayWait ? piece : largest
    try {
      while (at < bytes.length && (!this.#mayWait || this.#hasRoom(0))) {
        const next = bytes.subarray(at, at + step)
        writeAll(this.#descriptor, next)
        at += next.length
      }
    } finally {
      this.#chunks = at < bytes.length ? [bytes.subarray(at)] : []
      this.#size = bytes.length - at
    }
  }

  /** Waits until there is room, for at most so many milliseconds. Throws SystemError. */
  wait(milliseconds: number): void {
    if (this.#mayWait) this.#hasRoom(milliseconds)
  }

  #joined(): Uint8Array {
    const [first] = this.#chunks
    if (first !== undefined && this.#chunks.length === 1) return first
    const bytes = new Uint8Array(this.#size)
    let at = 0
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    return bytes
  }

  #hasRoom(milliseconds: number): boolean {
    // struct pollfd: int fd; short events; short revents.
    const pollfd = new Int16Array(4)
    new Int32Array(pollfd.buffer)[0] = this.#descriptor
    pollfd[2] = POLLOUT
    const count = libc().poll(new Uint8Array(pollfd.buffer), 1, milliseconds)
    if (count >= 0) return count > 0
    const number = libc().errno()
    if (number === errno.EINTR) return false
    throw new SystemError('poll', number)
  }
}
