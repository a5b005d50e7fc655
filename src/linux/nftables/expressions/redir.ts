import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'

/** Destination NAT to the host itself; registers hold a range of ports. enum nft_redir_attributes. */
export const redirExpression = attributes({
  portMin: [1, be32, 'NFTA_REDIR_REG_PROTO_MIN'],
  portMax: [2, be32, 'NFTA_REDIR_REG_PROTO_MAX'],
  flags: [3, be32, 'NFTA_REDIR_FLAGS'],
})
