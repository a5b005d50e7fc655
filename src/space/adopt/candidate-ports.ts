import { parseIp } from '../../linux/net/ip.ts'
import type { PortRange } from '../../linux/net/port.ts'
import type { Chain, RuleState, SetState, Table } from '../../linux/nftables/index.ts'

/**
 * Theory of operation. Which ports lead to an address is asked of the rules by the evaluator, port for port; this tells
 * for which ports asking is worth while. Rules that speak of the address, those that lead to their chains, and the sets
 * they look into are searched for anything that could be a port, in either byte order. A number too many costs one
 * question; between two of these numbers all ports fare the same.
 */
export const candidatePorts = (tables: readonly Table[], address: string): number[] => {
  const found = new Set<number>()
  for (const table of tables) {
    const relevant = relevantChains(table, address)
    for (const chain of table.chains)
      for (const rule of chain.rules) {
        const isRelevant = speaksOf(rule, table, address) || jumpsOf(rule).some(name => relevant.has(name))
        if (!isRelevant) continue
        collect(rule.instructions, found)
        for (const set of setsOf(rule, table)) collect(set.elements, found)
      }
  }
  return [...found].sort((one, other) => one - other)
}

/** Every number of the rules and sets of tables that could be a port of a range, and each that is one more. */
export const portsSpokenOf = (tables: readonly Table[], { first, last }: PortRange): number[] => {
  const found = new Set<number>()
  for (const { chains, sets } of tables) {
    for (const { rules } of chains) for (const { instructions } of rules) collect(instructions, found)
    for (const { elements } of sets) collect(elements, found)
  }
  return [...found].flatMap(port => [port, port + 1]).filter(port => port >= first && port <= last)
}

/** Chains with a rule that speaks of the address, and those that lead to them. */
const relevantChains = (table: Table, address: string): Set<string> => {
  const relevant = new Set(
    table.chains
      .filter(chain => chain.rules.some(rule => speaksOf(rule, table, address)))
      .map(chain => chain.name),
  )
  const leadsThere = (chain: Chain) =>
    !relevant.has(chain.name) && chain.rules.some(rule => jumpsOf(rule).some(name => relevant.has(name)))
  for (let more = table.chains.filter(leadsThere); more.length > 0; more = table.chains.filter(leadsThere))
    for (const { name } of more) relevant.add(name)
  return relevant
}

const jumpsOf = ({ instructions }: RuleState): string[] =>
  instructions.flatMap(item => (item.name === 'immediate' ? (item.data.data?.verdict?.chain ?? []) : []))

const setsOf = ({ instructions }: RuleState, { sets }: Table): SetState[] =>
  instructions.flatMap(item =>
    item.name === 'lookup' ? sets.filter(({ name }) => name === item.data.set) : [],
  )

const speaksOf = (rule: RuleState, table: Table, address: string): boolean =>
  mentions(rule.instructions, address) || setsOf(rule, table).some(set => mentions(set.elements, address))

const mentions = (value: unknown, address: string): boolean => {
  if (typeof value === 'string') return value === address
  if (value instanceof Uint8Array) {
    const bytes = parseIp(address)
    return bytes !== undefined && Buffer.from(value).includes(Buffer.from(bytes))
  }
  return (
    typeof value === 'object' && value !== null && Object.values(value).some(item => mentions(item, address))
  )
}

const collect = (value: unknown, found: Set<number>): void => {
  const add = (number: number) => {
    if (Number.isInteger(number) && number >= 1 && number <= 65_535) found.add(number)
  }
  if (typeof value === 'number') add(value)
  else if (value instanceof Uint8Array)
    for (let at = 0; at + 1 < value.length; at += 2) {
      const [high = 0, low = 0] = value.subarray(at, at + 2)
      add(high * 256 + low)
      add(low * 256 + high)
    }
  else if (typeof value === 'object' && value !== null)
    for (const item of Object.values(value)) collect(item, found)
}
