import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'

/** Sends a copy of the packet elsewhere. enum nft_dup_attributes. */
export const dupExpression = attributes({
  address: [1, be32, 'NFTA_DUP_SREG_ADDR'],
  device: [2, be32, 'NFTA_DUP_SREG_DEV'],
})
