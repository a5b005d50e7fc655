import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'
import { data } from './data.ts'

/** enum nft_cmp_ops, as nft's operators. */
export const comparisons = { '==': 0, '!=': 1, '<': 2, '<=': 3, '>': 4, '>=': 5 } as const
export type Comparison = keyof typeof comparisons

/** Goes on with the rule only if the register compares so. enum nft_cmp_attributes. */
export const cmpExpression = attributes({
  sreg: [1, be32, 'NFTA_CMP_SREG'],
  operator: [2, named32(comparisons), 'NFTA_CMP_OP'],
  data: [3, data, 'NFTA_CMP_DATA'],
})
