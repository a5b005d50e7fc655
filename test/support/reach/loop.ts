import { errno, SystemError } from '../../../src/linux/sys/errno.ts'
import { libc } from '../../../src/linux/sys/libc.ts'

export const POLLIN = 1
export const POLLOUT = 4

/** A socket that is waited for. */
export type Watched = {
  descriptor: number
  /** POLLIN, POLLOUT, or both; errors are always told. */
  events: number
  ready: () => void
}

/** Waits for many sockets of many namespaces at once: poll(2) around handlers. */
export class Loop {
  readonly #watched = new Set<Watched>()

  watch(watched: Watched): Watched {
    this.#watched.add(watched)
    return watched
  }

  forget(watched: Watched): void {
    this.#watched.delete(watched)
  }

  /** Goes on until `isDone`, or for so many milliseconds. Throws SystemError, and what handlers throw. */
  run(isDone: () => boolean, milliseconds: number): void {
    const end = performance.now() + milliseconds
    while (!isDone()) {
      const left = Math.ceil(end - performance.now())
      if (left <= 0) return
      for (const watched of this.#ready(left)) if (this.#watched.has(watched)) watched.ready()
    }
  }

  #ready(milliseconds: number): Watched[] {
    const all = [...this.#watched]
    // struct pollfd: int fd; short events; short revents.
    const words = new Int32Array(all.length * 2)
    for (const [index, { descriptor, events }] of all.entries()) {
      words[index * 2] = descriptor
      words[index * 2 + 1] = events
    }
    if (libc().poll(new Uint8Array(words.buffer), all.length, milliseconds) < 0) {
      const number = libc().errno()
      if (number !== errno.EINTR) throw new SystemError('poll', number)
      return []
    }
    return all.filter((_, index) => (words[index * 2 + 1] ?? 0) >>> 16 !== 0)
  }
}
