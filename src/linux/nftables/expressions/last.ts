import { attributes } from '../../netlink/composite.ts'
import { be32, be64 } from '../../netlink/scalars.ts'

/** Remembers when it was last reached. enum nft_last_attributes; milliseconds ago. */
export const lastExpression = attributes({
  set: [1, be32, 'NFTA_LAST_SET'],
  milliseconds: [2, be64, 'NFTA_LAST_MSECS'],
})
