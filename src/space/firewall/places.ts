import type { Decider, RuleRef } from '../../linux/nftables/evaluate/index.ts'
import type { Chain, RuleState, Ruleset, Table, TextOptions } from '../../linux/nftables/index.ts'
import { evaluator, printer } from '../../linux/nftables/late.ts'
import { type Owner, ownerOfChain, ownerOfRule } from './owner.ts'

/** A rule or a policy of somebody else, as it is shown to people. */
export type Place = {
  by: Decider
  /** The rule as nft would print it, without its counter; or `policy drop`. */
  text: string
  owner: Owner
}

const find = (
  ruleset: Ruleset,
  { family, table: name, chain: chainName }: Omit<RuleRef, 'rule'>,
): { table: Table; chain: Chain } | undefined => {
  const table = ruleset.tables.find(item => item.family === family && item.name === name)
  const chain = table?.chains.find(item => item.name === chainName)
  return table === undefined || chain === undefined ? undefined : { table, chain }
}

/** The rule of a reference; undefined when the ruleset does not have it. */
export const ruleOf = (ruleset: Ruleset, ref: RuleRef): RuleState | undefined =>
  find(ruleset, ref)?.chain.rules.find(({ handle }) => handle === ref.rule.handle)

/** Text and owner of what decided. Throws RangeError for a reference into another ruleset. */
export const placeOf = (ruleset: Ruleset, by: Decider, options: TextOptions = {}): Place => {
  const found = find(ruleset, by)
  if (found === undefined) throw new RangeError(`There is no chain ${by.family} ${by.table} ${by.chain}`)
  const { table, chain } = found
  if (by.rule === 'policy')
    return { by, text: `policy ${chain.policy ?? 'accept'}`, owner: ownerOfChain(table, chain) }
  const rule = ruleOf(ruleset, { ...by, rule: by.rule })
  if (rule === undefined) throw new RangeError(`There is no rule with the handle ${by.rule.handle}`)
  return { by, text: ruleTextOf(rule, table, options), owner: ownerOfRule(table, chain, rule) }
}

/**
 * A rule as nft would print it, without its counter. nft prints no more than the names of what iptables made: each such part
 * is put into words in its place.
 */
export const ruleTextOf = (
  { instructions, comment }: RuleState,
  table: Table,
  options: TextOptions,
): string => {
  const shown = instructions.filter(({ name }) => name !== 'counter')
  const rule = { instructions: shown, ...(comment === undefined ? {} : { comment }) }
  let text = printer().ruleText(rule, printer().contextOf(table, options))
  for (const item of shown) {
    const words = evaluator().xtText(item, table.family === 'ip6' ? 6 : 4)
    if (words !== undefined && (item.name === 'match' || item.name === 'target'))
      text = text.replace(`xt ${item.name} "${item.data.name}"`, () => words)
  }
  return text
}
