import { Descriptor, openFlags } from './descriptor.ts'
import { errno, SystemError } from './errno.ts'
import { cstring, libc } from './libc.ts'
import { pause } from './pause.ts'

/**
 * Files by plain system calls on this thread: usable inside a namespace section, where the runtime's own functions might
 * start a thread, and without the millisecond that loading node:fs costs at the start. All throw SystemError.
 */

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** Bytes: far more than any file that is read whole, and far less than what would exhaust the memory. */
const largestFile = 64 * 1024 * 1024

/** One for all: whatever is read into it is taken out before the next read. */
const buffer = new Uint8Array(4096)

/**
 * The whole text of a small file. With `noFollow` a symbolic link is refused (ELOOP), and nothing is waited for that is no
 * plain file. Throws SystemError (EFBIG past 64 MiB). Equivalent to: `cat PATH`
 */
export const readSmallFile = (path: string, noFollow = false): string => {
  using file = Descriptor.open(
    path,
    openFlags.readOnly | (noFollow ? openFlags.noFollow | openFlags.nonBlock : 0),
  )
  // A character may begin in one part and end in the next.
  let parts: TextDecoder | undefined
  let [total, filled] = [0, 0]
  let text = ''
  for (;;) {
    const room = filled === 0 ? buffer : buffer.subarray(filled)
    const length = libc().read(file.number, room, room.length)
    if (length < 0) {
      const number = libc().errno()
      if (number === errno.EINTR) continue
      throw new SystemError('read', number, path)
    }
    if (length === 0) return text + (parts ?? decoder).decode(buffer.subarray(0, filled))
    filled += length
    total += length
    if (total > largestFile) throw new SystemError('read', errno.EFBIG, path)
    if (filled < buffer.length) continue
    parts ??= new TextDecoder()
    text += parts.decode(buffer, { stream: true })
    filled = 0
  }
}

/** Writes an existing file (a sysctl) in one write(2). Throws SystemError. Equivalent to: `echo TEXT > PATH` */
export const writeSmallFile = (path: string, text: string): void => {
  using file = Descriptor.open(path, openFlags.writeOnly)
  const bytes = encoder.encode(text)
  const length = libc().write(file.number, bytes, bytes.length)
  if (length !== bytes.length) throw new SystemError('write', length < 0 ? libc().errno() : errno.EIO, path)
}

/** Creates a file that must not exist, with its text on the disk. */
export const createFile = (path: string, text: string, mode: number): void => {
  const { writeOnly, create, exclusive, noFollow } = openFlags
  using file = Descriptor.open(path, writeOnly | create | exclusive | noFollow, mode)
  writeAll(file.number, encoder.encode(text))
  if (libc().fsync(file.number) !== 0) throw new SystemError('fsync', libc().errno(), path)
}

const onPath = (call: 'rmdir' | 'unlink', path: string): void => {
  if (libc()[call](cstring(path)) !== 0) throw new SystemError(call, libc().errno(), path)
}

/** Equivalent to: `rm FILE` */
export const removeFile = (path: string): void => onPath('unlink', path)

/** Equivalent to: `rmdir FOLDER` */
export const removeFolder = (path: string): void => onPath('rmdir', path)

/** Equivalent to: `mkdir --mode MODE FOLDER` */
export const makeFolder = (path: string, mode: number): void => {
  if (libc().mkdir(cstring(path), mode) !== 0) throw new SystemError('mkdir', libc().errno(), path)
}

/** Replaces `to` by `from` in one step. Equivalent to: `mv FROM TO` */
export const renameFile = (from: string, to: string): void => {
  if (libc().rename(cstring(from), cstring(to)) !== 0) throw new SystemError('rename', libc().errno(), to)
}

/** What statx(2) tells of a file. */
export type Status = { mode: number; user: number; inode: bigint; device: string }

const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_EMPTY_PATH = 0x1000
const STATX_BASIC_STATS = 0x7ff
const ENOENT_OR_ENOTDIR: readonly number[] = [errno.ENOENT, errno.ENOTDIR]

const status = (folder: number, path: string, flags: number): Status | undefined => {
  const statx = new Uint8Array(256)
  if (libc().statx(folder, cstring(path), flags, STATX_BASIC_STATS, statx) !== 0) {
    const number = libc().errno()
    if (ENOENT_OR_ENOTDIR.includes(number)) return undefined
    throw new SystemError('statx', number, path)
  }
  // struct statx of linux/stat.h.
  const view = new DataView(statx.buffer)
  return {
    mode: view.getUint16(28, true),
    user: view.getUint32(20, true),
    inode: view.getBigUint64(32, true),
    device: `${view.getUint32(136, true)}:${view.getUint32(140, true)}`,
  }
}

/** What is at a path, or undefined. A symbolic link is not followed unless asked. Equivalent to: `stat PATH` */
export const statusOf = (path: string, follow = false): Status | undefined =>
  status(AT_FDCWD, path, follow ? 0 : AT_SYMLINK_NOFOLLOW)

/** What an open descriptor leads to. */
export const statusOfDescriptor = (descriptor: number): Status =>
  status(descriptor, '', AT_EMPTY_PATH) as Status

/** Whether there is anything at a path, as far as it can be seen; links are followed. Equivalent to: `test -e PATH` */
export const exists = (path: string): boolean => {
  try {
    return statusOf(path, true) !== undefined
  } catch (error) {
    // A folder on the way may not be searched, or a name is too long.
    if (error instanceof SystemError) return false
    throw error
  }
}

const X_OK = 1

/** Throws SystemError (EACCES) where this process may not execute the file. Equivalent to: `test -x PATH` */
export const checkExecutable = (path: string): void => {
  if (libc().access(cstring(path), X_OK) !== 0) throw new SystemError('access', libc().errno(), path)
}

/** Equivalent to: `chmod MODE PATH` */
export const changeMode = (path: string, mode: number): void => {
  if (libc().chmod(cstring(path), mode) !== 0) throw new SystemError('chmod', libc().errno(), path)
}

/** The path without links, `.` and `..`, of what is there. Throws SystemError (ENOENT). Equivalent to: `realpath -e PATH` */
export const realPath = (path: string): string => {
  using file = Descriptor.open(path, openFlags.path)
  return linkTarget(`/proc/thread-self/fd/${file.number}`)
}

/** Names in a folder, sorted. Equivalent to: `ls -A FOLDER` */
export const namesIn = (path: string): string[] => {
  using folder = Descriptor.open(path, openFlags.readOnly | openFlags.directory)
  const buffer = new Uint8Array(16 * 1024)
  const view = new DataView(buffer.buffer)
  const names: string[] = []
  for (;;) {
    const length = libc().getdents64(folder.number, buffer, buffer.length)
    if (length < 0) throw new SystemError('getdents64', libc().errno(), path)
    if (length === 0) return names.sort()
    // struct linux_dirent64: inode, offset, length of the record, type, name with NUL.
    for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
      const name = decoder.decode(buffer.subarray(at + 19, buffer.indexOf(0, at + 19)))
      if (name !== '.' && name !== '..') names.push(name)
    }
  }
}

/** Room for what a symbolic link holds (PATH_MAX). */
const longestTarget = 4096

/** What a symbolic link holds. Throws SystemError (EINVAL: no link). Equivalent to: `readlink LINK` */
export const linkTarget = (path: string): string => {
  const buffer = new Uint8Array(longestTarget)
  const length = libc().readlink(cstring(path), buffer, buffer.length)
  if (length < 0) throw new SystemError('readlink', libc().errno(), path)
  return decoder.decode(buffer.subarray(0, length))
}

/** Whether a descriptor is a terminal. Equivalent to: `test -t N` */
export const isTerminal = (descriptor: number): boolean => libc().isatty(descriptor) === 1

/** Writes all bytes to a descriptor, waiting where a pipe is full. Throws SystemError (EPIPE: nobody reads any more). */
export const writeAll = (descriptor: number, bytes: Uint8Array): void => {
  for (let rest = bytes; rest.length > 0; ) {
    const count = libc().write(descriptor, rest, rest.length)
    if (count >= 0) {
      rest = rest.subarray(count)
      continue
    }
    const number = libc().errno()
    // A pipe that somebody made non-blocking is full: wait a moment.
    if (number === errno.EAGAIN) pause(2)
    else if (number !== errno.EINTR) throw new SystemError('write', number)
  }
}

/** Has what was written to a descriptor on the disk. Equivalent to: `sync FILE` */
export const syncFile = (descriptor: number): void => {
  if (libc().fsync(descriptor) !== 0) throw new SystemError('fsync', libc().errno())
}

/** The bytes of a descriptor, part by part, from where it stands. Waits where a pipe is empty. Equivalent to: `cat` */
export function* readParts(descriptor: number): Generator<Uint8Array, void> {
  for (;;) {
    const buffer = new Uint8Array(64 * 1024)
    const length = libc().read(descriptor, buffer, buffer.length)
    if (length === 0) return
    if (length > 0) yield buffer.subarray(0, length)
    else if (libc().errno() !== errno.EINTR) throw new SystemError('read', libc().errno())
  }
}
