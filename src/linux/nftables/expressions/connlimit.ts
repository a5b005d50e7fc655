import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'

/** Goes on while there are at most so many connections. enum nft_connlimit_attributes. */
export const connlimitExpression = attributes({
  count: [1, be32, 'NFTA_CONNLIMIT_COUNT'],
  flags: [2, be32, 'NFTA_CONNLIMIT_FLAGS'],
})
