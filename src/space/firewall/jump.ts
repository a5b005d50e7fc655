import type { RuleState } from '../../linux/nftables/index.ts'

/** The chain that a rule goes on in, by `jump` or `goto`; undefined for any other rule. */
export const jumpOf = ({ instructions }: Pick<RuleState, 'instructions'>): string | undefined => {
  for (const item of instructions)
    if (item.name === 'immediate' && item.data.data?.verdict?.chain !== undefined)
      return item.data.data.verdict.chain
  return undefined
}
