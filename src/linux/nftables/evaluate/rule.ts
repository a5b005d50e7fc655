import type { RuleState } from '../read/model.ts'
import type { Context } from './context.ts'
import { evaluateInstruction } from './instruction.ts'
import { joinOptional, type State } from './state.ts'
import type { End } from './step.ts'

/** What a rule does with a packet, all that is possible. */
export type RuleResult = {
  /** With which state the next rule is tried, if it can come to that. */
  next: State | undefined
  /** How it may end the chain, with the state that the packet has then. */
  ends: readonly { end: End; state: State }[]
  /** Whether it applies to the packet: all instructions were passed, or a verdict was reached. */
  match: boolean | 'unknown'
}

/** Runs a rule's instructions, with registers of which nothing is known at first. */
export const evaluateRule = ({ instructions }: RuleState, context: Context): RuleResult => {
  context.registers.clear()
  const ends: { end: End; state: State }[] = []
  let state: State | undefined = context.state
  let missed: State | undefined
  for (const instruction of instructions) {
    const step = evaluateInstruction(instruction, { ...context, state })
    for (const end of step.ends) ends.push({ end, state: end.verdict === 'nat' ? end.state : state })
    if (step.miss) missed = joinOptional(missed, state)
    state = step.go
    if (state === undefined) break
  }
  const reached = state !== undefined || ends.length > 0
  return {
    next: joinOptional(state, missed),
    ends,
    match: !reached ? false : missed === undefined ? true : 'unknown',
  }
}
