import { Descriptor, openFlags } from '../../linux/sys/descriptor.ts'
import { errno, SystemError } from '../../linux/sys/errno.ts'
import { removeFile, renameFile, statusOf, statusOfDescriptor } from '../../linux/sys/files.ts'

/**
 * Theory of operation. A capture is often made by root in a folder in which others can write, and what stands at its path may
 * be theirs: a symbolic link to a file of the system, a second name of one, or a file that they can read. So nothing that is
 * there is ever written to. A new file, for its owner alone, is made beside it under a name that nobody had, and put into
 * its place: what was there before keeps its bytes, and loses only this name. Pipes, which somebody made so that packets
 * are sent through them, are opened; but only those of the user who asks.
 */

/** Why a capture cannot be written to a path. */
export class CaptureFileError extends Error {
  override readonly name = 'CaptureFileError'
  readonly path: string
  readonly reason: string

  constructor(path: string, reason: string, cause?: unknown) {
    super(`Cannot write ${path}: ${reason}`, cause === undefined ? undefined : { cause })
    this.path = path
    this.reason = reason
  }
}

const typeMask = 0o170000
const types = {
  folder: 0o040000,
  character: 0o020000,
  file: 0o100000,
  pipe: 0o010000,
  link: 0o120000,
} as const

/** Whether writing to a descriptor may have to wait for a reader. */
export const mayWait = (descriptor: number): boolean =>
  (statusOfDescriptor(descriptor).mode & typeMask) !== types.file

/**
 * A new file for a capture, of mode 0600, in the place of a file that is there; or the pipe or device that is there, if it
 * belongs to one of `users`. Throws CaptureFileError.
 */
export const createCaptureFile = (path: string, users: readonly number[]): Descriptor => {
  try {
    const found = statusOf(path)
    const type = found === undefined ? types.file : found.mode & typeMask
    if (type === types.file) return replaceFile(path)
    if (type === types.pipe || type === types.character) return openPipe(path, users)
    if (type === types.link) throw new CaptureFileError(path, 'it is a symbolic link, which is not followed')
    throw new CaptureFileError(path, type === types.folder ? 'it is a folder' : 'it is no file')
  } catch (error) {
    if (error instanceof SystemError) throw new CaptureFileError(path, error.message, error)
    throw error
  }
}

const replaceFile = (path: string): Descriptor => {
  const { writeOnly, create, exclusive, noFollow } = openFlags
  const temporary = `${path}.${process.pid}.tmp`
  const file = Descriptor.open(temporary, writeOnly | create | exclusive | noFollow, 0o600)
  try {
    renameFile(temporary, path)
    return file
  } catch (error) {
    file.close()
    removeTemporary(temporary)
    throw error
  }
}

const removeTemporary = (path: string): void => {
  try {
    removeFile(path)
  } catch (error) {
    if (!(error instanceof SystemError && error.errno === errno.ENOENT)) throw error
  }
}

/** What was opened is looked at, as it may be another than the one that was seen; opening a pipe waits for its reader. */
const openPipe = (path: string, users: readonly number[]): Descriptor => {
  const pipe = Descriptor.open(path, openFlags.writeOnly | openFlags.noFollow)
  const { mode, user } = statusOfDescriptor(pipe.number)
  const type = mode & typeMask
  const isDevice = type === types.character && user === 0
  if (isDevice || (type === types.pipe && users.includes(user))) return pipe
  pipe.close()
  throw new CaptureFileError(path, `it belongs to another user (${user})`)
}
