import { notFound } from '../reconcile/status.ts'
import type { Context } from '../reconcile/types.ts'
import { specOf } from '../spec/spec-of.ts'
import type { ResolvedSpace, SpaceSpec } from '../spec/types.ts'
import { readSpaceRecord, recordedNames } from '../state/records.ts'

/**
 * The spec of a space as it is to be kept: what was chosen for it stays its own, but an MTU that nobody asked for is left
 * out and will be that of the way out then. Pure.
 */
export const keptSpec = (space: ResolvedSpace): SpaceSpec => {
  const { mtu, mtuFollows, ...rest } = specOf(space)
  return mtuFollows || mtu === undefined ? rest : { ...rest, mtu }
}

/** The spaces of these names as they are up. Throws NatspaceError NOT_FOUND. */
export const recordedSpaces = ({ kernel, paths }: Context, names: readonly string[]): ResolvedSpace[] =>
  names.map(name => {
    const record = readSpaceRecord(kernel, paths, name)
    if (record === undefined) throw notFound(name, recordedNames(kernel, paths))
    return record.space
  })
