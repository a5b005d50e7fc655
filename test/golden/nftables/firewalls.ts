import type { Ruleset } from '../../../src/linux/nftables/index.ts'
import { loadGolden, rulesetOf } from './support.ts'

/** Rulesets as other programs make them, from what nft was told by the kernel when it listed them. */
export const firewallNamed = (name: string): Ruleset => {
  const found = loadGolden('firewalls').cases.find(item => item.name === name)
  if (found === undefined) throw new Error(`There is no recorded firewall ${name}`)
  const ruleset = rulesetOf(found.messages)
  // nft asks for all rules once per table.
  for (const { chains } of ruleset.tables)
    for (const chain of chains)
      chain.rules = [...new Map(chain.rules.map(rule => [rule.handle, rule])).values()]
  return ruleset
}
