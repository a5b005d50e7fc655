import { ChangeError } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { SystemError } from '../../linux/sys/errno.ts'
import { readSmallFile } from '../../linux/sys/files.ts'
import { refusedChange } from '../refused-change.ts'
import type { Culprit } from '../watch/sign.ts'
import { currentBoot, parseState, readState, type StatePaths } from './records.ts'

/**
 * What a watch knows of things that differ and stay so, for whoever asks for the status: the kernel tells who changed
 * something only at that moment. Hints, and no state: the file is there only while something differs, and counts only
 * while the process that wrote it is alive.
 */

export type WatchNote = {
  /** What the watch does about it: nothing, as nothing can be done; it has failed; it has given up, or waits. */
  event: 'differs' | 'failed' | 'fight' | 'waits'
  /** When it was noticed, in milliseconds since 1970. */
  time: number
  /** Until when the space is left alone. */
  until?: number
  by: Culprit[]
}

type NotesFile = {
  schemaVersion: 1
  bootId: string
  /** Who wrote it, and when that began: its number may be somebody else's by now. */
  process: number
  started: string
  /** By the name of the space. */
  notes: Record<string, WatchNote>
}

/** The name of the file in the state folder; the last `down` removes it with the folder. */
export const watchNotesName = 'watch.json'
const pathOf = ({ root }: StatePaths): string => `${root}/${watchNotesName}`

/** Writes the notes, or removes the file when there are none. Throws NatspaceError. */
export const writeWatchNotes = (
  kernel: Kernel,
  paths: StatePaths,
  notes: ReadonlyMap<string, WatchNote>,
): void => {
  const path = pathOf(paths)
  if (notes.size === 0) {
    if (kernel.fileStatus(path) !== undefined) kernel.change([{ type: 'file.delete', path }])
    return
  }
  const file: NotesFile = {
    schemaVersion: 1,
    bootId: currentBoot(kernel),
    process: process.pid,
    started: startOf(process.pid) ?? '',
    notes: Object.fromEntries(notes),
  }
  const text = `${JSON.stringify(file, undefined, 2)}\n`
  const [outcome] = kernel.change([{ type: 'file.write', path, text, mode: 0o600 }])
  // The folder has gone with the last space.
  if (outcome instanceof ChangeError && outcome.code !== 'ENOENT') throw refusedChange(outcome)
}

/** What a watch that runs now has noted, by the name of the space. Throws NatspaceError STATE_UNREADABLE. */
export const readWatchNotes = (kernel: Kernel, paths: StatePaths): ReadonlyMap<string, WatchNote> => {
  const path = pathOf(paths)
  const text = readState(kernel, path)
  if (text === undefined) return new Map()
  const file = parseState<NotesFile>(path, text, ({ notes }) => typeof notes === 'object' && notes !== null)
  const counts = file.bootId === currentBoot(kernel) && startOf(file.process) === file.started
  return new Map(counts ? Object.entries(file.notes) : [])
}

/** When a process began, in ticks since the boot (field 22 of /proc/PID/stat); undefined when there is none. */
const startOf = (pid: number): string | undefined => {
  try {
    const stat = readSmallFile(`/proc/${pid}/stat`)
    // The name in parentheses may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch (error) {
    if (error instanceof SystemError) return undefined
    throw error
  }
}
