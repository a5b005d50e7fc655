import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'

/** Source NAT to the address of the outgoing interface; registers hold a range of ports. enum nft_masq_attributes. */
export const masqExpression = attributes({
  flags: [1, be32, 'NFTA_MASQ_FLAGS'],
  portMin: [2, be32, 'NFTA_MASQ_REG_PROTO_MIN'],
  portMax: [3, be32, 'NFTA_MASQ_REG_PROTO_MAX'],
})
