import type { ForwardDrop } from './forward-drops.ts'
import { jumpOf } from './jump.ts'
import { type Owner, ownerOfChain, ownerOfRule, ownersOfTable } from './owner.ts'

/**
 * Who has to be asked that a packet is not dropped. Mostly whoever made the rule or chain that drops it; but what stands
 * in the very chain FORWARD of a shared table bears no sign of its maker.
 */
export const ownerOfDrop = ({ table, chain, decider, rule, top }: ForwardDrop): Owner => {
  const programs = ownersOfTable(table)
  const named = (program: string) => programs.find(item => item.program === program)
  // All of the table is made by firewalld where any of it is, whichever backend it uses.
  const firewalld = named('firewalld')
  if (firewalld !== undefined) return firewalld
  const ufw = named('ufw')
  const leadsToUfw = (item: typeof top) => item !== undefined && /^ufw6?-/.test(jumpOf(item) ?? '')
  // A policy may be set by any of several; ufw remembers what it was told over a reload.
  if (ufw !== undefined && (top === undefined ? chain.rules.some(leadsToUfw) : leadsToUfw(top))) return ufw
  return rule === undefined ? ownerOfChain(table, chain) : ownerOfRule(table, decider, rule)
}
