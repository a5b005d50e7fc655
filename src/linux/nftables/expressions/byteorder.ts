import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** Turns the byte order of a register's `length` bytes in units of `size`. enum nft_byteorder_attributes. */
export const byteorderExpression = attributes({
  sreg: [1, be32, 'NFTA_BYTEORDER_SREG'],
  dreg: [2, be32, 'NFTA_BYTEORDER_DREG'],
  operation: [3, named32({ ntoh: 0, hton: 1 }), 'NFTA_BYTEORDER_OP'],
  length: [4, be32, 'NFTA_BYTEORDER_LEN'],
  size: [5, be32, 'NFTA_BYTEORDER_SIZE'],
})
