import { attributes } from '../../netlink/composite.ts'
import { be32, be64 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** Goes on while a rate is kept (NFT_LIMIT_F_INV: while it is exceeded). `unit` in seconds. enum nft_limit_attributes. */
export const limitExpression = attributes({
  rate: [1, be64, 'NFTA_LIMIT_RATE'],
  unit: [2, be64, 'NFTA_LIMIT_UNIT'],
  burst: [3, be32, 'NFTA_LIMIT_BURST'],
  type: [4, named32({ packets: 0, bytes: 1 }), 'NFTA_LIMIT_TYPE'],
  flags: [5, be32, 'NFTA_LIMIT_FLAGS'],
})
