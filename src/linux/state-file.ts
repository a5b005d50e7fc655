import { errno, SystemError } from './sys/errno.ts'
import { createFile, readSmallFile, removeFile, renameFile } from './sys/files.ts'

/** Small files that hold what must survive a crash: replaced as a whole or not at all. */

const unlessMissing = <T>(action: () => T): T | undefined => {
  try {
    return action()
  } catch (error) {
    if (error instanceof SystemError && error.errno === errno.ENOENT) return undefined
    throw error
  }
}

/** The text of a file, or undefined when there is none; a symbolic link in its place is refused (ELOOP). */
export const readStateFile = (path: string): string | undefined =>
  unlessMissing(() => readSmallFile(path, true))

/** Writes a new file beside the old one, syncs it and renames it over: a reader sees the old text or the new one. */
export const writeStateFile = (path: string, text: string, mode: number): void => {
  const temporary = `${path}.${process.pid}.tmp`
  // A leftover of a killed process with the same pid is ours to replace.
  unlessMissing(() => removeFile(temporary))
  try {
    createFile(temporary, text, mode)
    renameFile(temporary, path)
  } catch (error) {
    unlessMissing(() => removeFile(temporary))
    throw error
  }
}
