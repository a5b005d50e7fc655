import { NatspaceError } from '../errors.ts'
import type { Context, Warning } from '../reconcile/types.ts'
import { upAsChosen } from '../reconcile/up.ts'
import { specOf } from '../spec/spec-of.ts'
import type { ResolvedSpace, SpaceSpec } from '../spec/types.ts'
import { readSpaceRecord, type SpaceRecord } from '../state/records.ts'

/**
 * What `up` would be asked for to get this space again. An MTU that nobody asked for is left to be chosen: that of the way
 * out, as it is by now. Pure.
 */
export const repairSpec = (space: ResolvedSpace): SpaceSpec => {
  const { mtu, mtuFollows, ...spec } = specOf(space)
  return mtuFollows || mtu === undefined ? spec : { ...spec, mtu }
}

/** What became of a repair: how much was changed of what the records asked for, or that another natspace holds the lock. */
export type RepairOutcome =
  | {
      type: 'done'
      changes: number
      records: ReadonlyMap<string, SpaceRecord>
      /** What a natspace that died at work had left, and what became of it. */
      settled: Warning[]
    }
  | { type: 'locked' }

const settledCodes: ReadonlySet<string> = new Set(['INTERRUPTED', 'NOT_SETTLED'])

/** Thrown under the lock when every space was taken down meanwhile. */
class AllGone extends Error {}

/**
 * Brings spaces to what their records say, as `up` does: all of them, or none. The records are read under the lock, so a
 * space that was taken down meanwhile stays down. Waits so many milliseconds for another natspace. Throws NatspaceError
 * as `up` does.
 */
export const repair = async (
  context: Context,
  names: readonly string[],
  lockPatience: number,
): Promise<RepairOutcome> => {
  const records = new Map<string, SpaceRecord>()
  const choose = () => {
    const specs = names.flatMap(name => {
      const record = readSpaceRecord(context.kernel, context.paths, name)
      if (record === undefined) return []
      records.set(name, record)
      return [repairSpec(record.space)]
    })
    // With nothing to bring up, what all spaces share must not be brought up either.
    if (specs.length === 0) throw new AllGone()
    return specs
  }
  try {
    const { plan, changes } = await upAsChosen(context, choose, { lockPatience, keepsPeers: true })
    const settled = plan.warnings.filter(({ code }) => settledCodes.has(code))
    return { type: 'done', changes, records, settled }
  } catch (error) {
    if (error instanceof NatspaceError && error.code === 'LOCKED') return { type: 'locked' }
    if (error instanceof AllGone) return { type: 'done', changes: 0, records, settled: [] }
    throw error
  }
}
