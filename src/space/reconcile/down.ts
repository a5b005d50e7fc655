import { aliasOf, spaceOfAlias } from '../marks.ts'
import type { Elsewhere } from '../resources/elements.ts'
import { isMarked, isUnfinished, namespaceResource } from '../resources/namespace.ts'
import { orphanOf } from '../resources/orphan.ts'
import { Planner, type Resource } from '../resources/resource.ts'
import { needsLocalnet, wayKey } from '../resources/way-in.ts'
import { sharedGateways } from '../ruleset/elements.ts'
import { seenElements } from '../ruleset/seen-table.ts'
import { namespacePath } from '../spec/names.ts'
import { quote } from '../spec/quote.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { beginWork, endWork, type Intent } from '../state/journal.ts'
import { takeLock } from '../state/lock.ts'
import {
  currentBoot,
  type HostRecord,
  newHostRecord,
  readHostRecord,
  readSpaceRecord,
  recordedNames,
  type SpaceRecord,
  type StatePaths,
} from '../state/records.ts'
import { applyEach, lostRace, type Removed } from './apply.ts'
import { hostResources, inOrder, namespaceFolder, spaceResources } from './desired.ts'
import { settleInterrupted } from './interrupted.ts'
import { Observation } from './observation.ts'
import type { Operation } from './operation.ts'
import type { Context, DownResult, Warning } from './types.ts'
import { doWork, doWorkWatched, eachOf, inOtherTerms, type Work } from './work.ts'

/**
 * Theory of operation. `down` removes what the record of a space says and what is there; each resource removes only what
 * bears our mark. It goes from the rules that let packets through down to the namespace, then the record, so that a
 * removal that stopped halfway can be repeated; the journal says that it is to be. With the last space go the table,
 * forwarding and the state folder; a record of the host without any space is what is left of that, and goes as well.
 */

type Prepared = {
  operations: Operation[]
  present: string[]
  absent: string[]
  warnings: Warning[]
  /** How many elements a set of our table had. */
  sizes: (set: string) => number
}

export type RemovalOptions = {
  /** Spaces of which a removal has stopped halfway, so that what is left of them may bear no mark any more. */
  resumed?: readonly string[]
  /** Whether with no space left that which all shared goes also when nothing was there of those that are named. */
  thorough?: boolean
}

function* prepare(
  { kernel, paths }: Context,
  names: readonly string[],
  { resumed = [], thorough = false }: RemovalOptions = {},
): Work<Prepared> {
  const seen = new Observation(kernel)
  const planner = new Planner(seen)
  const bootId = currentBoot(kernel)
  const records: SpaceRecord[] = []
  const absent: string[] = []
  const bare = new Set<string>()
  for (const name of new Set(names)) {
    const record = readSpaceRecord(kernel, paths, name) ?? orphanOf(seen, bootId, name, paths.owner)
    if (record !== undefined)
      records.push({
        ...record,
        ownsNamespace: record.ownsNamespace && isStillOurs(seen, record, paths.owner),
      })
    else if (
      isMarked(seen, namespacePath(name), aliasOf(name, paths.owner)) ||
      (resumed.includes(name) && isUnfinished(seen, namespacePath(name)))
    )
      bare.add(name)
    else absent.push(name)
  }
  const going = new Set(records.map(record => record.space.name))
  const owned = new Set([
    ...records.filter(record => record.ownsNamespace).map(record => record.space.name),
    ...bare,
  ])
  const shared = sharedBy({ kernel, paths }, records)
  const isLast =
    recordedNames(kernel, paths).every(name => going.has(name)) && isAlone(seen, going, owned, paths)
  const noted = readHostRecord(kernel, paths)
  const host = noted?.bootId === bootId ? noted : newHostRecord(bootId)
  const resources = inOrder([
    ...(isLast && (records.length > 0 || noted !== undefined || thorough)
      ? hostResources(paths, host, owned, undefined, thorough || resumed.length > 0)
      : []),
    ...records.flatMap(record => spaceResources(paths, record, undefined, shared(record))),
    ...names.filter(name => bare.has(name)).map(name => bareNamespaceResource(name, paths.owner)),
  ])
  const operations = yield* eachOf(resources.toReversed(), { phase: 'planning', mayEnd: true }, resource =>
    resource.remove(seen, planner),
  )
  const turnsOff = operations.some(
    ({ change }) =>
      change.type === 'sysctl.set' && change.key === 'net.ipv4.ip_forward' && change.value === '0',
  )
  return {
    operations,
    present: [...going, ...names.filter(name => bare.has(name))],
    absent,
    warnings: turnsOff ? missedBy(seen, host) : [],
    sizes: set => seenElements(seen, set).size,
  }
}

/**
 * What a space that goes has in common with others: the gateways of a network of many, whose ends share no subnet, or a
 * link of others that both are behind. Who stays keeps it, and of those that go the last one takes it along.
 */
const sharedBy = (
  { kernel, paths }: Context,
  going: readonly SpaceRecord[],
): ((record: SpaceRecord) => Elsewhere) => {
  if (!going.some(({ space }) => sharedKeys(space, true).length > 0)) return () => () => false
  const names = new Set(going.map(({ space }) => space.name))
  const owners = new Map<string, string>()
  const note = (space: ResolvedSpace, usesWay: boolean) => {
    for (const key of sharedKeys(space, usesWay)) owners.set(key, space.name)
  }
  // Of those that go, one that knows what was before puts it back.
  for (const { space, before } of going) note(space, before?.localnet !== undefined)
  for (const name of recordedNames(kernel, paths)) {
    const space = names.has(name) ? undefined : readSpaceRecord(kernel, paths, name)?.space
    if (space !== undefined) note(space, needsLocalnet(space))
  }
  return ({ space }) =>
    key =>
      (owners.get(key) ?? space.name) !== space.name
}

const sharedKeys = (space: ResolvedSpace, usesWay: boolean): string[] => {
  if (space.behind === undefined) return sharedGateways(space)
  return usesWay ? [wayKey(space.hostInterface)] : []
}

/** Whether nothing else on this host bears our mark, without a record or with one in another state folder. */
const isAlone = (
  seen: Observation,
  going: ReadonlySet<string>,
  owned: ReadonlySet<string>,
  { owner }: StatePaths,
): boolean =>
  [...seen.links(undefined).values()].every(({ alias }) => {
    const space = spaceOfAlias(alias)
    return space === undefined || (going.has(space) && alias === aliasOf(space, owner))
  }) &&
  (seen.folder(namespaceFolder) ?? []).every(
    name => owned.has(name) || !isMarked(seen, `${namespaceFolder}/${name}`, aliasOf(name, owner)),
  )

/** What a removal leaves that was killed, where its record was lost before: the namespace with our mark, and no cable. */
const bareNamespaceResource = (name: string, owner: string): Resource =>
  namespaceResource({ name, namespacePath: namespacePath(name) }, true, aliasOf(name, owner))

/** Somebody may have removed the namespace and made another of that name; what has no mark is not removed. */
const isStillOurs = (seen: Observation, { space }: SpaceRecord, owner: string): boolean =>
  seen.namespace(space.namespacePath) !== 'present' ||
  isMarked(seen, space.namespacePath, aliasOf(space.name, owner))

/** Links of others that came while natspace had forwarding on, and may count on it. */
const missedBy = (seen: Observation, { forwarding }: HostRecord): Warning[] => {
  const before = new Set(forwarding?.links)
  const since = [...seen.links(undefined).values()].filter(
    ({ name, loopback, alias }) => !loopback && spaceOfAlias(alias) === undefined && !before.has(name),
  )
  if (since.length === 0) return []
  return [
    {
      code: 'FORWARDING_OFF',
      space: undefined,
      what: 'forwarding is off again, as it was before the first space',
      why: 'links that came meanwhile may belong to something that counts on it',
      evidence: [`since then: ${since.map(link => quote(link.name)).join(', ')}`],
      fix: ['sysctl -w net.ipv4.ip_forward=1 turns it on, for all links'],
    },
  ]
}

/** Computes what `down` would do, and changes nothing. */
export const planDown = (
  context: Context,
  names: readonly string[],
  options: RemovalOptions = {},
): Operation[] => doWork(prepare(context, names, options)).operations

/**
 * Takes spaces down, from any state they are in; goes on after a failure and reports all of them. Names for which
 * nothing is there are no error. What another command left unfinished is put in order first.
 */
export const down = async (
  context: Context,
  names: readonly string[],
  options: { lockPatience?: number } = {},
): Promise<DownResult> => {
  const { kernel, paths } = context
  using _lock = await takeLock(kernel, paths, options.lockPatience)
  const { left, warnings, interrupted, remains } = await settleInterrupted(context, names)
  const intents = Object.fromEntries(names.map((name): [string, Intent] => [name, { doing: 'down' }]))
  const others = Object.fromEntries(Object.entries(left).filter(([name]) => !(name in intents)))
  let written = remains
  const work = removeSpaces(context, names, {
    resumed: interrupted,
    begin: () => {
      try {
        beginWork(kernel, paths, intents, others)
        written = true
      } catch {
        // No room for it (ENOSPC): a removal can be repeated without, and may be what makes room.
      }
    },
  })
  const result = await doWorkWatched(work, context.onlooker)
  if (written) endWork(kernel, paths, result.problems.length === 0 ? others : { ...others, ...intents })
  return { ...result, warnings: [...warnings, ...result.warnings] }
}

/**
 * As `down`, by whoever holds the lock. `begin` is called once, before the first change; from then on it goes on to its end,
 * as no half of a removal could be put back. Throws NatspaceError STOPPED before that.
 */
export function* removeSpaces(
  context: Context,
  names: readonly string[],
  { begin, ...options }: RemovalOptions & { begin?: () => void } = {},
): Work<DownResult> {
  const removed = new Set<string>()
  for (let attempt = 1; ; attempt++) {
    const plan = prepare(context, names, options)
    const { operations, present, absent, warnings, sizes } = yield* inOtherTerms(plan, pause => ({
      ...pause,
      mayEnd: attempt === 1,
    }))
    if (attempt === 1 && operations.length > 0) begin?.()
    const problems = yield* removeAll(context, operations, sizes)
    for (const name of present) removed.add(name)
    if (attempt === attempts || !problems.some(lostRace))
      return {
        removed: [...removed],
        absent: absent.filter(name => !removed.has(name)),
        operations,
        problems,
        warnings,
      }
  }
}

/** What somebody else changed between looking and removing is looked at again. */
const attempts = 5

/** The records of what could not be removed stay, as without them it would not be found the next time. */
function* removeAll(
  { kernel }: Context,
  operations: readonly Operation[],
  sizes: Prepared['sizes'],
): Work<Removed['problems']> {
  const early = operations.filter(operation => !isLate(operation))
  const first = yield* inOtherTerms(applyEach(kernel, early, sizes), pause => ({
    ...pause,
    total: (pause.total ?? 0) + operations.length - early.length,
  }))
  const isFree = ({ space }: Operation) =>
    space === undefined ? first.problems.length === 0 : !first.spaces.has(space)
  const late = operations.filter(operation => isLate(operation) && isFree(operation))
  const then = yield* inOtherTerms(applyEach(kernel, late, sizes), pause => ({
    ...pause,
    done: early.length + pause.done,
    total: early.length + late.length,
  }))
  return [...first.problems, ...then.problems]
}

/** Records, and the folder of the namespaces, on which everything else rests. */
const isLate = ({ step, space }: Operation): boolean =>
  step === 'record' || (step === 'namespace' && space === undefined)
