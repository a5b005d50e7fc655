import type { Kernel } from '../../linux/kernel.ts'
import { NatspaceError } from '../errors.ts'
import { aliasOf } from '../marks.ts'
import { checkPublishedElsewhere, elsewhereOf, knownAddresses } from '../resources/elements.ts'
import { foreignForwardWarnings } from '../resources/foreign-forward.ts'
import { listenedResource } from '../resources/listened.ts'
import { markCable } from '../resources/mark-cable.ts'
import { orphanOf } from '../resources/orphan.ts'
import { type Phase, Planner, type Resource } from '../resources/resource.ts'
import { formatPublish } from '../spec/publish.ts'
import { findPublishClash } from '../spec/publish-clash.ts'
import { peerOf, resolveSpecs } from '../spec/resolve.ts'
import { specOf } from '../spec/spec-of.ts'
import type { ResolvedSpace, SpaceSpec } from '../spec/types.ts'
import { beginWork, endWork, type Intent, type Left } from '../state/journal.ts'
import { takeLock } from '../state/lock.ts'
import { currentBoot, readSpaceRecord, type SpaceRecord } from '../state/records.ts'
import { type Applied, applyAll, lostRace, rollBack, toUnits } from './apply.ts'
import { spaceRecordOf } from './before.ts'
import { cableResources, forwardedOf, hostResources, inOrder, leaveOut, spaceResources } from './desired.ts'
import { checkSources, checkUplinks, resolveFacts } from './facts.ts'
import { hostRecord } from './host-record.ts'
import { settleInterrupted } from './interrupted.ts'
import { Observation } from './observation.ts'
import { checkOfRuntime } from './of-runtime.ts'
import type { Drift, Operation } from './operation.ts'
import { checkListened } from './port-listened.ts'
import { checkPublishedByOthers } from './port-published.ts'
import type { Context, Plan, PlanOptions, UpResult } from './types.ts'
import { doWork, doWorkWatched, eachOf, isStopped, type Work } from './work.ts'

/**
 * Theory of operation. The specs are resolved against what the host has (pool, names, uplinks), which gives the desired
 * resources; each compares itself with what was observed and answers with the operations that are missing. A space
 * whose cable changes under a new spec gets a new cable. After the operations everything is read again: only when every
 * resource finds itself as desired has `up` succeeded; otherwise all is undone. What is under way stands in the journal
 * (journal.ts) from before the first operation until after the last, or after the way back.
 */

type Prepared = Plan & {
  resources: Resource[]
  records: ReadonlyMap<string, SpaceRecord>
  /** What makes an adopted cable ours: the last of all, as whatever bears our mark may be taken away. */
  marks: Operation[]
}

/** `known`: what was chosen for the spaces, where that is not what their records say. */
type PrepareOptions = PlanOptions & { known?: ReadonlyMap<string, ResolvedSpace> }

function* prepare(
  context: Context,
  specs: readonly SpaceSpec[],
  options: PrepareOptions,
  seen = new Observation(context.kernel),
): Work<Prepared> {
  const { kernel, paths } = context
  const planner = new Planner(seen)
  const bootId = currentBoot(kernel)
  const records = new Map<string, SpaceRecord>()
  const previous = new Map<string, ResolvedSpace>()
  for (const { name } of specs) {
    const record = readSpaceRecord(kernel, paths, name)
    if (record) records.set(name, record)
    const before = record ?? orphanOf(seen, bootId, name, paths.owner)
    const space = before?.space ?? options.adopts?.get(name)
    if (space) previous.set(name, space)
  }
  const known = options.known ?? previous
  const isAdopted = (name: string) => options.adopts?.has(name) === true
  checkUplinks(seen, specs)
  checkSources(seen, specs)
  const peer = (name: string) => {
    const record = readSpaceRecord(kernel, paths, name)
    if (record !== undefined) return peerOf(record.space)
    if (!options.keepsPeers) return undefined
    const all = [...known.values(), ...previous.values()]
    return all.flatMap(space => space.connect).find(item => item.name === name)
  }
  const spaces = resolveSpecs(specs, resolveFacts(seen, specs, known, knownAddresses(seen), peer))
  checkOfRuntime(spaces, records)
  checkPublished(spaces)
  checkPublishedElsewhere(seen, spaces, previous)
  checkListened(seen, spaces, known)
  checkPublishedByOthers(seen, spaces, known)

  const without = options.without ?? []
  const needed = forwardedOf(spaces)
  const forwarded = without.includes(7) ? { ...needed, ipv4: false, ipv6: false } : needed
  // What leads to the inside is routed to, whoever has made it.
  const cables = new Set(
    [...(options.adopts?.values() ?? []), ...spaces.filter(({ behind }) => behind)].map(
      space => space.hostInterface,
    ),
  )
  const host = hostRecord(context, seen, bootId, forwarded, cables)
  const elsewhere = elsewhereOf(spaces, previous)
  const all = [
    ...hostResources(paths, host, new Set(), forwarded),
    listenedResource(
      spaces.some(
        ({ name, internal, behind }) => !internal && !behind && (!previous.has(name) || isAdopted(name)),
      ),
    ),
    ...spaces.flatMap(space => {
      const { name } = space
      const record = spaceRecordOf(context, seen, bootId, space, records.get(name))
      return spaceResources(paths, record, previous.get(name), elsewhere(name), isAdopted(name))
    }),
  ]
  const resources = inOrder(leaveOut(all, without))
  const rebuilding = spaces.flatMap(space =>
    rebuild(seen, planner, space, previous.get(space.name), paths.owner),
  )
  return {
    spaces,
    operations: [
      ...rebuilding,
      ...(yield* eachOf(resources, { phase: 'planning', mayEnd: true }, resource =>
        resource.add(seen, planner),
      )),
    ],
    warnings: spaces
      .filter(({ behind, publish }) => behind === undefined || publish.length > 0)
      .flatMap(space => foreignForwardWarnings(seen, space)),
    resources,
    records,
    marks: spaces.flatMap(space => (isAdopted(space.name) ? markCable(seen, space, paths.owner) : [])),
  }
}

/** Takes the old cable away where the new spec has another; its undo makes it again as it was. */
const rebuild = (
  seen: Observation,
  planner: Planner,
  space: ResolvedSpace,
  previous: ResolvedSpace | undefined,
  owner: string,
): Operation[] => {
  if (previous === undefined || sameCable(space, previous)) return []
  const old = cableResources(previous, undefined, aliasOf(previous.name, owner))
  const removal = (old[0] as Resource).remove(seen, planner)
  const imagined = new Planner(seen)
  imagined.remove(undefined, previous.hostInterface)
  imagined.remove(previous.namespacePath, previous.interface)
  const [first, ...others] = removal
  if (first === undefined) return []
  const again = old.flatMap(resource => resource.add(seen, imagined)).map(operation => operation.change)
  return [{ ...first, undo: again }, ...others]
}

const sameCable = (one: ResolvedSpace, other: ResolvedSpace): boolean =>
  one.hostInterface === other.hostInterface &&
  one.interface === other.interface &&
  one.gateway === other.gateway &&
  one.address === other.address &&
  one.prefixLength === other.prefixLength &&
  one.internal === other.internal &&
  one.subnet === other.subnet &&
  one.ipv6?.subnet === other.ipv6?.subnet &&
  JSON.stringify(one.further) === JSON.stringify(other.further) &&
  // IPv6 can be added to a cable, but turning it off takes more along than could be put back.
  (other.ipv6 === undefined ||
    (one.ipv6?.address === other.ipv6.address &&
      one.ipv6.gateway === other.ipv6.gateway &&
      one.ipv6.prefixLength === other.ipv6.prefixLength))

const checkPublished = (spaces: readonly ResolvedSpace[]): void => {
  const clash = findPublishClash(
    spaces.flatMap(space => space.publish.map(publish => ({ space: space.name, publish }))),
  )
  if (clash === undefined) return
  const { earlier, later } = clash
  throw new NatspaceError({
    code: 'DUPLICATE_PORT',
    exit: 2,
    what: `cannot publish ${formatPublish(later.publish)} for ${later.space}`,
    why: `${earlier.space} publishes ${formatPublish(earlier.publish)}, which takes the same port of the host`,
    fix: ['choose another port of the host for one of them'],
  })
}

/** Computes what `up` would do, and changes nothing. Throws NatspaceError as `up` would. */
export const planUp = (context: Context, specs: readonly SpaceSpec[], options: PlanOptions = {}): Plan => {
  const { spaces, operations, marks, warnings } = doWork(prepare(context, specs, options))
  return { spaces, operations: [...operations, ...marks], warnings }
}

/** What would give spaces back what they had; `known` as they were. Changes nothing. Throws NatspaceError as `up` would. */
export const planBack = (context: Context, known: ReadonlyMap<string, ResolvedSpace>): Operation[] =>
  doWork(prepare(context, [...known.values()].map(specOf), { known, keepsPeers: true })).operations

/**
 * Brings spaces up: all of them as their specs say, or everything as it was before. Does nothing at all when all is
 * right already. Throws NatspaceError.
 */
export const up = (
  context: Context,
  specs: readonly SpaceSpec[],
  options: PlanOptions & { lockPatience?: number } = {},
): Promise<UpResult> => upAsChosen(context, () => specs, options)

/**
 * As `up`, of specs that are chosen under the lock: from what is there when nobody else can change it any more, and as
 * it is seen for the plan.
 */
export const upAsChosen = async (
  context: Context,
  choose: (seen: Observation) => readonly SpaceSpec[],
  options: PlanOptions & { lockPatience?: number } = {},
): Promise<UpResult> => {
  using _lock = await takeLock(context.kernel, context.paths, options.lockPatience)
  const { left, warnings } = await settleInterrupted(context)
  const work = repeatedly(() => attemptUp(context, choose, options, left))
  const { plan, changes } = await doWorkWatched(work, context.onlooker)
  return { plan: { ...plan, warnings: [...warnings, ...plan.warnings] }, changes }
}

/** Gives spaces back what they had, by whoever holds the lock and the journal. Throws NatspaceError as `up` does. */
export function* bringBack(context: Context, known: ReadonlyMap<string, ResolvedSpace>): Work<Operation[]> {
  const specs = [...known.values()].map(specOf)
  const { plan } = yield* repeatedly(() => attemptUp(context, () => specs, { known, keepsPeers: true }))
  return plan.operations
}

function* repeatedly(action: () => Work<UpResult>): Work<UpResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return yield* action()
    } catch (error) {
      if (attempt === attempts || !lostRace(error)) throw error
    }
  }
}

/** Others may change the ruleset, or take an index, between looking and changing; then both are done anew. */
const attempts = 5

/** With `left`, what is under way is written down, beside what is left of others; without it, it stands there already. */
function* attemptUp(
  context: Context,
  choose: (seen: Observation) => readonly SpaceSpec[],
  options: PrepareOptions,
  left?: Left,
): Work<UpResult> {
  const seen = new Observation(context.kernel)
  const { resources, records, marks, ...plan } = yield* prepare(context, choose(seen), options, seen)
  if (plan.operations.length === 0) return { plan, changes: (yield* applyAll(context.kernel, marks)).count }
  if (left === undefined) return { plan, changes: (yield* carryOut(context, plan, resources)).count }
  const { kernel, paths } = context
  const intents = Object.fromEntries(plan.spaces.map(({ name }) => [name, intentOf(records.get(name))]))
  const others = Object.fromEntries(Object.entries(left).filter(([name]) => !(name in intents)))
  beginWork(kernel, paths, intents, others)
  let applied: Applied
  try {
    applied = yield* carryOut(context, plan, resources)
  } catch (error) {
    // What could not be taken back is tried again by the next command.
    if (error instanceof NatspaceError && error.code !== 'ROLLBACK_FAILED') endWork(kernel, paths, others)
    throw error
  }
  let isEnded = false
  let marked = 0
  try {
    endWork(kernel, paths, others)
    isEnded = true
    marked = (yield* applyAll(kernel, marks)).count
  } catch (error) {
    // The next command would take it back, whatever was said here.
    const reason = yield* rollBack(kernel, applied, error as NatspaceError)
    if (reason === error && !isEnded) endWork(kernel, paths, others)
    throw reason
  }
  return { plan, changes: applied.count + marked }
}

const intentOf = (before: SpaceRecord | undefined): Intent => ({
  doing: 'up',
  ...(before === undefined ? {} : { before }),
})

/** Spaces up to which it takes longer to list all links than to ask for theirs, on a host with many others. */
const mostByName = 8

/** Carries out a plan and looks whether it worked. Throws NatspaceError when it did not, and all was undone. */
function* carryOut(
  context: Context,
  { spaces, operations }: Plan,
  resources: readonly Resource[],
): Work<Applied> {
  const applied = yield* applyAll(context.kernel, operations)
  let drift: Drift[]
  try {
    const seen = new Observation(context.kernel, spaces.length <= mostByName)
    const known = firewallIsKnown(context.kernel, operations)
    const unknown = resources.filter(({ phase }) => !known || !firewallPhases.has(phase))
    drift = yield* eachOf(unknown, { phase: 'checking', mayEnd: true }, resource => resource.drift(seen))
  } catch (cause) {
    throw yield* rollBack(context.kernel, applied, isStopped(cause) ? cause : cannotVerify(cause))
  }
  if (drift.length > 0) throw yield* rollBack(context.kernel, applied, notAsDesired(drift))
  return applied
}

const firewallPhases: ReadonlySet<Phase> = new Set(['firewall', 'foreign-firewall'])

/**
 * A batch is carried out whole or not at all, and only on the generation that was read. If the ruleset is now exactly
 * one generation further, it is what was read plus our batch: reading it all again could say nothing else.
 */
const firewallIsKnown = (kernel: Kernel, operations: readonly Operation[]): boolean => {
  const batches = toUnits(operations).flatMap(({ change }) =>
    change.type === 'nftables.commit' ? [change] : [],
  )
  const [only, ...others] = batches
  return (
    only?.generation !== undefined &&
    others.length === 0 &&
    kernel.rulesetGeneration(undefined) === only.generation + 1
  )
}

const cannotVerify = (cause: unknown): NatspaceError =>
  new NatspaceError({
    code: 'VERIFY_FAILED',
    exit: 1,
    what: 'cannot bring the space up',
    why: 'the kernel accepted every change, but could not be asked what it has now; all was undone',
    evidence: [cause instanceof Error ? cause.message : String(cause)],
    cause,
  })

const notAsDesired = (drift: readonly Drift[]): NatspaceError =>
  new NatspaceError({
    code: 'VERIFY_FAILED',
    exit: 1,
    what: 'cannot bring the space up',
    why: 'the kernel accepted every change, and yet not everything is as it should be; all was undone',
    evidence: drift.map(item => `${item.resource}: expected ${item.expected}, found ${item.found}`),
    fix: ['another program may be changing the network at the same time; try again'],
  })
