import type { Infer } from '../../netlink/codec.ts'
import { addressTypes } from '../datatypes/symbols.ts'
import { type FibFlag, type fibExpression, fibFlags } from '../expressions/fib.ts'
import { type Bits, integerBits, unknownBits } from './bits.ts'
import type { Context } from './context.ts'
import { nameBits } from './meta.ts'
import type { FibAnswer } from './packet.ts'
import { goOn, type Step } from './step.ts'

/** The number of a type of address (RTN_*), or undefined. */
export const addressTypeNumber = (answer: FibAnswer): number | undefined =>
  typeof answer === 'string' ? (addressTypes as Readonly<Record<string, number>>)[answer] : answer

/** Asks the routing table, by way of the description's `fib`. net/netfilter/nft_fib.c. */
export const evaluateFib = (data: Infer<typeof fibExpression>, { registers, state }: Context): Step => {
  const bits = data.flags ?? 0
  const flags = (Object.keys(fibFlags) as FibFlag[]).filter(flag => bits & fibFlags[flag])
  const { result } = data
  const answer =
    typeof result === 'string' ? state.packet.fib?.({ flags, result, packet: state.packet }) : undefined
  registers.store(data.dreg, answerBits(answer, result, flags.includes('present')))
  return goOn(state)
}

const answerBits = (answer: FibAnswer, result: unknown, presentOnly: boolean): Bits => {
  if (presentOnly) return integerBits(answer === undefined ? undefined : answer ? 1 : 0, 1)
  if (result === 'oifname') return typeof answer === 'string' ? nameBits(answer) : unknownBits(16)
  if (result === 'oif') return integerBits(typeof answer === 'number' ? answer : undefined, 4)
  return integerBits(addressTypeNumber(answer), 4)
}
