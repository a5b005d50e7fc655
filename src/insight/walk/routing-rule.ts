import { prefixContains } from '../../linux/net/prefix.ts'
import type { Rule } from '../../linux/rtnetlink/rule.ts'

/**
 * Which rule of policy routing sent a packet to the table that its route was found in. The kernel tells the table and not
 * the rule, so the rules are gone through as it does: by priority, until one applies whose table has a route.
 */

/** What rules ask of a packet. `input` is 'lo' for what the host sends itself; `output` only where the sender has bound one. */
export type RuleQuestion = {
  family: 4 | 6
  source: string | undefined
  destination: string
  input: string
  output?: string | undefined
  mark?: number | undefined
}

/** The rule; or why it is not known, and which may be it. */
export type RuleAnswer = { rule: Rule } | { rule: undefined; why: string; candidates: Rule[] }

/** FR_ACT_TO_TBL and FR_ACT_GOTO of linux/fib_rules.h; all others forbid, or do nothing. */
const lookUpTable = 1
const goOnElsewhere = 2

/** Whether a rule applies to a packet; `unknown` when it asks for something that is not known here. Pure. */
export const ruleApplies = (rule: Rule, question: RuleQuestion): boolean | 'unknown' => {
  if (rule.family !== question.family) return false
  const tests = [
    isWithin(rule.source, question.source),
    isWithin(rule.destination, question.destination),
    rule.inputName === undefined || rule.inputName === question.input,
    rule.outputName === undefined || rule.outputName === question.output,
    rule.mark === undefined ||
      ((question.mark ?? 0) & (rule.markMask ?? 0xffffffff)) >>> 0 === rule.mark >>> 0,
    rule.otherConditions === undefined ? true : ('unknown' as const),
  ]
  if (tests.includes(false)) return rule.inverted
  if (tests.includes('unknown')) return 'unknown'
  return !rule.inverted
}

const isWithin = (prefix: string, address: string | undefined): boolean | 'unknown' => {
  if (prefix === 'all') return true
  return address === undefined ? 'unknown' : prefixContains(prefix, address)
}

/** The rule that led to a route of a table. Pure. */
export const ruleOfRoute = (rules: readonly Rule[], question: RuleQuestion, table: number): RuleAnswer => {
  const candidates: Rule[] = []
  for (const rule of [...rules].sort((a, b) => a.priority - b.priority)) {
    const applies = ruleApplies(rule, question)
    if (applies === false) continue
    if (rule.action === goOnElsewhere)
      return { rule: undefined, why: `the rule of priority ${rule.priority} goes on at another`, candidates }
    // A rule that forbids has not applied: there is a route.
    if (rule.action !== lookUpTable) continue
    if (rule.table !== table && rule.otherConditions?.includes('l3mdev') !== true) continue
    if (applies === true && candidates.length === 0) return { rule }
    candidates.push(rule)
    if (applies === true) break
  }
  return candidates.length === 0
    ? { rule: undefined, why: 'no rule leads to its table', candidates }
    : { rule: undefined, why: uncertain(candidates), candidates }
}

const uncertain = (candidates: readonly Rule[]): string => {
  const names = new Set(candidates.flatMap(({ otherConditions = [] }) => otherConditions))
  return `rules ask for what is not known here: ${names.size === 0 ? 'the source' : [...names].join(', ')}`
}
