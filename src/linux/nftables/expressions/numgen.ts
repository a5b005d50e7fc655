import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** Loads a number of 0 to modulus-1, plus an offset. enum nft_ng_attributes. */
export const numgenExpression = attributes({
  dreg: [1, be32, 'NFTA_NG_DREG'],
  modulus: [2, be32, 'NFTA_NG_MODULUS'],
  type: [3, named32({ inc: 0, random: 1 }), 'NFTA_NG_TYPE'],
  offset: [4, be32, 'NFTA_NG_OFFSET'],
})
