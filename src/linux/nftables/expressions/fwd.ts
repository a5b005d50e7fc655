import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'

/** Sends the packet out of another device (netdev family). enum nft_fwd_attributes. */
export const fwdExpression = attributes({
  device: [1, be32, 'NFTA_FWD_SREG_DEV'],
  address: [2, be32, 'NFTA_FWD_SREG_ADDR'],
  family: [3, be32, 'NFTA_FWD_NFPROTO'],
})
