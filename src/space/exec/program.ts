import { resolve } from 'node:path'
import { SystemError } from '../../linux/sys/errno.ts'
import { checkExecutable, statusOf } from '../../linux/sys/files.ts'

/** Where a shell looks when there is no PATH (confstr _CS_PATH of glibc). */
const defaultPath = '/bin:/usr/bin'

export type Found = { path: string } | { problem: 'not-found' | 'not-executable'; evidence: string }

/**
 * The file of a program, as execvp(3) finds it: a name with a slash is a path, any other is looked up in PATH. Done
 * before the namespace is entered, so that nothing mounted for it can replace the program. `folder`: where the program is to
 * be started, if that is not where this process is.
 */
export const findProgram = (name: string, path: string | undefined, folder = ''): Found => {
  if (name.includes('/')) return check(inFolder(folder, name))
  const folders = (path ?? defaultPath).split(':')
  let refused: Found | undefined
  for (const place of name === '' ? [] : folders) {
    const found = check(inFolder(folder, `${place === '' ? '.' : place}/${name}`))
    if ('path' in found) return found
    if (found.problem === 'not-executable') refused ??= found
  }
  return refused ?? { problem: 'not-found', evidence: `PATH=${path ?? defaultPath}` }
}

const inFolder = (folder: string, path: string): string => (folder === '' ? path : resolve(folder, path))

/** S_IFMT and S_IFREG of linux/stat.h. */
const fileTypeMask = 0o170000
const regularType = 0o100000

/** Of a path that the kernel cannot even be asked for (it has a NUL), the sentence that says so. */
const reasonOf = (error: unknown): string =>
  error instanceof SystemError ? error.code : (error as Error).message

const check = (path: string): Found => {
  try {
    const status = statusOf(path, true)
    if (status === undefined) return { problem: 'not-found', evidence: path }
    if ((status.mode & fileTypeMask) !== regularType)
      return { problem: 'not-executable', evidence: `${path} is no file` }
  } catch (error) {
    // A folder that may not be searched, a file in place of a folder, a name too long: nothing is found there.
    return { problem: 'not-found', evidence: `${path}: ${reasonOf(error)}` }
  }
  try {
    checkExecutable(path)
    return { path }
  } catch (error) {
    return { problem: 'not-executable', evidence: `${path}: ${reasonOf(error)}` }
  }
}
