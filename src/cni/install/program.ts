/** The executable where runtimes look for plugins: known again, copied whole or not at all. */

import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  unlinkSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Stands in every executable of natspace that can install itself, so that a newer one may take its place. */
const mark = 'natspace-plugin:may-be-replaced-by-natspace-cni-install'

/** `same`: to the byte; `ours`: another natspace; `other`: somebody else's. */
export type ProgramState = 'same' | 'ours' | 'other'

const chunk = 1 << 20

/** What the file at `place` is beside the executable `source`. Both must be there and files. */
export const compareProgram = (place: string, source: string): ProgramState => {
  using there = opened(place)
  using here = opened(source)
  const [first, second] = [fstatSync(there.file), fstatSync(here.file)]
  if (first.dev === second.dev && first.ino === second.ino) return 'same'
  if (first.size === second.size && hasSameBytes(there.file, here.file)) return 'same'
  return bears(there.file) ? 'ours' : 'other'
}

const opened = (path: string): { file: number } & Disposable => {
  const file = openSync(path, constants.O_RDONLY)
  return { file, [Symbol.dispose]: () => closeSync(file) }
}

const hasSameBytes = (first: number, second: number): boolean => {
  const [one, two] = [Buffer.alloc(chunk), Buffer.alloc(chunk)]
  for (let at = 0; ; ) {
    const length = readSync(first, one, 0, chunk, at)
    if (readSync(second, two, 0, chunk, at) !== length) return false
    if (length === 0) return true
    if (!one.subarray(0, length).equals(two.subarray(0, length))) return false
    at += length
  }
}

/** Whether the mark is in the file; chunks overlap, as it may lie across an edge. */
const bears = (file: number): boolean => {
  const buffer = Buffer.alloc(chunk)
  for (let at = 0; ; at += chunk - mark.length) {
    const length = readSync(file, buffer, 0, chunk, at)
    if (buffer.subarray(0, length).includes(mark)) return true
    if (length < chunk) return false
  }
}

/**
 * Copies the executable beside its place, to the disk; `commit` puts it there in one step, over what may be there.
 * Disposing takes back what is not committed. Throws what the file system says. Equivalent to: `install -m 755`
 */
export const stageProgram = (source: string, place: string): { commit(): void } & Disposable => {
  const temporary = `${place}.${process.pid}.tmp`
  removeLeftOver(place)
  let isThere = true
  copyFileSync(source, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  try {
    using copy = opened(temporary)
    fchmodSync(copy.file, 0o755)
    fsyncSync(copy.file)
  } catch (error) {
    unlinkSync(temporary)
    throw error
  }
  return {
    commit() {
      renameSync(temporary, place)
      isThere = false
      syncFolder(dirname(place))
    },
    [Symbol.dispose]() {
      if (isThere) unlinkSync(temporary)
    },
  }
}

/**
 * Copies of processes that were killed. Where the process is the first of a container, it had the same number, so that a
 * copy with our own number is one too.
 */
const removeLeftOver = (place: string): void => {
  const folder = dirname(place)
  for (const name of readdirSync(folder)) {
    const owner = name.startsWith(`${basename(place)}.`) ? /\.(\d+)\.tmp$/.exec(name)?.[1] : undefined
    if (owner === undefined) continue
    if (Number(owner) === process.pid || !existsSync(`/proc/${owner}`)) unlinkSync(join(folder, name))
  }
}

/** Removes the executable. Equivalent to: `rm PLACE; sync` */
export const removeProgram = (place: string): void => {
  unlinkSync(place)
  syncFolder(dirname(place))
}

const syncFolder = (path: string): void => {
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
