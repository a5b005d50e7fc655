import { notFound } from '../space/reconcile/status.ts'
import type { Context } from '../space/reconcile/types.ts'
import type { ResolvedSpace } from '../space/spec/types.ts'
import { readSpaceRecord, recordedNames } from '../space/state/records.ts'

/** A space as `up` recorded it. Throws NatspaceError NOT_FOUND. */
export const recordedSpace = ({ kernel, paths }: Context, name: string): ResolvedSpace => {
  const record = readSpaceRecord(kernel, paths, name)
  if (record === undefined) throw notFound(name, recordedNames(kernel, paths))
  return record.space
}
