import type { RuleRef } from '../../linux/nftables/evaluate/index.ts'
import type { Warning } from '../reconcile/types.ts'
import type { ResolvedSpace, SpaceSpec } from '../spec/types.ts'

/**
 * Something about a namespace that was connected by hand. An `error` stands in the way; a `warning` says what natspace
 * does not manage; a `notice` says what it does otherwise.
 */
export type AdoptFinding = Omit<Warning, 'space'> & { severity: 'error' | 'warning' | 'notice' }

/** A rule that somebody made by hand, and that does nothing which natspace does not do. */
export type HandRule = {
  ref: RuleRef
  /** As nft prints it. */
  text: string
  /** The command that removes it, and the one that makes it again where it stood. */
  remove: string
  restore: string
}

/** What was read of a namespace that was connected by hand. */
export type HandMade = {
  spec: SpaceSpec
  /** The same with everything filled in. */
  space: ResolvedSpace
  findings: AdoptFinding[]
  redundant: HandRule[]
}
