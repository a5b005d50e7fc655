import type { Infer } from '../../netlink/codec.ts'
import type { verdict as verdictCodec } from '../expressions/data.ts'
import type { immediateExpression } from '../expressions/immediate.ts'
import { verdictOf } from '../sets/decode-elements.ts'
import type { VerdictValue } from '../sets/element.ts'
import { knownBits } from './bits.ts'
import type { Context } from './context.ts'
import type { State } from './state.ts'
import { endWith, goOn, onlyIf, type Step } from './step.ts'

/** What a verdict does to the rule that reaches it. */
export const endOf = (value: VerdictValue | undefined, state: State): Step => {
  if (value === undefined) return endWith({ verdict: 'unknown' })
  switch (value.verdict) {
    case 'continue':
      return goOn(state)
    case 'break':
      return onlyIf(false, state)
    case 'jump':
    case 'goto':
      return endWith({ verdict: value.verdict, chain: value.chain ?? '' })
    default:
      return endWith({ verdict: value.verdict })
  }
}

/** NF_VERDICT_MASK: a queue's number stands above it. */
const verdictMask = 0xff
const queue = 3

/** Puts a constant into a register; into register 0 a verdict. net/netfilter/nft_immediate.c. */
export const evaluateImmediate = (
  { dreg, data }: Infer<typeof immediateExpression>,
  { registers, state }: Context,
): Step => {
  if (data?.verdict !== undefined) return endOf(named(data.verdict), state)
  if (data?.value !== undefined) registers.store(dreg, knownBits(data.value))
  return goOn(state)
}

const named = (verdict: Infer<typeof verdictCodec>): VerdictValue | undefined => {
  const { code = 0 } = verdict
  return code > 0 && (code & verdictMask) === queue ? { verdict: 'queue' } : verdictOf(verdict)
}
