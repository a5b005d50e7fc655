import type { Infer } from '../../netlink/codec.ts'
import type { rtExpression } from '../expressions/rt.ts'
import { unknownBits } from './bits.ts'
import type { Context } from './context.ts'
import { onlyIf, type Step } from './step.ts'

/**
 * Loads a fact of the packet's route, which is not described: what it is stays unknown. But there is a route at every hook
 * behind the routing decision, so the rule goes on there, unless it asks for that of the other family.
 * net/netfilter/nft_rt.c.
 */
export const evaluateRt = (
  { key, dreg }: Infer<typeof rtExpression>,
  { hook, registers, state }: Context,
): Step => {
  registers.store(dreg, unknownBits(key === 'ip6 nexthop' ? 16 : 4))
  const isRouted = hook === 'input' || hook === 'forward' || hook === 'output' || hook === 'postrouting'
  const family = key === 'ip nexthop' ? 4 : key === 'ip6 nexthop' ? 6 : state.packet.family
  if (family !== state.packet.family) return onlyIf(false, state)
  return onlyIf(isRouted && typeof key === 'string' ? true : 'unknown', state)
}
