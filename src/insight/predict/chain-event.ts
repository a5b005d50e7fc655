import type { ChainOutcome, RuleRef } from '../../linux/nftables/evaluate/index.ts'
import { priorityText } from '../../linux/nftables/text/priority-text.ts'
import { ownerOfChain } from '../../space/firewall/owner.ts'
import { placeOf, ruleOf } from '../../space/firewall/places.ts'
import { chainsAbout } from '../../space/ruleset/about.ts'
import type { StoryEvent } from '../trace/events.ts'
import type { HeaderChange } from '../walk/header-change.ts'
import type { ChainVisit, RuleVisit } from '../walk/steps.ts'
import type { DoubtPlace } from './doubts.ts'

/** A base chain as the evaluator went through it, in the form in which a traced packet's visit is kept. Pure. */
export const visitOf = (step: ChainOutcome, place: DoubtPlace): ChainVisit => {
  const { family, hook, type, priority, verdict, possible } = step
  // Where several ways lead to one verdict, which of them it will be is not known.
  const decidedBy = possible.length > 1 ? undefined : step.decidedBy
  const table = place.ruleset.tables.find(item => item.family === family && item.name === step.table)
  const chain = table?.chains.find(({ name }) => name === step.chain)
  const rules = surelyMet(step).flatMap(({ by, match, verdict: said }): RuleVisit[] =>
    match === true && said !== undefined
      ? [{ chain: by.chain, handle: by.rule.handle, rule: tracedRule(by, place), verdict: said }]
      : [],
  )
  const isPolicy = decidedBy?.rule === 'policy'
  const handle = decidedBy === undefined || decidedBy.rule === 'policy' ? undefined : decidedBy.rule.handle
  return {
    family,
    table: step.table,
    chain: step.chain,
    owner: table === undefined || chain === undefined ? undefined : ownerOfChain(table, chain),
    type,
    priority,
    stage: priorityText(family, hook, priority),
    rules,
    verdict: verdict === 'reject' ? 'drop' : verdict === 'unknown' ? undefined : verdict,
    decidedBy: isPolicy ? 'policy' : rules.findLast(rule => rule.handle === handle),
    header: undefined,
  }
}

/** Where there are several ways, no rule behind the one at which they part is met for certain. */
const surelyMet = ({ visits, possible }: ChainOutcome): ChainOutcome['visits'] => {
  const parting = possible.length > 1 ? visits.findIndex(({ match }) => match === 'unknown') : -1
  return parting < 0 ? visits : visits.slice(0, parting)
}

const tracedRule = (by: RuleRef, { ruleset, interfaceNames }: DoubtPlace): RuleVisit['rule'] => {
  const { text, owner } = placeOf(ruleset, by, { interfaceNames })
  const comment = ruleOf(ruleset, by)?.comment
  return {
    handle: by.rule.handle,
    index: by.rule.index,
    text,
    owner,
    ...(comment === undefined ? {} : { comment }),
  }
}

/** An event of a story without anything in it. A prediction has no time. */
export const emptyEvent: Omit<StoryEvent, 'packet' | 'point' | 'interface' | 'hook'> = {
  kind: 'chain',
  stage: undefined,
  chain: undefined,
  about: undefined,
  rules: [],
  rule: undefined,
  decidedBy: undefined,
  verdict: undefined,
  changes: [],
  time: 0,
}

/** The event of a visit, as the story of a traced packet has it. Pure. */
export const chainEvent = (
  base: StoryEvent,
  { family, table, chain, owner, stage, rules, decidedBy, verdict }: ChainVisit,
  changes: readonly HeaderChange[],
): StoryEvent => {
  const program = owner?.program ?? 'unknown'
  const shown = rules.map(item => ({
    chain: item.chain,
    text: item.rule?.text ?? '',
    owner: item.rule?.owner.name ?? owner?.name ?? 'unknown',
    verdict: `${item.verdict.name}${item.verdict.chain === undefined ? '' : ` ${item.verdict.chain}`}`,
  }))
  return {
    ...base,
    kind: 'chain',
    stage,
    chain: { family, table, name: chain, owner: owner?.name ?? 'unknown', program },
    about: program === 'natspace' && table === 'natspace' ? chainsAbout[chain] : undefined,
    rules: shown,
    rule: shown.at(-1)?.text,
    decidedBy: decidedBy === undefined ? undefined : decidedBy === 'policy' ? 'policy' : 'rule',
    verdict,
    changes,
  }
}
