import { type Change, ChangeError } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { refusedChange } from '../refused-change.ts'
import {
  currentBoot,
  isSpaceRecord,
  parseState,
  readState,
  type SpaceRecord,
  type StatePaths,
  withDefaults,
} from './records.ts'

/**
 * Theory of operation. Before its first change a command writes down what it is about to do, in one file of the state
 * folder, and after its last change it removes the file; both while it holds the lock. So whoever holds the lock and
 * finds the file knows that its writer died in between, and what has to be completed or undone (interrupted.ts):
 *
 * - A space that is to go (`down`) goes.
 * - A space that was to come (`up`) and had no record before goes too: `up` is made whole or not at all.
 * - A space that was up and was to change gets back what it had, which stands in the journal: its record may be the new
 *   one already. Nobody was told that the change succeeded, and what was there is known to have worked.
 *
 * One file for all spaces of a command, as removing it is the one moment at which `up -f` of many is done: before it all
 * are taken back, after it none. It is written as a whole or not at all (a temporary file, fsync, rename), and before
 * everything else, so that a space of which nothing stands in it was not begun. Its words count also after a reboot,
 * when nothing of the kernel's state can be left; what it says of the kernel does not (`bootId`).
 *
 * What could not be put in order stays written, and the next command tries again; see `left`.
 */

/** What was under way with one space. */
export type Intent =
  | { doing: 'down' }
  | {
      doing: 'up'
      /** Its record as it was before; absent where there was none. */
      before?: SpaceRecord
    }

/** What is under way. */
export type JournalFile = {
  schemaVersion: 1
  bootId: string
  /** Who wrote it. */
  process: number
  intents: Record<string, Intent>
}

const schemaVersion = 1

/** The journal of whoever died at work, or undefined. Means that only while the lock is held. Throws STATE_UNREADABLE. */
export const readJournal = (kernel: Kernel, paths: StatePaths): JournalFile | undefined => {
  const text = readState(kernel, paths.journal)
  if (text === undefined) return undefined
  const { intents, ...rest } = parseState<JournalFile>(paths.journal, text, isWhole)
  return {
    ...rest,
    intents: Object.fromEntries(
      Object.entries(intents).map(([name, intent]) => [
        name,
        intent.doing === 'up' && intent.before !== undefined
          ? { ...intent, before: withDefaults(intent.before) }
          : intent,
      ]),
    ),
  }
}

const isWhole = ({ intents, bootId }: JournalFile): boolean =>
  typeof bootId === 'string' &&
  typeof intents === 'object' &&
  intents !== null &&
  Object.values(intents).every(
    intent =>
      intent?.doing === 'down' ||
      (intent?.doing === 'up' && (intent.before === undefined || isSpaceRecord(intent.before))),
  )

/** What stays written of earlier commands, as it could not be put in order yet. */
export type Left = Readonly<Record<string, Intent>>

/** Writes down what is about to be done. Throws NatspaceError when that is refused: then nothing may be begun. */
export const beginWork = (
  kernel: Kernel,
  paths: StatePaths,
  intents: Readonly<Record<string, Intent>>,
  left: Left = {},
): void => {
  const journal: JournalFile = {
    schemaVersion,
    bootId: currentBoot(kernel),
    process: process.pid,
    intents: { ...left, ...intents },
  }
  carryOut(kernel, {
    type: 'file.write',
    path: paths.journal,
    text: `${JSON.stringify(journal)}\n`,
    mode: 0o600,
  })
}

/** Everything is done, or undone, except for what is left. Throws NatspaceError when that cannot be written down. */
export const endWork = (kernel: Kernel, paths: StatePaths, left: Left = {}): void => {
  if (Object.keys(left).length > 0) beginWork(kernel, paths, left)
  else carryOut(kernel, { type: 'file.delete', path: paths.journal })
}

const carryOut = (kernel: Kernel, change: Change): void => {
  const [outcome] = kernel.change([change])
  if (outcome instanceof ChangeError) throw refusedChange(outcome)
}
