import { attributes } from '../../netlink/composite.ts'
import { be32 } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** Loads a hash of a register (jhash) or of the packet's addresses (symhash). enum nft_hash_attributes. */
export const hashExpression = attributes({
  sreg: [1, be32, 'NFTA_HASH_SREG'],
  dreg: [2, be32, 'NFTA_HASH_DREG'],
  length: [3, be32, 'NFTA_HASH_LEN'],
  modulus: [4, be32, 'NFTA_HASH_MODULUS'],
  seed: [5, be32, 'NFTA_HASH_SEED'],
  offset: [6, be32, 'NFTA_HASH_OFFSET'],
  type: [7, named32({ jhash: 0, symhash: 1 }), 'NFTA_HASH_TYPE'],
})
