import type { IpFamily } from '../../linux/net/ip.ts'
import { shellCommand } from './quote-shell.ts'

/** Rules and chains of iptables as data, which can be added and taken away again. */

type Words = readonly (string | number)[]
type Place = { table: 'raw' | 'mangle' | 'filter' | 'nat'; chain: string }

/** A rule, at the end of its chain or first in it. */
export type IptablesRule = Place & { first?: true; match: Words }

/** A chain of our own, which takes its rules along when it goes. */
export type IptablesChain = Place & { rules: readonly Words[] }

export type IptablesItem = IptablesRule | IptablesChain

export type IptablesAction = 'add' | 'remove'

/** The names of the programs, by family. */
export const programs = { 4: 'iptables', 6: 'ip6tables' } as const satisfies Record<IpFamily, string>

/** What is not allowed is refused audibly, so that programs fail at once and do not wait. */
export const refuse = (family: IpFamily): string[] => [
  ...['-j', 'REJECT', '--reject-with'],
  family === 4 ? 'icmp-admin-prohibited' : 'icmp6-adm-prohibited',
]

/** A rule at the end of a chain: `rule('filter', 'FORWARD', '-i', 'veth1', '-j', 'ACCEPT')`. */
export const rule = (table: Place['table'], chain: string, ...match: Words): IptablesRule => ({
  table,
  chain,
  match,
})

/** A rule before all others of a chain. */
export const firstRule = (table: Place['table'], chain: string, ...match: Words): IptablesRule => ({
  ...rule(table, chain, ...match),
  first: true,
})

/** The commands that add the items in order, or that remove them in the reverse one. */
export const commandsOf = (
  family: IpFamily,
  items: readonly IptablesItem[],
  action: IptablesAction,
): string[] =>
  (action === 'add' ? items : items.toReversed()).flatMap(item => itemCommands(family, item, action))

const itemCommands = (family: IpFamily, item: IptablesItem, action: IptablesAction): string[] => {
  const { table, chain } = item
  const command = (...words: Words) => shellCommand(programs[family], '-t', table, ...words)
  if ('match' in item) {
    const verb = action === 'remove' ? '-D' : item.first ? '-I' : '-A'
    return [command(verb, chain, ...item.match)]
  }
  if (action === 'remove') return [command('-F', chain), command('-X', chain)]
  return [command('-N', chain), ...item.rules.map(match => command('-A', chain, ...match))]
}
