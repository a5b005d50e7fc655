import { errno, SystemError } from './errno.ts'
import { libc } from './libc.ts'

const POLLIN = 1

/**
 * Waits until one of the descriptors has something to read, or an error to tell, for at most so many milliseconds; returns
 * those that have. A signal does not end the wait before its time, unless `signals` says that it ends it: then its handler
 * can run. The thread stands still meanwhile. Throws SystemError. Equivalent to: poll(2)
 */
export const waitReadable = (
  descriptors: readonly number[],
  milliseconds: number,
  signals: 'wait-on' | 'end' = 'wait-on',
): number[] => {
  const end = performance.now() + milliseconds
  // struct pollfd: int fd; short events; short revents.
  const buffer = new ArrayBuffer(descriptors.length * 8)
  const [words, halves, bytes] = [new Int32Array(buffer), new Int16Array(buffer), new Uint8Array(buffer)]
  for (const [index, descriptor] of descriptors.entries()) {
    words[index * 2] = descriptor
    halves[index * 4 + 2] = POLLIN
  }
  for (;;) {
    const left = Math.max(0, Math.ceil(end - performance.now()))
    if (libc().poll(bytes, descriptors.length, left) >= 0) break
    const number = libc().errno()
    if (number !== errno.EINTR) throw new SystemError('poll', number)
    if (signals === 'end') return []
  }
  return descriptors.filter((_, index) => halves[index * 4 + 3] !== 0)
}
