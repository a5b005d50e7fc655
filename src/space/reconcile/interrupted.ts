import type { Left } from '../state/journal.ts'
import { readJournal } from '../state/journal.ts'
import type { Operation } from './operation.ts'
import type { Context, Warning } from './types.ts'
import { doWorkWatched } from './work.ts'

/** What was found of a command that died at work, and what became of it. */
export type Settled = {
  /** The spaces of which it speaks. */
  interrupted: string[]
  /** Whether the journal is still there. */
  remains: boolean
  /** What could not be put in order, and must stay written. */
  left: Left
  warnings: Warning[]
  /** What was done about it. */
  operations: Operation[]
}

/**
 * Puts in order what a command that died at work left, except for the spaces that are to be taken down anyway. To be
 * called by whoever holds the lock, before anything else. Throws NatspaceError STATE_UNREADABLE; what cannot be put in order
 * becomes a warning, as it is no reason to do nothing else.
 */
export const settleInterrupted = async (
  context: Context,
  except: readonly string[] = [],
): Promise<Settled> => {
  const journal = readJournal(context.kernel, context.paths)
  if (journal === undefined)
    return { interrupted: [], remains: false, left: {}, warnings: [], operations: [] }
  // Hardly anybody needs it.
  const { settle } = await import('./settle.ts')
  return doWorkWatched(settle(context, journal, except), context.onlooker)
}
