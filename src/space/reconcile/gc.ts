import type { NatspaceError } from '../errors.ts'
import { beginWork, endWork, type Intent, type Left, readJournal } from '../state/journal.ts'
import { keepStill, takeLock } from '../state/lock.ts'
import type { SpaceRecord } from '../state/records.ts'
import { applyEach, lostRace } from './apply.ts'
import { planDown, removeSpaces } from './down.ts'
import { settleInterrupted } from './interrupted.ts'
import { Observation } from './observation.ts'
import type { Operation } from './operation.ts'
import { planSettle } from './settle.ts'
import { strayOf } from './stray.ts'
import type { Context, Warning } from './types.ts'
import { doWorkWatched, inOtherTerms, type Work } from './work.ts'

/**
 * Theory of operation. `gc` brings the host to what the records say: first what a command that died at work had begun is
 * taken back or completed (settle.ts), then what bears our mark and belongs to no record is removed (stray.ts), and with
 * the last space that which all of them shared. On a host where everything is right it changes nothing.
 */

/** What `gc` did, or would do. */
export type GcResult = {
  operations: Operation[]
  problems: NatspaceError[]
  warnings: Warning[]
}

/** Removes what is left over. Throws NatspaceError LOCKED, STATE_UNSAFE, STATE_UNREADABLE. */
export const gc = async (context: Context, options: { lockPatience?: number } = {}): Promise<GcResult> => {
  using _lock = await takeLock(context.kernel, context.paths, options.lockPatience)
  const { operations, warnings, left } = await settleInterrupted(context)
  for (let attempt = 1; ; attempt++) {
    const round = await doWorkWatched(sweep(context, left), context.onlooker)
    operations.push(...round.operations)
    if (attempt < attempts && round.problems.some(lostRace)) continue
    return { operations, problems: round.problems, warnings: [...warnings, ...round.warnings] }
  }
}

/** Somebody may change the ruleset between looking and removing; then both are done anew. */
const attempts = 5

function* sweep(context: Context, left: Left): Work<GcResult> {
  const { kernel, paths } = context
  const { spaces, operations, warnings } = strayOf(context, new Observation(kernel), beforeOf(left))
  const { problems } = yield* applyEach(kernel, operations)
  // What is removed halfway may bear no mark any more; the journal knows of it.
  const intents = Object.fromEntries(spaces.map((name): [string, Intent] => [name, { doing: 'down' }]))
  if (spaces.length > 0) beginWork(kernel, paths, intents, left)
  // With no space left this removes what all of them shared.
  const work = removeSpaces(context, spaces, { thorough: true })
  const removal = yield* inOtherTerms(work, pause => ({ ...pause, mayEnd: false }))
  if (spaces.length > 0) endWork(kernel, paths, removal.problems.length > 0 ? { ...left, ...intents } : left)
  return {
    operations: [...operations, ...removal.operations],
    problems: [...problems, ...removal.problems],
    warnings: [...warnings, ...removal.warnings],
  }
}

/** What `gc` would do; changes nothing. Throws as `gc` does. */
export const planGc = async (
  context: Context,
  options: { lockPatience?: number } = {},
): Promise<GcResult> => {
  const { kernel, paths } = context
  using _lock = await keepStill(kernel, paths, options.lockPatience)
  const journal = readJournal(kernel, paths)
  const seen = new Observation(kernel)
  const settled = beforeOf(journal?.intents ?? {})
  const { spaces, operations, warnings } = strayOf(context, seen, settled)
  const { going, back } = journal === undefined ? { going: [], back: [] } : planSettle(context, journal)
  const removal = planDown(context, [...going, ...spaces], { resumed: going, thorough: true })
  return { operations: [...back, ...operations, ...removal], problems: [], warnings }
}

const beforeOf = (left: Left): Map<string, SpaceRecord | undefined> =>
  new Map(
    Object.entries(left).map(([name, intent]) => [name, intent.doing === 'up' ? intent.before : undefined]),
  )
