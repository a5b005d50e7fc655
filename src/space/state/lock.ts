import { type Change, ChangeError } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { errno, SystemError } from '../../linux/sys/errno.ts'
import { namesIn, readSmallFile, type Status, statusOf } from '../../linux/sys/files.ts'
import { NatspaceError } from '../errors.ts'
import { refusedChange } from '../refused-change.ts'
import type { StatePaths } from './records.ts'
import { watchNotesName } from './watch-notes.ts'

/**
 * Theory of operation. Everything that changes state holds one lock: flock(2) on a file of the state folder. It goes
 * with its process, however that ends. The folder and the file are removed together with the last space, while the lock
 * is held; whoever waited for the removed file sees that the path names another file (or none) and starts again.
 */

/** How long to wait for another natspace, in milliseconds; NATSPACE_LOCK_TIMEOUT (seconds) overrides. */
const defaultPatience = 10_000
const pauseMilliseconds = 5

/**
 * Takes the lock of the state folder and returns its release. Throws NatspaceError LOCKED (exit 5), STATE_UNSAFE,
 * NOT_PERMITTED (exit 4).
 */
export const takeLock = async (
  kernel: Kernel,
  paths: StatePaths,
  patience = defaultPatience,
): Promise<Disposable> => {
  const deadline = Date.now() + patience
  for (;;) {
    ensureFolder(kernel, paths.root)
    const lock = attempt(kernel, paths.lock)
    if (lock !== undefined)
      return {
        [Symbol.dispose]() {
          try {
            removeIfEmpty(kernel, paths)
          } finally {
            lock[Symbol.dispose]()
          }
        },
      }
    if (Date.now() >= deadline) throw locked(paths, patience)
    await new Promise(resolve => setTimeout(resolve, pauseMilliseconds))
  }
}

/**
 * Keeps everybody else from changing anything for as long as nobody must, without changing anything itself: where there
 * is no state folder there is nobody to keep out. Throws NatspaceError LOCKED, STATE_UNSAFE.
 */
export const keepStill = async (
  kernel: Kernel,
  paths: StatePaths,
  patience = defaultPatience,
): Promise<Disposable> => {
  const deadline = Date.now() + patience
  while (kernel.fileStatus(paths.lock) !== undefined) {
    checkFolder(kernel, paths.root)
    const lock = attempt(kernel, paths.lock)
    if (lock !== undefined) return lock
    if (Date.now() >= deadline) throw locked(paths, patience)
    await new Promise(resolve => setTimeout(resolve, pauseMilliseconds))
  }
  return { [Symbol.dispose]() {} }
}

const attempt = (kernel: Kernel, path: string): Disposable | undefined => {
  try {
    return kernel.tryLock(path)
  } catch (error) {
    // The folder went away between its creation and the opening: the last space of another process.
    if (error instanceof SystemError && error.errno === errno.ENOENT) return undefined
    throw error
  }
}

const ensureFolder = (kernel: Kernel, root: string): void => {
  if (kernel.fileStatus(root) === undefined) {
    const [outcome] = kernel.change([{ type: 'directory.add', path: root, mode: 0o700 }])
    if (outcome instanceof ChangeError && outcome.code !== 'EEXIST') throw refusedChange(outcome)
  }
  checkFolder(kernel, root)
}

const checkFolder = (kernel: Kernel, root: string): void => {
  const status = kernel.fileStatus(root)
  if (status === undefined) return
  const problem =
    status.type !== 'folder'
      ? 'it is no folder'
      : status.user !== process.geteuid?.()
        ? `it belongs to user ${status.user}`
        : (status.mode & 0o022) !== 0
          ? 'others may write to it'
          : undefined
  if (problem === undefined) return
  throw new NatspaceError({
    code: 'STATE_UNSAFE',
    exit: 1,
    what: `cannot use the state folder ${root}`,
    why: problem,
    evidence: [`mode ${status.mode.toString(8)}, user ${status.user}`],
    fix: ['choose another folder with NATSPACE_STATE, or look at this one and remove it'],
  })
}

/** Without a space the folder leaves no trace. */
const removeIfEmpty = (kernel: Kernel, { root, spaces, lock }: StatePaths): void => {
  const names = kernel.readFolder(root) ?? []
  if (names.some(name => name !== 'lock' && name !== 'spaces' && !goesAlong(name))) return
  const inside = names.includes('spaces') ? (kernel.readFolder(spaces) ?? []) : []
  if (!inside.every(isTemporary)) return
  const changes: Change[] = [
    ...inside.map((name): Change => ({ type: 'file.delete', path: `${spaces}/${name}` })),
    ...names.filter(goesAlong).map((name): Change => ({ type: 'file.delete', path: `${root}/${name}` })),
    ...(names.includes('spaces') ? [{ type: 'directory.delete', path: spaces } as const] : []),
    { type: 'file.delete', path: lock },
    { type: 'directory.delete', path: root },
  ]
  const failure = kernel.change(changes).find(outcome => outcome instanceof ChangeError)
  // Not empty: another process has just put its lock file there, and the folder is in use again.
  if (failure instanceof ChangeError && failure.code !== 'ENOTEMPTY') throw refusedChange(failure)
}

/** Whether a file of the state folder is what a killed process began to write; who holds the lock knows it is no living one. */
export const isTemporary = (name: string): boolean => name.endsWith('.tmp')

/** What goes with the last space: beside those the notes of a watch, which are hints for `status` alone. */
const goesAlong = (name: string): boolean => isTemporary(name) || name === watchNotesName

const locked = (paths: StatePaths, patience: number): NatspaceError => {
  const holder = holderOf(paths.lock)
  return new NatspaceError({
    code: 'LOCKED',
    exit: 5,
    what: 'cannot change anything now',
    why:
      holder === undefined
        ? 'another natspace is at work'
        : `another natspace is at work: process ${holder.pid} (${holder.command})`,
    evidence: [`lock ${paths.lock}, waited ${patience / 1000} s`],
    fix: holder === undefined ? ['try again'] : ['wait for it, or end it', `ps -p ${holder.pid}`],
  })
}

type Holder = { pid: number; command: string }

/**
 * Who holds the lock, from /proc/locks ("1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF"). Who took it may be gone; the
 * program that it ran (the front end of a firewall) then holds it until its own end.
 */
const holderOf = (path: string): Holder | undefined => {
  const file = statusOf(path)
  if (file === undefined) return undefined
  const takers = readSmallFile('/proc/locks')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, type, , , , place]) => type === 'FLOCK' && place?.split(':')[2] === String(file.inode))
    .map(([, , , , pid = '']) => pid)
  const others = namesIn('/proc').filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
  const pid = takers.find(taker => hasOpen(taker, file)) ?? others.find(other => hasOpen(other, file))
  return pid === undefined ? undefined : { pid: Number(pid), command: commandOf(Number(pid)) }
}

/** Whether a process has the file open: another file system may have one of the same path and the same number. */
const hasOpen = (pid: string, { device, inode }: Status): boolean => {
  const folder = `/proc/${pid}/fd`
  try {
    return namesIn(folder).some(number => {
      const open = statusOf(`${folder}/${number}`, true)
      return open?.inode === inode && open.device === device
    })
  } catch {
    // It ended meanwhile, or belongs to another user.
    return false
  }
}

const commandOf = (pid: number): string => {
  try {
    return readSmallFile(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() || 'unknown'
  } catch {
    // It ended meanwhile, or belongs to another user: its number is all there is to say.
    return 'unknown'
  }
}
