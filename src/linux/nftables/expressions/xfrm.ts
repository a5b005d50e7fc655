import { attributes } from '../../netlink/composite.ts'
import { be32, u8 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** enum nft_xfrm_keys, by nft's words. */
export const xfrmKeys = {
  'ip daddr': 1,
  'ip6 daddr': 2,
  'ip saddr': 3,
  'ip6 saddr': 4,
  reqid: 5,
  spi: 6,
} as const
export type XfrmKey = keyof typeof xfrmKeys

/** Loads a fact of the IPsec policy that the packet met; direction: 0 in, 1 out. enum nft_xfrm_attributes. */
export const xfrmExpression = attributes({
  dreg: [1, be32, 'NFTA_XFRM_DREG'],
  key: [2, named32(xfrmKeys), 'NFTA_XFRM_KEY'],
  direction: [3, u8, 'NFTA_XFRM_DIR'],
  number: [4, be32, 'NFTA_XFRM_SPNUM'],
})
