import { type Change, ChangeError, type Outcome } from '../../linux/change.ts'
import type { FlowSelector } from '../../linux/conntrack/index.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { LinuxKernel } from '../../linux/linux.ts'
import { BatchError, type NftCommand } from '../../linux/nftables/index.ts'
import { type Ask, probe } from '../../linux/probe.ts'
import { NatspaceError } from '../errors.ts'
import { refusedChange } from '../refused-change.ts'
import { withFlushes } from './emptied-sets.ts'
import type { Operation } from './operation.ts'
import { isStopped, type Pause, type Work } from './work.ts'

/**
 * Theory of operation. Operations are carried out in order; those that follow each other and change the firewall go in
 * one atomic batch. When one fails, the undo of every operation that was carried out is run, last first, and the error
 * says what failed and whether the way back succeeded. Removal is different: it goes on after a failure, as leaving
 * less behind is always better, and reports everything that could not be removed.
 */

/** A change to be sent, and the operations it came from. */
type Unit = { change: Change; operations: Operation[] }

/** Operations as changes: neighbouring firewall operations become one batch, and neighbouring deletions of flows one. */
export const toUnits = (operations: readonly Operation[]): Unit[] => {
  const units: Unit[] = []
  for (const operation of operations) {
    const { change } = operation
    const last = units.at(-1)
    if (
      change.type === 'nftables.commit' &&
      last?.change.type === 'nftables.commit' &&
      last.change.where === change.where
    ) {
      last.operations.splice(placeIn(last.operations, operation), 0, operation)
    } else if (
      change.type === 'conntrack.delete' &&
      last?.change.type === 'conntrack.delete' &&
      last.change.where === change.where
    ) {
      last.operations.push(operation)
    } else units.push({ change, operations: [operation] })
  }
  return units.map(joined)
}

/** The changes of a unit as one. */
const joined = (unit: Unit): Unit => {
  const { change, operations } = unit
  if (operations.length === 1) return unit
  if (change.type === 'nftables.commit')
    return { operations, change: { ...change, commands: operations.flatMap(commandsOf) } }
  // One look at the table of flows serves them all.
  if (change.type === 'conntrack.delete')
    return { operations, change: { ...change, flows: operations.flatMap(flowsOf) } }
  return unit
}

const commandsOf = ({ change }: Operation): readonly NftCommand[] =>
  change.type === 'nftables.commit' ? change.commands : []

const flowsOf = ({ change }: Operation): readonly FlowSelector[] =>
  change.type === 'conntrack.delete' ? change.flows : []

const isAll = (operation: Operation, type: 'element.add' | 'element.delete'): boolean =>
  commandsOf(operation).every(command => command.type === type)

/**
 * Where an operation stands in a batch: behind the others, but what takes elements away comes before what adds some, as an
 * interval that one space gives up may overlap one that another takes.
 */
const placeIn = (operations: readonly Operation[], operation: Operation): number => {
  let place = operations.length
  if (!isAll(operation, 'element.delete')) return place
  while (place > 0 && isAll(operations[place - 1] as Operation, 'element.add')) place--
  return place
}

/** What was carried out, so that it can be taken back later. */
export type Applied = { undo: Change[]; count: number }

/**
 * Carries out all operations or none. Throws NatspaceError APPLY_FAILED (or KERNEL_FEATURE_MISSING, NOT_PERMITTED)
 * after everything was undone, or ROLLBACK_FAILED with what is left behind.
 */
export function* applyAll(kernel: Kernel, operations: readonly Operation[]): Work<Applied> {
  const units = toUnits(operations)
  const outcomes: Outcome[] = []
  const changes = units.map(unit => unit.change)
  let reason: NatspaceError | undefined
  try {
    yield* changeInParts(kernel, changes, outcomes, { phase: 'making', mayEnd: true })
  } catch (error) {
    if (!isStopped(error)) throw error
    reason = error
  }
  const applied = {
    undo: undoOf(units, outcomes),
    count: outcomes.filter(outcome => outcome === 'done').length,
  }
  const failure = outcomes.find(outcome => outcome instanceof ChangeError)
  if (failure instanceof ChangeError) reason = refusedChange(failure, askerOf(kernel))
  if (reason !== undefined) throw yield* rollBack(kernel, applied, reason)
  return applied
}

/** Changes from one pause to the next, some milliseconds of work. */
const partSize = 128

/** Links that are deleted one after the other go together, as the kernel waits once for all of them; so many at most. */
const mostTogether = 1024

/**
 * Carries out changes in order as `Kernel.change` does, with pauses. `outcomes` takes what becomes of each, and lacks those that
 * were not tried; `offset` is how many of the phase are done already.
 */
function* changeInParts(
  kernel: Kernel,
  changes: readonly Change[],
  outcomes: Outcome[],
  { phase, mayEnd }: Pick<Pause, 'phase' | 'mayEnd'>,
  offset = 0,
): Work<void> {
  for (let start = 0; start < changes.length; ) {
    if (start > 0) yield { phase, done: offset + start, total: offset + changes.length, mayEnd }
    const end = endOfPart(changes, start)
    const part = kernel.change(start === 0 && end === changes.length ? changes : changes.slice(start, end))
    for (const outcome of part) outcomes.push(outcome)
    if (part.some(outcome => outcome instanceof ChangeError)) return
    start = end
  }
}

const endOfPart = (changes: readonly Change[], start: number): number => {
  let end = Math.min(start + partSize, changes.length)
  while (
    end < changes.length &&
    end - start < mostTogether &&
    changes[end - 1]?.type === 'link.delete' &&
    changes[end]?.type === 'link.delete'
  )
    end++
  return end
}

/** Who tells what the kernel can do; of a kernel in memory, this machine's would tell nothing. */
const askerOf = (kernel: Kernel): Ask | undefined => (kernel instanceof LinuxKernel ? probe : undefined)

const undoOf = (units: readonly Unit[], outcomes: readonly Outcome[]): Change[] =>
  units
    .filter((_, index) => outcomes[index] === 'done')
    .reverse()
    .flatMap(unit => unit.operations.toReversed().flatMap(operation => operation.undo))

/** Takes back what was applied and returns the error to throw: `reason`, or one that says what could not be taken back. */
export function* rollBack(kernel: Kernel, applied: Applied, reason: NatspaceError): Work<NatspaceError> {
  const problems = yield* changeEach(kernel, applied.undo, 'undoing')
  if (problems.length === 0) return reason
  return new NatspaceError({
    code: 'ROLLBACK_FAILED',
    exit: 1,
    what: reason.what,
    why: `${reason.why}; and not everything could be taken back`,
    evidence: [...reason.evidence, ...problems.map(problem => `left behind: ${problem.message}`)],
    fix: ['natspace down NAME removes what is left'],
    cause: reason,
  })
}

/** Carries out each change, whatever became of the others; "already so" is success. */
function* changeEach(
  kernel: Kernel,
  changes: readonly Change[],
  phase: 'undoing' | 'removing',
): Work<ChangeError[]> {
  const problems: ChangeError[] = []
  for (let start = 0; start < changes.length; ) {
    const outcomes: Outcome[] = []
    yield* changeInParts(kernel, changes.slice(start), outcomes, { phase, mayEnd: false }, start)
    for (const outcome of outcomes)
      if (outcome instanceof ChangeError && !isGone(outcome)) problems.push(outcome)
    // After a failure some later ones of the same send may be done all the same.
    const untried = outcomes.indexOf('not-tried')
    start += untried < 0 ? outcomes.length : untried
  }
  return problems
}

/** Errors of a removal that mean: it is gone already. */
const goneCodes: Partial<Record<Change['type'], readonly string[]>> = {
  'link.delete': ['ENODEV'],
  'address.delete': ['EADDRNOTAVAIL', 'ENODEV'],
  'route.delete': ['ESRCH', 'ENODEV'],
  // Another one is there than the one of that number.
  'qdisc.delete': ['EINVAL', 'ENODEV'],
  'namespace.delete': ['ENOENT', 'EINVAL'],
  'file.delete': ['ENOENT'],
  'directory.delete': ['ENOENT'],
  'mount.delete': ['EINVAL', 'ENOENT'],
  'sysctl.set': ['ENOENT'],
}

const isGone = (error: ChangeError): boolean =>
  error.code !== undefined &&
  ((goneCodes[error.change.type]?.includes(error.code) ?? false) || isDown(error) || isAllGone(error))

/** Whether a link that was to go down is not there: the kernel may just have ended the namespace of its other end. */
const isDown = ({ change, code }: ChangeError): boolean =>
  change.type === 'link.set' && change.up === false && code === 'ENODEV'

/** Whether a batch found nothing of what it was to take away: somebody has flushed it. */
const isAllGone = ({ change, cause }: ChangeError): boolean =>
  change.type === 'nftables.commit' &&
  cause instanceof BatchError &&
  cause.refusals.length === change.commands.length &&
  cause.refusals.every(({ error }) => error.code === 'ENOENT')

/** What became of a removal. */
export type Removed = {
  /** What could not be removed. */
  problems: NatspaceError[]
  /** The spaces it belongs to; undefined stands for what serves all. */
  spaces: ReadonlySet<string | undefined>
}

/** Carries out a removal as far as it goes. `sizes`: how many elements each set of our table has now, where that is known. */
export function* applyEach(
  kernel: Kernel,
  operations: readonly Operation[],
  sizes: (set: string) => number = () => -1,
): Work<Removed> {
  const units = toUnits(operations).map(unit => withoutNeedlessDeletions(unit, sizes))
  const failures = yield* changeEach(
    kernel,
    units.map(unit => unit.change),
    'removing',
  )
  const failed = new Set(failures.map(({ change }) => change))
  return {
    problems: failures.map(failure => refusedChange(failure)),
    spaces: new Set(
      units
        .filter(({ change }) => failed.has(change))
        .flatMap(unit => unit.operations.map(({ space }) => space)),
    ),
  }
}

const withoutNeedlessDeletions = (unit: Unit, sizes: (set: string) => number): Unit =>
  unit.change.type === 'nftables.commit'
    ? { ...unit, change: { ...unit.change, commands: withFlushes(unit.change.commands, sizes) } }
    : unit

/** Errors that say that somebody was faster: what was free when the plan was made is taken, what was there is gone. */
const lostRaces: Partial<Record<Change['type'], readonly string[]>> = {
  'directory.add': ['EEXIST'],
  'namespace.add': ['EEXIST'],
  // An index of the host end that is taken is EEXIST too, one of the inner end EBUSY.
  'veth.add': ['EEXIST', 'EBUSY'],
  // The kernel ends a deleted namespace, and with it the other ends of its cables, some time later.
  'link.delete': ['ENODEV'],
  'nftables.commit': ['ERESTART'],
}

/** Whether a change failed because somebody else changed the same thing first: looking again may help. */
export const lostRace = (error: unknown): boolean =>
  error instanceof NatspaceError &&
  error.cause instanceof ChangeError &&
  (lostRaces[error.cause.change.type]?.includes(error.cause.code ?? '') ?? false)
