import type { Infer } from '../../netlink/codec.ts'
import { attributes, list } from '../../netlink/composite.ts'
import { type MessageOf, message } from '../../netlink/message.ts'
import { be32, be64, bytes, cstring } from '../../netlink/scalars.ts'
import { data } from '../expressions/data.ts'
import { statefulExpression } from '../expressions/stateful.ts'
import { numberedList } from '../scalars.ts'
import { nfgenmsg } from './header.ts'

/** One element of a set, enum nft_set_elem_attributes. */
export const elementAttributes = attributes({
  flags: [3, be32, 'NFTA_SET_ELEM_FLAGS'],
  /** Milliseconds. */
  timeout: [4, be64, 'NFTA_SET_ELEM_TIMEOUT'],
  /** Milliseconds that are left. */
  expiration: [5, be64, 'NFTA_SET_ELEM_EXPIRATION'],
  key: [1, data, 'NFTA_SET_ELEM_KEY'],
  /** Last key of an interval of concatenations, itself included. */
  keyEnd: [10, data, 'NFTA_SET_ELEM_KEY_END'],
  data: [2, data, 'NFTA_SET_ELEM_DATA'],
  userdata: [6, bytes, 'NFTA_SET_ELEM_USERDATA'],
  object: [9, cstring, 'NFTA_SET_ELEM_OBJREF'],
  expression: [7, statefulExpression, 'NFTA_SET_ELEM_EXPR'],
  expressions: [11, list(statefulExpression), 'NFTA_SET_ELEM_EXPRESSIONS'],
})
export type ElementAttributes = Infer<typeof elementAttributes>

/** NFT_MSG_{NEW,GET,DEL}SETELEM. enum nft_set_elem_list_attributes. Equivalent to: `nft add element …` */
export const elementsMessage = message('NFT_SETELEM', nfgenmsg, {
  table: [1, cstring, 'NFTA_SET_ELEM_LIST_TABLE'],
  set: [2, cstring, 'NFTA_SET_ELEM_LIST_SET'],
  setId: [4, be32, 'NFTA_SET_ELEM_LIST_SET_ID'],
  elements: [3, numberedList(elementAttributes, 'NFTA_LIST_ELEM'), 'NFTA_SET_ELEM_LIST_ELEMENTS'],
})
export type ElementsMessage = MessageOf<typeof elementsMessage>

/** enum nft_set_elem_flags. `intervalEnd`: the first key behind an interval. `catchAll`: the element `*`. */
export const elementFlags = { intervalEnd: 1, catchAll: 2 } as const
