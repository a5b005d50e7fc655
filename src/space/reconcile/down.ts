import { spaceOfAlias } from '../marks.ts'
import { orphanOf } from '../resources/orphan.ts'
import { Planner } from '../resources/resource.ts'
import { quote } from '../spec/quote.ts'
import { takeLock } from '../state/lock.ts'
import {
  currentBoot,
  type HostRecord,
  newHostRecord,
  readHostRecord,
  readSpaceRecord,
  recordedNames,
  type SpaceRecord,
} from '../state/records.ts'
import { applyEach, lostRace } from './apply.ts'
import { hostResources, inOrder, spaceResources } from './desired.ts'
import { Observation } from './observation.ts'
import type { Operation } from './operation.ts'
import type { Context, DownResult, Warning } from './types.ts'

/**
 * Theory of operation. `down` removes what the record of a space says and what is there; each resource removes only what
 * bears our mark. It goes from the rules that let packets through down to the namespace, then the record, so that a
 * removal that stopped halfway can be repeated. With the last space go the table, forwarding and the state folder.
 */

type Prepared = { operations: Operation[]; present: string[]; absent: string[]; warnings: Warning[] }

const prepare = ({ kernel, paths }: Context, names: readonly string[]): Prepared => {
  const seen = new Observation(kernel)
  const planner = new Planner(seen)
  const bootId = currentBoot(kernel)
  const records: SpaceRecord[] = []
  const absent: string[] = []
  for (const name of new Set(names)) {
    const record = readSpaceRecord(kernel, paths, name) ?? orphanOf(seen, bootId, name)
    if (record === undefined) absent.push(name)
    // A namespace of that name in another boot than the one that made it was made by somebody else.
    else records.push(record.bootId === bootId ? record : { ...record, ownsNamespace: false })
  }
  const going = new Set(records.map(record => record.space.name))
  const isLast = recordedNames(kernel, paths).every(name => going.has(name))
  const owned = new Set(records.filter(record => record.ownsNamespace).map(record => record.space.name))
  const host = readHostRecord(kernel, paths) ?? newHostRecord(bootId)
  const resources = inOrder([
    ...(isLast && records.length > 0
      ? hostResources(paths, host.bootId === bootId ? host : newHostRecord(bootId), owned)
      : []),
    ...records.flatMap(record => spaceResources(paths, record)),
  ])
  const operations = resources.toReversed().flatMap(resource => resource.remove(seen, planner))
  const turnsOff = operations.some(
    ({ change }) =>
      change.type === 'sysctl.set' && change.key === 'net.ipv4.ip_forward' && change.value === '0',
  )
  return { operations, present: [...going], absent, warnings: turnsOff ? missedBy(seen, host) : [] }
}

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
export const planDown = (context: Context, names: readonly string[]): Operation[] =>
  prepare(context, names).operations

/**
 * Takes spaces down, from any state they are in; goes on after a failure and reports all of them. Names for which
 * nothing is there are no error.
 */
export const down = async (
  context: Context,
  names: readonly string[],
  options: { lockPatience?: number } = {},
): Promise<DownResult> => {
  using _lock = await takeLock(context.kernel, context.paths, options.lockPatience)
  const removed = new Set<string>()
  for (let attempt = 1; ; attempt++) {
    const { operations, present, absent, warnings } = prepare(context, names)
    const problems = applyEach(context.kernel, operations)
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
