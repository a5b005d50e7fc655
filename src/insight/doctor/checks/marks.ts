import { littleEndian } from '../../../linux/netlink/writer.ts'
import type { RuleState } from '../../../linux/nftables/index.ts'
import { placeOf } from '../../../space/firewall/places.ts'
import type { StoryEvent } from '../../trace/events.ts'
import type { Facts } from '../facts.ts'

/**
 * Marks of packets are 32 bits that all programs of a host share: one that sets a bit which another one asks for makes that
 * other one act on packets that are none of its business.
 */

/** Bits of a mark that a rule sets; undefined when it sets none. `text` is the rule as nft prints it. */
export const bitsSet = (
  text: string,
  { instructions }: Pick<RuleState, 'instructions'>,
): number | undefined => {
  const nft = /\bmeta mark set (?:meta mark (?:& 0x[0-9a-f]+ )?(?:\||or|\^) )?(0x[0-9a-f]+)/i.exec(text)?.[1]
  // struct xt_mark_tginfo2: the value, and the bits that it stands in the place of.
  const xt = instructions.flatMap(item =>
    item.name === 'target' && item.data.name === 'MARK' ? wordAt(item.data.info, 0) : [],
  )[0]
  return (nft === undefined ? xt : Number(nft)) || undefined
}

/** Bits of a mark that a rule asks for; undefined when it does not look at marks. */
export const bitsAsked = (
  text: string,
  { instructions }: Pick<RuleState, 'instructions'>,
): number | undefined => {
  const [, mask, value] =
    /\bmeta mark (?:(?:&|and) (0x[0-9a-f]+) )?(?:==|!=)? ?(0x[0-9a-f]+)/i.exec(
      text.replace(/\bmeta mark set .*$/i, ''),
    ) ?? []
  // struct xt_mark_mtinfo1: the value, and the bits that count.
  const xt = instructions.flatMap(item =>
    item.name === 'match' && item.data.name === 'mark' ? wordAt(item.data.info, 4) : [],
  )[0]
  const nft = mask ?? value
  return (nft === undefined ? xt : Number(nft)) || undefined
}

const wordAt = (info: Uint8Array | undefined, offset: number): number[] =>
  info === undefined || info.length < offset + 4
    ? []
    : [new DataView(info.buffer, info.byteOffset).getUint32(offset, littleEndian)]

/** The rule of somebody else that set what the stopping rule asks for; undefined where it is not a matter of marks. */
export const markClash = (facts: Facts, { rules, rule, chain }: StoryEvent): string[] | undefined => {
  if (chain === undefined) return undefined
  const applied = new Set([...rules.map(({ text }) => text), ...(rule === undefined ? [] : [rule])])
  const all = rulesOf(facts)
  const asked = all
    .filter(item => item.table === chain.table && applied.has(item.text))
    .flatMap(item => bitsAsked(item.text, item.state) ?? [])[0]
  if (asked === undefined) return undefined
  const clashes = all.flatMap(({ table, place, owner, text, state }) => {
    const bits = bitsSet(text, state) ?? 0
    const isTheirs = table !== chain.table || owner !== chain.owner
    return (bits & asked) !== 0 && isTheirs
      ? [`${place} (${owner}) sets the mark ${hex(bits)}, which shares bits with ${hex(asked)}: ${text}`]
      : []
  })
  return clashes.length === 0 ? undefined : clashes
}

const hex = (value: number): string => `0x${value.toString(16)}`

type PlacedRule = { table: string; place: string; owner: string; text: string; state: RuleState }

const rulesOf = (facts: Facts): PlacedRule[] => {
  const ruleset = facts.ruleset(undefined)
  return ruleset.tables.flatMap(({ family, name: table, chains }) =>
    chains.flatMap(({ name: chain, handle: chainHandle, rules }) =>
      rules.map((state, index): PlacedRule => {
        const by = { family, table, chain, chainHandle, rule: { handle: state.handle, index } }
        const { text, owner } = placeOf(ruleset, by)
        return { table, place: `${family} ${table} ${chain}`, owner: owner.name, text, state }
      }),
    ),
  )
}
