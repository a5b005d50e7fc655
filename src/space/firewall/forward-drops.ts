import type { Decider, Packet } from '../../linux/nftables/evaluate/index.ts'
import type { Chain, RuleState, Ruleset, Table } from '../../linux/nftables/index.ts'
import { evaluator } from '../../linux/nftables/late.ts'
import { isAddressList } from '../../linux/nftables/read/address-list.ts'
import { mayStop } from '../../linux/nftables/read/may-stop.ts'
import { tableName } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import { isMet, packetAt, type TransitHook, transitHooks } from './at-hook.ts'

/**
 * Which chains of others would drop a packet that is forwarded, at any of the hooks that it passes. An accept in our table cannot beat a drop in another,
 * so each of their base chains is asked by itself, also those behind one that drops.
 */

/** A base chain that drops, the rule or policy that does, and the base chain's own rule that led there. */
export type ForwardDrop = {
  table: Table
  chain: Chain
  /** The chain of the rule that drops; the base chain itself when its policy decides. */
  decider: Chain
  rule: RuleState | undefined
  /** The rule of the base chain, or a jump to where the packet is dropped; undefined when the policy decides. */
  top: RuleState | undefined
}

/**
 * Tables of others with a base chain that forwarded packets meet; rules are read only where there is one. Lists of
 * addresses are left empty: mostly they hold who is blocked, and tens of thousands of them would cost more time than all
 * the rest.
 */
export const forwardTables = (seen: Observation): Table[] => tablesAt(seen, ['forward'])

/** Likewise those with a base chain at any hook that forwarded packets pass. */
export const transitTables = (seen: Observation): Table[] => tablesAt(seen, transitHooks)

const tablesAt = (seen: Observation, hooks: readonly TransitHook[]): Table[] =>
  seen
    .ruleset({ only: 'chains' })
    .tables.filter(
      ({ family, name, chains }) =>
        (family === 'inet' || family === 'ip' || family === 'ip6') &&
        name !== tableName &&
        chains.some(chain => isMet(chain, hooks)),
    )
    .flatMap(
      ({ family, name }) => seen.ruleset({ family, table: name, elements: 'without-addresses' }).tables,
    )

/** Which base chains of a table drop the packet. */
const dropsOf = (table: Table, packet: Packet): ForwardDrop[] => {
  const ruleset: Ruleset = { generation: 0, tables: [table] }
  return table.chains
    .filter(chain => isMet(chain) && mayStop(table, chain))
    .flatMap(chain => {
      const question = {
        hook: chain.hook ?? 'forward',
        types: ['filter'],
        chains: (_: Table, item: Chain) => item === chain,
      } as const
      const [step] = evaluator().evaluateHook(ruleset, question, packetAt(chain, packet)).steps
      const end = step?.otherwise
      if (end?.verdict !== 'drop' && end?.verdict !== 'reject') return []
      const top = step?.visits.findLast(({ by }) => by.chain === chain.name)
      return [dropBy(table, chain, end.by, top?.by)]
    })
}

/** Who of others drops the packet. */
export const forwardDrops = (seen: Observation, packet: Packet): ForwardDrop[] =>
  transitTables(seen).flatMap(table => {
    const drops = dropsOf(table, packet)
    if (drops.length === 0 || !table.sets.some(isAddressList)) return drops
    // Whoever seems to drop may accept those who are listed.
    return seen
      .ruleset({ family: table.family, table: table.name })
      .tables.flatMap(whole => dropsOf(whole, packet))
  })

const dropBy = (table: Table, chain: Chain, by: Decider, top: Decider | undefined): ForwardDrop => {
  const decider = table.chains.find(({ name }) => name === by.chain) ?? chain
  if (by.rule === 'policy') return { table, chain, decider, rule: undefined, top: undefined }
  return { table, chain, decider, rule: ruleAt(decider, by), top: top && ruleAt(chain, top) }
}

const ruleAt = (chain: Chain, { rule }: Decider): RuleState | undefined =>
  rule === 'policy' ? undefined : chain.rules.find(({ handle }) => handle === rule.handle)
