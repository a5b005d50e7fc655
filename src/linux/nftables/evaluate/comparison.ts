import type { Infer } from '../../netlink/codec.ts'
import { type cmpExpression, comparisons } from '../expressions/cmp.ts'
import type { rangeExpression } from '../expressions/range.ts'
import { compare, within } from './bits.ts'
import type { Context } from './context.ts'
import { onlyIf, type Step } from './step.ts'
import { inverted } from './truth.ts'

/** Goes on if a register compares so with a constant. net/netfilter/nft_cmp.c. */
export const evaluateCmp = (data: Infer<typeof cmpExpression>, { registers, state }: Context): Step => {
  const constant = data.data?.value
  const { operator = '==' } = data
  if (constant === undefined || typeof operator === 'number' || !(operator in comparisons))
    return onlyIf('unknown', state)
  return onlyIf(compare(registers.load(data.sreg, constant.length), operator, constant), state)
}

/** Goes on if a register lies in a range, or outside of it. net/netfilter/nft_range.c. */
export const evaluateRange = (data: Infer<typeof rangeExpression>, { registers, state }: Context): Step => {
  const [from, to] = [data.from?.value, data.to?.value]
  if (from === undefined || to === undefined) return onlyIf('unknown', state)
  const inside = within(registers.load(data.sreg, from.length), from, to)
  return onlyIf(inverted(inside, data.operator === '!='), state)
}
