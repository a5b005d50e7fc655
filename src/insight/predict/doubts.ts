import type { Outcome, RuleRef, Visit } from '../../linux/nftables/evaluate/index.ts'
import { contextOf, decompile, type RuleState, type Ruleset, type Table } from '../../linux/nftables/index.ts'
import { statementText } from '../../linux/nftables/text/statement-text.ts'
import { ownerOfChain } from '../../space/firewall/owner.ts'
import { placeOf, ruleOf } from '../../space/firewall/places.ts'
import type { Doubt } from './prediction.ts'

/** A doubt, and which rule it is about, so that both ways can be followed. */
export type RuleDoubt = { doubt: Doubt; rule: RuleRef; at: 'inside' | 'host' }

/** More are not named: they would not be read. */
const mostNamed = 5

/** What has to be known to name a rule. */
export type DoubtPlace = {
  ruleset: Ruleset
  at: 'inside' | 'host'
  interfaceNames: ReadonlyMap<number, string>
}

/** The rules on which an outcome depends. Pure. */
export const doubtsOf = (outcome: Outcome, place: DoubtPlace): RuleDoubt[] => {
  const visits = outcome.steps.flatMap(step =>
    step.visits.map(visit => ({ visit, base: step.chain, hook: step.hook })),
  )
  const isMeant = ({ visit }: (typeof visits)[number]): boolean =>
    outcome.maybe.some(ref => isSame(ref, visit.by)) ||
    visit.verdict?.name === 'queue' ||
    (visit.match === true && visit.unsure.length > 0)
  const meant = visits.filter(isMeant)
  const chosen = meant.length > 0 ? meant : visits.filter(({ visit }) => visit.unsure.length > 0)
  return chosen.slice(0, mostNamed).map(({ visit, base, hook }) => ({
    rule: visit.by,
    at: place.at,
    doubt: doubtOf(visit, base, hook, place),
  }))
}

const isSame = (one: RuleRef, other: RuleRef): boolean =>
  one.family === other.family &&
  one.table === other.table &&
  one.chain === other.chain &&
  one.rule.handle === other.rule.handle

const doubtOf = (visit: Visit, base: string, hook: string, place: DoubtPlace): Doubt => {
  const { ruleset, at, interfaceNames } = place
  const { by } = visit
  const { text, owner } = placeOf(ruleset, by, { interfaceNames })
  const table = ruleset.tables.find(({ family, name }) => family === by.family && name === by.table)
  const chain = table?.chains.find(({ name }) => name === base)
  const rule = ruleOf(ruleset, by)
  return {
    at,
    hook,
    chain: `${by.family} ${by.table} ${base}`,
    owner: table === undefined || chain === undefined ? owner.name : ownerOfChain(table, chain).name,
    rule: text,
    expression:
      table === undefined || rule === undefined
        ? text
        : (expressionText(rule, table, visit.unsure, interfaceNames) ?? text),
    ifApplies: undefined,
    ifNot: undefined,
  }
}

/**
 * The text of the statement that the first uncertain instruction belongs to: that which comes to the rule's text when the
 * instruction does, or the next one behind it that says something.
 */
const expressionText = (
  rule: RuleState,
  table: Table,
  unsure: readonly number[],
  interfaceNames: ReadonlyMap<number, string>,
): string | undefined => {
  const [first] = unsure
  if (first === undefined) return undefined
  const context = contextOf(table, { interfaceNames })
  const textsTo = (count: number) =>
    decompile(rule.instructions.slice(0, count), context).map(item => statementText(context, item))
  const before = textsTo(first)
  for (let count = first + 1; count <= rule.instructions.length; count++) {
    const added = textsTo(count).filter(text => !before.includes(text))
    if (added.length > 0) return added.at(-1)
  }
  return undefined
}
