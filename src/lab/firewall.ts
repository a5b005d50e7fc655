import type { Kernel } from '../linux/kernel.ts'
import { counter, type NftCommand, rule } from '../linux/nftables/index.ts'

/**
 * The firewall of host1, as a careful admin has it: nothing is forwarded that no rule lets through. In the form that
 * iptables-nft gives it, so that to natspace it is what it will meet elsewhere: somebody else's FORWARD chain. The
 * empty nat table is what `iptables -t nat -L` leaves behind.
 */

const table = { family: 'ip', table: 'filter' } as const
const nat = { family: 'ip', table: 'nat' } as const
const chain = 'FORWARD'
const comment = 'what comes this far is dropped by the policy'

/** Equivalent to: `iptables -P FORWARD DROP`, with a rule that counts what the policy drops. */
export const carefulFirewall = (): NftCommand[] => [
  { type: 'table.add', ...table },
  {
    type: 'chain.add',
    ...table,
    chain: { name: chain, type: 'filter', hook: 'forward', priority: 0, policy: 'drop' },
  },
  { type: 'rule.add', ...table, chain, rule: rule([counter()], comment) },
  { type: 'table.add', ...nat },
  {
    type: 'chain.add',
    ...nat,
    chain: { name: 'POSTROUTING', type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
  },
]

/** Packets that the policy of FORWARD has dropped so far. Throws NetlinkError, and an Error when the counter is gone. */
export const droppedByForward = (kernel: Kernel): number => {
  const { tables } = kernel.ruleset(undefined, { family: table.family, table: table.table })
  const rules = tables.flatMap(item => item.chains.find(({ name }) => name === chain)?.rules ?? [])
  for (const { comment: text, instructions } of rules)
    for (const instruction of instructions)
      if (text === comment && instruction.name === 'counter') return Number(instruction.data?.packets ?? 0n)
  throw new Error(`the rule that counts at the end of ${chain} is gone`)
}
