import { chainsAbout } from '../../space/ruleset/about.ts'
import type { ChainVisit } from '../walk/steps.ts'
import type { TracedSpace } from './observation.ts'

/** A chain in nft's words, and whose it is: `ip filter FORWARD (iptables)`. Pure. */
export const chainText = ({ family, table, chain, owner }: ChainVisit): string =>
  `${family} ${table} ${chain} (${owner?.name ?? 'of an unknown owner'})`

/** Which rule or policy of a chain stopped a packet, in words. Pure. */
export const guiltyText = (visit: ChainVisit): string => {
  const { decidedBy, rules } = visit
  if (decidedBy === undefined) return chainText(visit)
  if (decidedBy === 'policy') return `the policy of ${chainText(visit)}`
  const text = decidedBy.rule?.text ?? `with the handle ${decidedBy.handle}`
  const led = rules.at(-2)
  const where =
    decidedBy.chain === visit.chain ? chainText(visit) : `${chainText(visit)}, chain ${decidedBy.chain}`
  // What refuses is the same for all; the rule before it says why.
  const reason =
    led === undefined || !isJump(led.verdict.name) || isBare(led.rule?.text)
      ? ''
      : `, sent there by "${led.rule?.text}"`
  return `the rule "${text}" of ${where}${reason}`
}

/** A jump without a condition tells no reason. */
const isBare = (text: string | undefined): boolean => text === undefined || /^(jump|goto) \S+$/.test(text)

const isJump = (name: string): boolean => name === 'jump' || name === 'goto'

/**
 * Why natspace's own rules drop a packet, as an option of `up` or a sentence about the chain; undefined for the rules of
 * others. Pure.
 */
export const ownCause = (visit: ChainVisit, space: TracedSpace): string | undefined => {
  if (visit.owner?.program !== 'natspace' || visit.table !== 'natspace') return undefined
  const path = visit.rules.map(({ chain }) => chain)
  const last = visit.rules.findLast(({ chain }) => chain !== 'refuse')?.chain ?? visit.chain
  if (last === 'leaving' && space.isInternal)
    return 'the space is internal, with no way outside (--internal of natspace up)'
  if (last === 'leaving' && space.isLimited)
    return 'the destination is not on the list of where the space may connect to (--egress of natspace up)'
  if (path.includes('to_host'))
    return 'the space may not ask this of its host (--host of natspace up decides)'
  return chainsAbout[last] ?? chainsAbout[visit.chain]
}
