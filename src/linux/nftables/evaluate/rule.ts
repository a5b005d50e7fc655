import type { RuleState } from '../read/model.ts'
import type { Context } from './context.ts'
import { evaluateInstruction } from './instruction.ts'
import { joinOptional, type State } from './state.ts'
import type { End, Step } from './step.ts'

/** What a rule does with a packet, all that is possible. */
export type RuleResult = {
  /** With which state the next rule is tried, if it can come to that. */
  next: State | undefined
  /** How it may end the chain, with the state that the packet has then. */
  ends: readonly { end: End; state: State }[]
  /** Whether it applies to the packet: all instructions were passed, or a verdict was reached. */
  match: boolean | 'unknown'
  /** Places of the instructions of which it is not known what they do. */
  unsure: readonly number[]
}

/**
 * Runs a rule's instructions, with registers of which nothing is known at first. `applies` is what to assume where it is not
 * known whether it does.
 */
export const evaluateRule = (
  { instructions }: RuleState,
  context: Context,
  applies?: boolean,
): RuleResult => {
  context.registers.clear()
  const ends: { end: End; state: State }[] = []
  let state: State | undefined = context.state
  let missed: State | undefined
  const unsure: number[] = []
  for (const [index, instruction] of instructions.entries()) {
    const step = assumed(evaluateInstruction(instruction, { ...context, state }), applies)
    if (isUnsure(step)) unsure.push(index)
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
    unsure,
  }
}

const isUnsure = ({ go, miss, ends }: Step): boolean =>
  (miss && (go !== undefined || ends.length > 0)) || ends.some(({ verdict }) => verdict === 'unknown')

/** A step that may go on or not, as it is assumed to be. */
const assumed = (step: Step, applies: boolean | undefined): Step => {
  if (applies === undefined || !step.miss || (step.go === undefined && step.ends.length === 0)) return step
  return applies ? { ...step, miss: false } : { go: undefined, miss: true, ends: [] }
}
