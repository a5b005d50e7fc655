import { attributes } from '../../netlink/composite.ts'
import { be32, cstring } from '../../netlink/scalars.ts'

/** NFT_LOOKUP_F_INV: go on if the key is not in the set. */
export const lookupInverted = 1

/** Looks a register up in a set, or in a map with `dreg` for what is found (0: a verdict). enum nft_lookup_attributes. */
export const lookupExpression = attributes({
  sreg: [2, be32, 'NFTA_LOOKUP_SREG'],
  dreg: [3, be32, 'NFTA_LOOKUP_DREG'],
  set: [1, cstring, 'NFTA_LOOKUP_SET'],
  setId: [4, be32, 'NFTA_LOOKUP_SET_ID'],
  flags: [5, be32, 'NFTA_LOOKUP_FLAGS'],
})
