import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'

/** Gives the packet to a local transparent socket. enum nft_tproxy_attributes. */
export const tproxyExpression = attributes({
  family: [1, be32, 'NFTA_TPROXY_FAMILY'],
  address: [2, be32, 'NFTA_TPROXY_REG_ADDR'],
  port: [3, be32, 'NFTA_TPROXY_REG_PORT'],
})
