import { Descriptor, openFlags } from './descriptor.ts'
import { errno, SystemError } from './errno.ts'
import { libc } from './libc.ts'

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/**
 * Reads a small file of /proc or /sys with plain system calls on this thread, so that it may be used inside a
 * namespace section (the runtime's own file functions might start a thread there). Throws SystemError.
 */
export const readSmallFile = (path: string): string => {
  using file = Descriptor.open(path, openFlags.readOnly)
  const buffer = new Uint8Array(4096)
  let text = ''
  for (;;) {
    const length = libc().read(file.number, buffer, buffer.length)
    if (length === 0) return text
    if (length < 0) {
      const number = libc().errno()
      if (number === errno.EINTR) continue
      throw new SystemError('read', number, path)
    }
    text += decoder.decode(buffer.subarray(0, length))
  }
}

/** Writes an existing file (a sysctl) in one write(2). Throws SystemError. Equivalent to: `echo TEXT > PATH` */
export const writeSmallFile = (path: string, text: string): void => {
  using file = Descriptor.open(path, openFlags.writeOnly)
  const bytes = encoder.encode(text)
  const length = libc().write(file.number, bytes, bytes.length)
  if (length !== bytes.length) throw new SystemError('write', length < 0 ? libc().errno() : errno.EIO, path)
}
