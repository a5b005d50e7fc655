import { ChangeError } from '../../linux/change.ts'
import { NatspaceError } from '../errors.ts'
import { refusedChange } from '../refused-change.ts'
import { Planner } from '../resources/resource.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { beginWork, endWork, type Intent, type JournalFile } from '../state/journal.ts'
import { currentBoot, readSpaceRecord, recordPath, recordText, type SpaceRecord } from '../state/records.ts'
import { applyEach } from './apply.ts'
import { inOrder, spaceResources } from './desired.ts'
import { removeSpaces } from './down.ts'
import type { Settled } from './interrupted.ts'
import { Observation } from './observation.ts'
import type { Operation } from './operation.ts'
import type { Context, Warning } from './types.ts'
import { bringBack, planBack } from './up.ts'
import { isStopped, type Work } from './work.ts'

/**
 * Theory of operation. What the journal says was under way is taken back or completed (see journal.ts for which and
 * why), with the means of `up` and `down` themselves: both start from what is there, whatever it is. The journal stays as it
 * is meanwhile, so being killed here again changes nothing: what is in order already is found in order.
 *
 * First go the spaces that are to go, so that ports and names are free for those that get back what they had; those come
 * back together, as ports may have moved between them. Where one of them cannot come back (its uplink is gone), each is
 * tried alone; then to what its record says, which is the change that was under way; and if that fails too, it stays in the
 * journal, and everybody else can go on. `down` of a space always works: it removes what it was and what it was to be.
 */
export function* settle(context: Context, journal: JournalFile, except: readonly string[]): Work<Settled> {
  const { kernel, paths } = context
  const { going, changing } = partsOf(journal, except)
  const operations: Operation[] = []
  const evidence: string[] = []
  const warnings: Warning[] = []
  const left: Record<string, Intent> = {}
  const isNow = journal.bootId === currentBoot(kernel)

  if (going.length > 0) {
    const removal = yield* removeSpaces(context, going, { resumed: going })
    operations.push(...removal.operations)
    for (const name of removal.removed)
      evidence.push(
        `${name}: ${journal.intents[name]?.doing === 'down' ? 'taken down' : 'taken back, as it was not up yet'}`,
      )
    for (const problem of removal.problems) warnings.push(notSettled(going.join(', '), problem))
    if (removal.problems.length > 0) for (const name of going) left[name] = journal.intents[name] as Intent
  }
  // What a reboot did away with is not made again here; its record is what it was.
  if (!isNow) restoreRecords(context, changing)
  else if (changing.size > 0) {
    try {
      operations.push(...(yield* bringBack(context, spacesOf(changing))))
      for (const name of changing.keys()) evidence.push(`${name}: as it was before`)
    } catch (error) {
      if (!(error instanceof NatspaceError) || isStopped(error)) throw error
      // One of them stands in the way; which one shows when each is tried alone.
      for (const [name, before] of changing) yield* settleAlone(name, before)
    }
  }
  const others = yield* exceptions(context, journal, except, operations)
  const remains = Object.keys({ ...left, ...others }).length > 0
  if (Object.keys(left).length > 0) beginWork(kernel, paths, { ...left, ...others })
  else if (!remains) endWork(kernel, paths)
  if (evidence.length > 0) warnings.unshift(settled(journal, evidence))
  return { interrupted: Object.keys(journal.intents), remains, left, warnings, operations }

  function* settleAlone(name: string, before: SpaceRecord): Work<void> {
    const intended = readSpaceRecord(kernel, paths, name)?.space
    const ways: [ResolvedSpace | undefined, string][] = [
      [before.space, 'as it was before'],
      [intended, 'changed as it was to be, as it cannot be what it was before'],
    ]
    let reason: NatspaceError | undefined
    for (const [space, text] of ways) {
      if (space === undefined) continue
      try {
        operations.push(...(yield* bringBack(context, new Map([[name, space]]))))
        evidence.push(`${name}: ${text}`)
        return
      } catch (error) {
        if (!(error instanceof NatspaceError) || isStopped(error)) throw error
        reason ??= error
      }
    }
    left[name] = journal.intents[name] as Intent
    if (reason !== undefined) warnings.push(notSettled(name, reason))
  }
}

/** What `settle` would do: the spaces it would take down, and how it would give others back what they had. Changes nothing. */
export const planSettle = (
  context: Context,
  journal: JournalFile,
): { going: string[]; back: Operation[] } => {
  const { going, changing } = partsOf(journal, [])
  return { going, back: changing.size > 0 ? planBack(context, spacesOf(changing)) : [] }
}

const partsOf = ({ intents }: JournalFile, except: readonly string[]) => {
  const going: string[] = []
  const changing = new Map<string, SpaceRecord>()
  for (const [name, intent] of Object.entries(intents)) {
    if (except.includes(name)) continue
    if (intent.doing === 'up' && intent.before !== undefined) changing.set(name, intent.before)
    else going.push(name)
  }
  return { going, changing }
}

const spacesOf = (records: ReadonlyMap<string, SpaceRecord>): Map<string, ResolvedSpace> =>
  new Map([...records].map(([name, { space }]) => [name, space]))

const restoreRecords = ({ kernel, paths }: Context, records: ReadonlyMap<string, SpaceRecord>): void => {
  const outcomes = kernel.change(
    [...records].map(([name, record]) => ({
      type: 'file.write',
      path: recordPath(paths, name),
      text: recordText(record),
      mode: 0o600,
    })),
  )
  const failure = outcomes.find(outcome => outcome instanceof ChangeError)
  if (failure instanceof ChangeError) throw refusedChange(failure)
}

/**
 * Spaces that are about to be taken down: what their record says is left to that, and here goes what they were before,
 * where that is something else. Returns what must stay written of them until then.
 */
function* exceptions(
  { kernel, paths }: Context,
  { intents }: JournalFile,
  except: readonly string[],
  operations: Operation[],
): Work<Record<string, Intent>> {
  const kept = Object.entries(intents).filter(([name]) => except.includes(name))
  for (const [, intent] of kept) {
    if (intent.doing !== 'up' || intent.before === undefined) continue
    const seen = new Observation(kernel)
    const planner = new Planner(seen)
    const removal = inOrder(spaceResources(paths, { ...intent.before, ownsNamespace: false }))
      .filter(({ phase }) => phase !== 'record')
      .toReversed()
      .flatMap(resource => resource.remove(seen, planner))
    // What is still in the way is found again by whoever removes the rest.
    yield* applyEach(kernel, removal)
    operations.push(...removal)
  }
  return Object.fromEntries(kept)
}

const settled = ({ process }: JournalFile, evidence: string[]): Warning => ({
  code: 'INTERRUPTED',
  space: undefined,
  what: 'an earlier natspace was interrupted, and what it had begun is in order again',
  why: `process ${process} ended in the middle of its work`,
  evidence,
  fix: [],
})

const notSettled = (name: string, reason: NatspaceError): Warning => ({
  code: 'NOT_SETTLED',
  space: name,
  what: 'an earlier natspace was interrupted, and what it had begun cannot be put in order yet',
  why: `${reason.what}: ${reason.why}`,
  evidence: reason.evidence,
  fix: ['natspace gc tries again', `natspace down ${name} removes all of it`],
})
