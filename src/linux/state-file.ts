import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'

/** Small files that hold what must survive a crash: replaced as a whole or not at all. */

/** The text of a file, or undefined when there is none; a symbolic link in its place is refused (ELOOP). */
export const readStateFile = (path: string): string | undefined => {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

/** Writes a new file beside the old one, syncs it and renames it over: a reader sees the old text or the new one. */
export const writeStateFile = (path: string, text: string, mode: number): void => {
  const temporary = `${path}.${process.pid}.tmp`
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  // A leftover of a killed process with the same pid is ours to replace.
  rmSync(temporary, { force: true })
  const descriptor = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    closeSync(descriptor)
  }
  renameSync(temporary, path)
}
