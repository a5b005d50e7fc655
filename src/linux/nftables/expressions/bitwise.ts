import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'
import { data } from './data.ts'

/** enum nft_bitwise_ops. `mask`: (register & mask) ^ xor; the last three need Linux 6.13. */
export const bitwiseOperations = { mask: 0, '<<': 1, '>>': 2, '&': 3, '|': 4, '^': 5 } as const

/** Computes bits of a register. enum nft_bitwise_attributes. */
export const bitwiseExpression = attributes({
  sreg: [1, be32, 'NFTA_BITWISE_SREG'],
  dreg: [2, be32, 'NFTA_BITWISE_DREG'],
  operation: [6, named32(bitwiseOperations), 'NFTA_BITWISE_OP'],
  length: [3, be32, 'NFTA_BITWISE_LEN'],
  mask: [4, data, 'NFTA_BITWISE_MASK'],
  xor: [5, data, 'NFTA_BITWISE_XOR'],
  data: [7, data, 'NFTA_BITWISE_DATA'],
  sreg2: [8, be32, 'NFTA_BITWISE_SREG2'],
})
