import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** enum nft_rt_keys, by nft's words (`rt mtu` is the TCP segment size that the route allows). */
export const rtKeys = { classid: 0, 'ip nexthop': 1, 'ip6 nexthop': 2, mtu: 3, ipsec: 4 } as const
export type RtKey = keyof typeof rtKeys

/** Loads a fact of the packet's route. enum nft_rt_attributes. */
export const rtExpression = attributes({
  key: [2, named32(rtKeys), 'NFTA_RT_KEY'],
  dreg: [1, be32, 'NFTA_RT_DREG'],
})
