import type { Change } from '../../linux/change.ts'
import {
  accept,
  type Chain,
  counter,
  match,
  meta,
  type NftCommand,
  type Rule,
  type RuleState,
  rule,
  type Table,
} from '../../linux/nftables/index.ts'
import { compiler } from '../../linux/nftables/late.ts'
import { commentOf, spaceOfComment } from '../marks.ts'
import { type Way, wayKey } from './way.ts'

/**
 * Rules of ours in a chain of somebody else's nftables, or of iptables-nft, whose chains are the same to the kernel:
 * they are added by netlink, in the batch of our own table.
 */

/** The rule that accepts a way. `iptables -A FORWARD -i VETH -o UPLINK -m comment --comment natspace:NAME -j ACCEPT` */
export const acceptingRule = ({ from, to }: Way, space: string): Rule =>
  rule(
    [
      ...(from === undefined ? [] : [match(meta('iifname'), from)]),
      ...(to === undefined ? [] : [match(meta('oifname'), to)]),
      counter(),
      accept(),
    ],
    commentOf(space),
  )

/** Whether a rule that was found is the one for this way. Counters do not matter. */
export const acceptsWay = (found: RuleState, way: Way, table: Table): boolean =>
  matchKey(found.instructions) === matchKey(compiler().compile(acceptingRule(way, ''), table.family))

/** What a rule of ours compares, in order: what tells it from another of the same space. */
const matchKey = (instructions: readonly { name: string; data?: unknown }[]): string =>
  instructions
    .filter(({ name }) => name === 'meta' || name === 'cmp')
    .map(({ data }) =>
      JSON.stringify(data, (_key, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('latin1').replace(/\0+$/, '') : value,
      ),
    )
    .join(' ')

/** Where a rule is to stand: in front of the rule with this handle, or at the end of the chain. */
export type NativePlace = { table: Table; chain: Chain; before: bigint | undefined }

/** What tells one chain from another, in whichever reading of the ruleset. */
export const chainKey = ({ table, chain }: Pick<NativePlace, 'table' | 'chain'>): string =>
  `${table.family} ${table.name} ${chain.name}`

/** Whether a rule only says `return`, to every packet. */
const isReturn = ({ instructions }: RuleState): boolean =>
  instructions.every(
    item =>
      item.name === 'counter' ||
      (item.name === 'immediate' && item.data.data?.verdict?.code === verdictReturn),
  ) && instructions.some(({ name }) => name === 'immediate')

/** NFT_RETURN of linux/netfilter/nf_tables.h. */
const verdictReturn = -5

/** In front of the rule that ends the chain for every packet, or at the end. */
export const beforeReturn = (table: Table, chain: Chain): NativePlace => ({
  table,
  chain,
  before: chain.rules.find(isReturn)?.handle,
})

type Addition = { place: NativePlace; way: Way }

/** One rule for each chain and way, where several rules drop it: in front of the first of them. */
export const earliestNative = (additions: readonly Addition[]): Addition[] => {
  const index = ({ chain, before }: NativePlace) =>
    before === undefined ? chain.rules.length : chain.rules.findIndex(({ handle }) => handle === before)
  const first = new Map<string, Addition>()
  for (const item of additions) {
    const key = `${chainKey(item.place)} ${wayKey(item.way)}`
    const other = first.get(key)
    if (other === undefined || index(item.place) < index(other.place)) first.set(key, item)
  }
  return [...first.values()]
}

/** The command that adds the rule for a way there. */
export const addNativeRule = ({ table, chain, before }: NativePlace, way: Way, space: string): NftCommand => {
  const target = { family: table.family, table: table.name, chain: chain.name }
  const added = acceptingRule(way, space)
  return before === undefined
    ? { type: 'rule.add', ...target, rule: added }
    : { type: 'rule.insert', ...target, rule: added, position: before }
}

/** A rule of ours in a chain of others. */
export type NativeOwnRule = { table: Table; chain: Chain; rule: RuleState }

/**
 * The comment of a rule: as nft keeps it, or as a match of x_tables, which iptables makes of it when somebody saves and
 * restores the rules.
 */
const commentIn = ({ comment, instructions }: RuleState): string | undefined => {
  if (comment !== undefined) return comment
  for (const item of instructions)
    if (item.name === 'match' && item.data.name === 'comment' && item.data.info !== undefined)
      return Buffer.from(item.data.info).toString().replace(/\0.*$/s, '')
  return undefined
}

/** The spaces that have rules in these tables. */
export const spacesInNative = (tables: readonly Table[]): string[] =>
  tables.flatMap(table =>
    table.chains.flatMap(chain => chain.rules.flatMap(item => spaceOfComment(commentIn(item)) ?? [])),
  )

/** Every rule of a space in these tables. */
export const nativeRulesOf = (tables: readonly Table[], space: string): NativeOwnRule[] =>
  tables.flatMap(table =>
    table.chains.flatMap(chain =>
      chain.rules
        .filter(item => commentIn(item) === commentOf(space))
        .map(item => ({ table, chain, rule: item })),
    ),
  )

/** The command that deletes it. */
export const deleteNativeRule = ({ table, chain, rule: { handle } }: NativeOwnRule): NftCommand => ({
  type: 'rule.delete',
  family: table.family,
  table: table.name,
  chain: chain.name,
  handle,
})

/** Takes a space's rules out of a chain, by what is known before they have a handle. */
export const takeBackNativeRules = (
  { table, chain }: { table: Table; chain: Chain },
  space: string,
): Change => ({
  type: 'nftables.delete-rules',
  where: undefined,
  family: table.family,
  table: table.name,
  chain: chain.name,
  comment: commentOf(space),
})
