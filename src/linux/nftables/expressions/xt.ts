import { attributes } from '../../netlink/composite.ts'
import { be32, bytes, cstring } from '../../netlink/scalars.ts'

/** A match of x_tables, as iptables-nft makes them; `info` is the structure of that match. enum nft_match_attributes. */
export const matchExpression = attributes({
  name: [1, cstring, 'NFTA_MATCH_NAME'],
  revision: [2, be32, 'NFTA_MATCH_REV'],
  info: [3, bytes, 'NFTA_MATCH_INFO'],
})

/** A target of x_tables. enum nft_target_attributes. */
export const targetExpression = attributes({
  name: [1, cstring, 'NFTA_TARGET_NAME'],
  revision: [2, be32, 'NFTA_TARGET_REV'],
  info: [3, bytes, 'NFTA_TARGET_INFO'],
})
