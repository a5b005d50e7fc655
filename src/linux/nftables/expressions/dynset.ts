import { attributes, list } from '../../netlink/composite.ts'
import { be32, be64, cstring } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'
import { statefulExpression } from './stateful.ts'

/** Adds, updates or deletes an element with a key from a register. enum nft_dynset_attributes; timeout in milliseconds. */
export const dynsetExpression = attributes({
  keyRegister: [4, be32, 'NFTA_DYNSET_SREG_KEY'],
  dataRegister: [5, be32, 'NFTA_DYNSET_SREG_DATA'],
  operation: [3, named32({ add: 0, update: 1, delete: 2 }), 'NFTA_DYNSET_OP'],
  timeout: [6, be64, 'NFTA_DYNSET_TIMEOUT'],
  set: [1, cstring, 'NFTA_DYNSET_SET_NAME'],
  setId: [2, be32, 'NFTA_DYNSET_SET_ID'],
  flags: [9, be32, 'NFTA_DYNSET_FLAGS'],
  expression: [7, statefulExpression, 'NFTA_DYNSET_EXPR'],
  expressions: [10, list(statefulExpression), 'NFTA_DYNSET_EXPRESSIONS'],
})
