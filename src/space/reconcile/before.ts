import { aliasOf } from '../marks.ts'
import { isMarked } from '../resources/namespace.ts'
import { linkTuningNow, linkTuningOf } from '../resources/tuning.ts'
import { localnetKey, needsLocalnet } from '../resources/way-in.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import {
  type Before,
  newSpaceRecord,
  readSpaceRecord,
  recordedNames,
  type SpaceRecord,
} from '../state/records.ts'
import type { Observation } from './observation.ts'
import type { Context } from './types.ts'

/** What is noted of a space that comes up. `earlier`: what was noted of it before. */
export const spaceRecordOf = (
  context: Context,
  seen: Observation,
  bootId: string,
  space: ResolvedSpace,
  earlier: SpaceRecord | undefined,
): SpaceRecord => {
  const { name, namespacePath: path } = space
  // What is there without our mark was made by somebody else.
  const owned = seen.namespace(path) !== 'present' || isMarked(seen, path, aliasOf(name, context.paths.owner))
  const isPlain = space.tuning === undefined && space.behind === undefined
  const before = isPlain ? undefined : beforeOf(context, seen, space, earlier)
  return newSpaceRecord(bootId, space, owned, before)
}

/**
 * What has to be noted before a space changes it; undefined where it changes nothing that outlives it. What was noted
 * earlier stays, as by now the values are ours; and what is noted about a link of others is noted alike by every space
 * behind it, whichever of them goes last.
 */
const beforeOf = (
  context: Context,
  seen: Observation,
  space: ResolvedSpace,
  earlier: SpaceRecord | undefined,
): Before | undefined => {
  const before = { ...insideBefore(seen, space, earlier), ...wayBefore(context, seen, space, earlier) }
  return Object.keys(before).length === 0 ? undefined : before
}

const insideBefore = (seen: Observation, space: ResolvedSpace, earlier: SpaceRecord | undefined): Before => {
  const { tuning, namespacePath: where, behind } = space
  if (tuning === undefined) return {}
  const namespace = seen.namespace(where) === 'present' ? seen.kernel.namespaceIdentity(where) : undefined
  if (namespace === undefined) return earlier?.before ?? {}
  const noted = earlier?.before?.namespace === namespace ? earlier.before : undefined
  // What of a cable of our own is tuned goes with it.
  const link = behind === undefined ? undefined : seen.link(where, space.interface)
  const sysctls = Object.keys(tuning.sysctls ?? {}).flatMap(key => {
    // One that was set before and not noted came with the cable, and goes with it.
    const isOurs = noted !== undefined && earlier?.space.tuning?.sysctls?.[key] !== undefined
    const value = isOurs ? undefined : seen.sysctl(where, key)
    return value === undefined ? [] : [[key, value] as const]
  })
  return {
    namespace,
    ...(link === undefined
      ? {}
      : { index: link.index, link: { ...linkTuningNow(link, linkTuningOf(tuning)), ...noted?.link } }),
    ...(sysctls.length === 0 && noted?.sysctls === undefined
      ? {}
      : { sysctls: { ...Object.fromEntries(sysctls), ...noted?.sysctls } }),
  }
}

const wayBefore = (
  { kernel, paths }: Context,
  seen: Observation,
  space: ResolvedSpace,
  earlier: SpaceRecord | undefined,
): Before => {
  const way = space.hostInterface
  const own = earlier?.space.hostInterface === way ? earlier.before?.localnet : undefined
  // Also where it is not needed any more: it comes back with the space.
  if (own !== undefined) return { localnet: own }
  if (!needsLocalnet(space)) return {}
  const noted = recordedNames(kernel, paths)
    .map(name => readSpaceRecord(kernel, paths, name))
    .find(record => record?.space.hostInterface === way && record.before?.localnet !== undefined)
    ?.before?.localnet
  const localnet = noted ?? seen.sysctl(undefined, localnetKey(way))
  return localnet === undefined || localnet === '1' ? {} : { localnet }
}
