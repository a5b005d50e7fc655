import { spaceOfAlias } from '../space/marks.ts'
import type { Observation } from '../space/reconcile/observation.ts'
import type { Context } from '../space/reconcile/types.ts'
import { seenElements } from '../space/ruleset/seen-table.ts'
import { readSpaceRecord } from '../space/state/records.ts'
import { hash } from './hash.ts'

/** Groups begin here: people and programs, who count from 1, choose others, and so does the removal of many links at once. */
const first = 0x2000_0000

/**
 * The number that the cables of a network have in common, by which its containers reach each other: a hash of its name.
 * Where another network has the same, the next one. To be called under the lock, or for a look alone.
 */
export const groupOf = (context: Context, seen: Observation, network: string): number => {
  for (let attempt = 0; ; attempt++) {
    const group = first + Number(hash(attempt === 0 ? network : `${network} ${attempt}`) % BigInt(first))
    const owner = ownerOf(context, seen, group)
    if (owner === undefined || owner === network) return group
  }
}

/** The network that has a group, told by one of its cables; undefined where none is known. */
const ownerOf = ({ kernel, paths }: Context, seen: Observation, group: number): string | undefined => {
  for (const { key } of seenElements(seen, 'siblings').values()) {
    if (key[1] !== group) continue
    const space = spaceOfAlias(seen.link(undefined, String(key[0]))?.alias)
    const record = space === undefined ? undefined : readSpaceRecord(kernel, paths, space)
    if (record?.space.attachment !== undefined) return record.space.attachment.network
  }
  return undefined
}
