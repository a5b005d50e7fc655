import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'

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

const check = (path: string): Found => {
  try {
    const status = statSync(path, { throwIfNoEntry: false })
    if (status === undefined) return { problem: 'not-found', evidence: path }
    if (!status.isFile()) return { problem: 'not-executable', evidence: `${path} is no file` }
  } catch (error) {
    // A folder that may not be searched, a file in place of a folder, a name too long: nothing is found there.
    return { problem: 'not-found', evidence: `${path}: ${(error as NodeJS.ErrnoException).code}` }
  }
  try {
    accessSync(path, constants.X_OK)
    return { path }
  } catch (error) {
    return { problem: 'not-executable', evidence: `${path}: ${(error as NodeJS.ErrnoException).code}` }
  }
}
