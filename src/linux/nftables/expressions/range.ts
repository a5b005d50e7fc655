import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'
import { data } from './data.ts'

/** Goes on only if the register lies in (or, with `!=`, outside) a range. enum nft_range_attributes, nft_range_ops. */
export const rangeExpression = attributes({
  sreg: [1, be32, 'NFTA_RANGE_SREG'],
  operator: [2, named32({ '==': 0, '!=': 1 }), 'NFTA_RANGE_OP'],
  from: [3, data, 'NFTA_RANGE_FROM_DATA'],
  to: [4, data, 'NFTA_RANGE_TO_DATA'],
})
