import { describe, expect, test } from 'bun:test'
import { type GoldenCase, loadGolden, rulesetOf } from '../../../../test/golden/nftables/support.ts'
import { asState } from '../sets/set-fields.ts'
import { ruleText } from './rule-text.ts'
import { contextOf, rulesetText, tableText } from './table-text.ts'

/** What nft lists, from the messages it was made by or listed from. */

const options = { interfaceNames: new Map([[1, 'lo']]) }

/** The sets that the recipe makes before its rules. */
const namedSets = [
  { name: 's', key: ['ifname'] },
  { name: 'm', key: ['inet_proto', 'inet_service'], data: ['ipv4_addr', 'inet_service'] },
  { name: 'v', key: ['ipv4_addr'], data: ['verdict'] },
  { name: 'd', key: ['ipv4_addr'] },
].map(asState)

/** The rules of the chain c in a listing. */
const listedRules = (listing: string): string[] => {
  const body = /\tchain (?:c|INPUT) \{\n([\s\S]*?)\t\}/.exec(listing)?.[1] ?? ''
  return body.split('\n').flatMap(line => (/^\t\t(?!type )/.test(line) ? [line.trim()] : []))
}

describe('a rule is printed as nft lists it', () => {
  for (const item of loadGolden('rules').cases) {
    // What this kernel refused was not listed; libxtables prints the rules of iptables in words of its own.
    if (item.refused !== undefined || item.name.startsWith('xt ')) continue
    test(item.name, () => {
      const { tables } = rulesetOf(item.messages)
      for (const table of tables) table.sets.push(...namedSets)
      const printed = tables.flatMap(table =>
        table.chains.flatMap(chain => chain.rules.map(rule => ruleText(rule, contextOf(table, options)))),
      )
      expect(printed).toEqual(listedRules(item.after ?? ''))
    })
  }
})

test('a match of x_tables is named, and its content not guessed', () => {
  const item = loadGolden('rules').cases.find(({ name }) => name.startsWith('xt ')) as GoldenCase
  const [table] = rulesetOf(item.messages).tables
  expect(table && tableText(table)).toContain('xt match "comment" counter packets 0 bytes 0 xt target "LOG"')
})

test("natspace's table is printed as nft lists it", () => {
  const [item] = loadGolden('ruleset').cases
  expect(rulesetText(rulesetOf(item?.messages ?? []))).toBe(item?.after ?? '')
})

test('a dumped ruleset is printed as nft lists it', () => {
  const [item] = loadGolden('dumps').cases
  expect(rulesetText(rulesetOf(item?.messages ?? []))).toBe(item?.after ?? '')
})
