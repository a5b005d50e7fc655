import { attributes } from '../../netlink/composite.ts'
import { be32, cstring } from '../../netlink/scalars.ts'
import { plainString } from '../scalars.ts'

/** Uses a named object (`counter name "x"`), or the one that a map gives for a register. enum nft_objref_attributes. */
export const objrefExpression = attributes({
  type: [1, be32, 'NFTA_OBJREF_IMM_TYPE'],
  object: [2, plainString, 'NFTA_OBJREF_IMM_NAME'],
  sreg: [3, be32, 'NFTA_OBJREF_SET_SREG'],
  set: [4, cstring, 'NFTA_OBJREF_SET_NAME'],
  setId: [5, be32, 'NFTA_OBJREF_SET_ID'],
})
