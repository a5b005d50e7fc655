import type { ResolvedSpace } from '../spec/types.ts'
import { newHostRecord, readHostRecord, readSpaceRecord, type SpaceRecord } from '../state/records.ts'
import { forwardedOf, hostResources, spaceResources } from './desired.ts'
import type { Observation } from './observation.ts'
import type { Drift } from './operation.ts'
import { readOutside } from './outside.ts'
import { peerDrift } from './policy.ts'
import type { Context } from './types.ts'
import { doWork, eachOf, type Work } from './work.ts'

/** How one space differs from what was asked for. */
export type Difference = {
  /** What `up` with the same spec puts right. */
  own: Drift[]
  /** What it needs of others, and what nothing of ours can put right: an uplink, a source address, a peer that is gone. */
  lacking: Drift[]
}

/** How spaces differ from what was asked for. */
export type Differences = {
  /** What all of them need together, such as the table. */
  shared: Drift[]
  /** By the name of the space. */
  spaces: Map<string, Difference>
}

/** Compares spaces with what was asked for, as their records say. Changes nothing. Throws as an observation does. */
export const differencesOf = (
  context: Context,
  seen: Observation,
  records: readonly SpaceRecord[],
): Differences => doWork(compare(context, seen, records))

/** As `differencesOf`, with pauses. */
export function* compare(
  { kernel, paths }: Context,
  seen: Observation,
  records: readonly SpaceRecord[],
): Work<Differences> {
  const host = readHostRecord(kernel, paths) ?? newHostRecord('')
  const forwarded = forwardedOf(records.map(record => record.space))
  const shared = hostResources(paths, host, new Set(), forwarded)
    // A missing record of the host means only that nothing of it has to be put back.
    .filter(item => item.phase !== 'record')
    .flatMap(resource => resource.drift(seen))
  const outside = readOutside(seen)
  const peerNamed = (name: string) => readSpaceRecord(kernel, paths, name)?.space
  const difference = (record: SpaceRecord): Difference => {
    const { space } = record
    const peers = peersOf(space, peerNamed)
    return {
      own: [
        ...spaceResources(paths, record).flatMap(resource => resource.drift(seen)),
        ...outside.mtuDrift(space),
        ...peers.changed,
      ],
      lacking: [...outside.lacking(space), ...peers.gone],
    }
  }
  const spaces = yield* eachOf(records, { phase: 'reading', mayEnd: true }, record => [
    [record.space.name, difference(record)] as const,
  ])
  return { shared, spaces: new Map(spaces) }
}

/** Spaces that a space is connected to, and that have another address or cable by now, or are gone. */
const peersOf = (
  space: ResolvedSpace,
  peerNamed: (name: string) => ResolvedSpace | undefined,
): { changed: Drift[]; gone: Drift[] } => {
  const drift = peerDrift(space, peerNamed)
  const gone = new Set(
    space.connect
      .filter(({ name }) => peerNamed(name) === undefined)
      .map(({ name }) => `connection to ${name}`),
  )
  return {
    changed: drift.filter(({ resource }) => !gone.has(resource)),
    gone: drift.filter(({ resource }) => gone.has(resource)),
  }
}
