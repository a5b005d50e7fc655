import { type Instruction, rememberedPayload, ruleMessage, type Table } from '../../linux/nftables/index.ts'
import { compiler } from '../../linux/nftables/late.ts'
import {
  constantMembers,
  deleteTable,
  elementCommands,
  firewallOperation,
  tableCommands,
} from '../ruleset/commands.ts'
import { keyText } from '../ruleset/elements.ts'
import { isEcho } from '../ruleset/rule-echo.ts'
import { sameRule } from '../ruleset/same-rule.ts'
import { seenGeneration, seenTable } from '../ruleset/seen-table.ts'
import { setDefinitions } from '../ruleset/table.ts'
import { tableOutline } from '../ruleset/table-outline.ts'
import type { Resource } from './resource.ts'

/**
 * Our table: sets, maps, chains and rules, without the elements. It is compared as a whole and replaced as a whole, in
 * one batch with the elements that it has: never repaired piece by piece.
 * Equivalent to: `nft -f` with the table of docs/ruleset.md
 */
export const tableResource = (): Resource => {
  const id = 'table inet natspace'
  return {
    id,
    step: 'guard',
    phase: 'firewall',
    space: undefined,
    drift(seen) {
      const table = seenTable(seen)
      const problem = table === undefined ? 'no such table' : difference(table)
      if (problem === undefined) return []
      return [
        { resource: id, step: 'guard', space: undefined, expected: 'as natspace made it', found: problem },
      ]
    },
    add(seen) {
      const table = seenTable(seen)
      if (table === undefined)
        return [firewallOperation(tableCommands(), [deleteTable()], seenGeneration(seen), 'guard', undefined)]
      if (difference(table) === undefined) return []
      const members = table.sets
        .filter(set => setDefinitions.some(({ name, constant }) => name === set.name && !constant))
        .flatMap(set =>
          set.elements.map(({ key, data }) => ({
            set: set.name,
            element: data === undefined ? { key } : { key, data },
          })),
        )
      const again = [...tableCommands(), ...elementCommands('element.add', members)]
      // What somebody changed in our table is not put back by the undo: the table as it should be stays.
      return [firewallOperation([deleteTable(), ...again], [], seenGeneration(seen), 'guard', undefined)]
    },
    remove(seen) {
      if (seenTable(seen) === undefined) return []
      return [firewallOperation([deleteTable()], [], seenGeneration(seen), 'guard', undefined)]
    },
  }
}

/** The first thing in which the table is not as it should be; undefined when it is. */
const difference = (table: Table): string | undefined => {
  if (table.flags.includes('dormant')) return 'the table is dormant'
  for (const { name } of setDefinitions)
    if (!table.sets.some(set => set.name === name)) return `no set ${name}`
  for (const { set, element } of constantMembers()) {
    const elements = table.sets.find(item => item.name === set)?.elements ?? []
    if (!elements.some(({ key }) => keyText(key) === keyText(element.key)))
      return `set ${set} lacks ${keyText(element.key)}`
  }
  for (const { name, base, rules } of tableOutline) {
    const chain = table.chains.find(item => item.name === name)
    if (chain === undefined) return `no chain ${name}`
    const isPlaced =
      chain.hook === base?.hook &&
      (base === undefined || (chain.priority === base.priority && chain.policy === 'accept'))
    if (!isPlaced) return `chain ${name} has another hook, priority or policy`
    if (chain.rules.length !== rules) return `chain ${name} has ${chain.rules.length} rules, not ${rules}`
    const index = chain.rules.findIndex(
      (rule, at) => !isEcho(name, at, rule) && !sameRule(expectedRules(name)[at] ?? [], rule.instructions),
    )
    if (index >= 0) return `rule ${index + 1} of chain ${name} is another`
  }
  const extra = table.chains.find(chain => !tableOutline.some(({ name }) => name === chain.name))
  return extra === undefined ? undefined : `a chain ${extra.name} that natspace did not make`
}

let expected: Map<string, Instruction[][]> | undefined

/** What the rules of a chain must be: read from the messages that make them, which is quicker than compiling them. */
const expectedRules = (chain: string): Instruction[][] => {
  if (expected === undefined) {
    expected = new Map()
    for (const command of tableCommands()) {
      if (command.type !== 'rule.add') continue
      const payload = rememberedPayload(command)
      const instructions =
        payload === undefined
          ? compiler().compile(command.rule, 'inet')
          : (ruleMessage.decode(payload, 0, payload.length).attributes.expressions ?? [])
      const rules = expected.get(command.chain)
      if (rules) rules.push(instructions)
      else expected.set(command.chain, [instructions])
    }
  }
  return expected.get(chain) ?? []
}
