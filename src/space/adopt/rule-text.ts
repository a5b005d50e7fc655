import type { RuleRef } from '../../linux/nftables/evaluate/index.ts'
import { placeOf } from '../firewall/places.ts'
import type { HostView } from './host-rules.ts'

/** A rule as it is shown to people: its chain, and what nft prints. */
export const refText = ({ ruleset }: Pick<HostView, 'ruleset'>, ref: RuleRef): string => {
  const { text, owner } = placeOf(ruleset, ref)
  return `${ref.family} ${ref.table} ${ref.chain} (${owner.name}): ${text}`
}
