import type { RuleState, Table } from '../../../linux/nftables/index.ts'
import type { Owner } from '../../../space/firewall/owner.ts'
import { placeOf } from '../../../space/firewall/places.ts'
import type { StoryEvent } from '../../trace/events.ts'
import type { Facts } from '../facts.ts'

/**
 * Marks of packets are 32 bits that all programs of a host share: one that sets a bit which another one asks for makes that
 * other one act on packets that are none of its business.
 */

/** Bits of a mark that a rule sets, by its text as nft or iptables has it; undefined when it sets none. */
export const bitsSet = (text: string): number | undefined => {
  const nft = /\bmeta mark set (?:meta mark (?:& 0x[0-9a-f]+ )?(?:\||or) )?(0x[0-9a-f]+)/i.exec(text)
  const xt = /\bMARK\b.*?(?:set|or|xset)[^0]*(0x[0-9a-f]+)/i.exec(text)
  const value = Number((nft ?? xt)?.[1] ?? 0)
  return value === 0 ? undefined : value
}

/** Bits of a mark that a rule asks for. */
export const bitsAsked = (text: string): number | undefined => {
  const nft = /\bmeta mark (?:(?:&|and) (0x[0-9a-f]+) )?(?:==|!=)? ?(0x[0-9a-f]+)/i.exec(
    text.replace(/\bmeta mark set .*$/i, ''),
  )
  const xt = /\bmark match (?:! )?(0x[0-9a-f]+)(?:\/(0x[0-9a-f]+))?/i.exec(text)
  const found = nft ?? xt
  const mask = nft ? nft[1] : xt?.[2]
  const value = Number(mask ?? found?.[nft ? 2 : 1] ?? 0)
  return value === 0 ? undefined : value
}

/** The rule of somebody else that set what the stopping rule asks for; undefined where it is not a matter of marks. */
export const markClash = (facts: Facts, { rules, rule = '', chain }: StoryEvent): string[] | undefined => {
  const asked = [...rules.map(({ text }) => text), rule].flatMap(text => bitsAsked(text) ?? [])[0]
  if (asked === undefined || chain === undefined) return undefined
  const others = setters(facts).filter(
    item => (item.bits & asked) !== 0 && !(item.table === chain.table && item.owner.name === chain.owner),
  )
  return others.length === 0
    ? undefined
    : others.map(
        ({ place, owner, text, bits }) =>
          `${place} (${owner.name}) sets the mark ${hex(bits)}, which shares bits with ${hex(asked)}: ${text}`,
      )
}

const hex = (value: number): string => `0x${value.toString(16)}`

type Setter = { table: string; place: string; owner: Owner; text: string; bits: number }

const setters = (facts: Facts): Setter[] => {
  const ruleset = facts.ruleset(undefined)
  const inChain = (table: Table, name: string, handle: bigint, rules: readonly RuleState[]): Setter[] =>
    rules.flatMap((item, index): Setter[] => {
      const { family } = table
      const { text, owner } = placeOf(ruleset, {
        family,
        table: table.name,
        chain: name,
        chainHandle: handle,
        rule: { handle: item.handle, index },
      })
      const bits = bitsSet(text)
      return bits === undefined
        ? []
        : [{ table: table.name, place: `${family} ${table.name} ${name}`, owner, text, bits }]
    })
  return ruleset.tables.flatMap(table =>
    table.chains.flatMap(({ name, handle, rules }) => inChain(table, name, handle, rules)),
  )
}
