import { ChangeError } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { statusOf } from '../../linux/sys/files.ts'
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
  /** Who wrote it. */
  process: number
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
  const counts = file.bootId === currentBoot(kernel) && statusOf(`/proc/${file.process}`) !== undefined
  return new Map(counts ? Object.entries(file.notes) : [])
}
