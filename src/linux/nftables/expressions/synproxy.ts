import { attributes } from '../../netlink/composite.ts'
import { be16, be32, u8 } from '../../netlink/scalars.ts'

/** Answers a SYN in place of the server. enum nft_synproxy_attributes. */
export const synproxyExpression = attributes({
  mss: [1, be16, 'NFTA_SYNPROXY_MSS'],
  windowScale: [2, u8, 'NFTA_SYNPROXY_WSCALE'],
  flags: [3, be32, 'NFTA_SYNPROXY_FLAGS'],
})
