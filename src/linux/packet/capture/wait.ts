import { errno, SystemError } from '../../sys/errno.ts'
import { libc } from '../../sys/libc.ts'
import type { PacketSource } from './captured-packet.ts'

const POLLIN = 1

/**
 * Waits in poll(2) until one of the captures has packets, for at most so many milliseconds (0: does not wait), and returns
 * those that have, or whose interface went down. The thread stands still meanwhile. Throws SystemError.
 */
export const waitForPackets = <S extends PacketSource>(captures: readonly S[], milliseconds: number): S[] => {
  const end = performance.now() + milliseconds
  // struct pollfd: int fd; short events; short revents.
  const buffer = new ArrayBuffer(captures.length * 8)
  const [words, halves, bytes] = [new Int32Array(buffer), new Int16Array(buffer), new Uint8Array(buffer)]
  for (const [index, capture] of captures.entries()) {
    words[index * 2] = capture.descriptor
    halves[index * 4 + 2] = POLLIN
  }
  for (;;) {
    const left = Math.max(0, Math.ceil(end - performance.now()))
    if (libc().poll(bytes, captures.length, left) >= 0) break
    const number = libc().errno()
    if (number !== errno.EINTR) throw new SystemError('poll', number)
  }
  return captures.filter((_, index) => halves[index * 4 + 3] !== 0)
}
