import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** enum nft_fib_flags: what the route look-up is made of; `present` asks only whether there is a route. */
export const fibFlags = { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16, present: 32 } as const
export type FibFlag = keyof typeof fibFlags

/** enum nft_fib_result. */
export const fibResults = { oif: 1, oifname: 2, type: 3 } as const
export type FibResult = keyof typeof fibResults

/** Asks the routing table. enum nft_fib_attributes. */
export const fibExpression = attributes({
  dreg: [1, be32, 'NFTA_FIB_DREG'],
  result: [2, named32(fibResults), 'NFTA_FIB_RESULT'],
  flags: [3, be32, 'NFTA_FIB_FLAGS'],
})
