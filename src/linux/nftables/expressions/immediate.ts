import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { data } from './data.ts'

/** Puts a constant into a register; a verdict into register 0. enum nft_immediate_attributes. */
export const immediateExpression = attributes({
  dreg: [1, be32, 'NFTA_IMMEDIATE_DREG'],
  data: [2, data, 'NFTA_IMMEDIATE_DATA'],
})
