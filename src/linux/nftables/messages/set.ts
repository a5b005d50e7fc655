import { attributes, list } from '../../netlink/composite.ts'
import { type MessageOf, message } from '../../netlink/message.ts'
import { be32, be64, bytes, cstring } from '../../netlink/scalars.ts'
import { statefulExpression } from '../expressions/stateful.ts'
import { nfgenmsg } from './header.ts'

/** NFTA_SET_DESC, enum nft_set_desc_attributes: the wanted size, and the length in bytes of each field of a concatenation. */
export const setDescription = attributes({
  size: [1, be32, 'NFTA_SET_DESC_SIZE'],
  fields: [
    2,
    list(attributes({ length: [1, be32, 'NFTA_SET_FIELD_LEN'] }), 1, 'NFTA_LIST_ELEM'),
    'NFTA_SET_DESC_CONCAT',
  ],
})

/** NFT_MSG_{NEW,GET,DEL}SET. enum nft_set_attributes. Equivalent to: `nft add set …` and `nft add map …` */
export const setMessage = message('NFT_SET', nfgenmsg, {
  table: [1, cstring, 'NFTA_SET_TABLE'],
  name: [2, cstring, 'NFTA_SET_NAME'],
  handle: [16, be64, 'NFTA_SET_HANDLE'],
  flags: [3, be32, 'NFTA_SET_FLAGS'],
  /** A number that means something to nft only: six bits per field (see datatypes). */
  keyType: [4, be32, 'NFTA_SET_KEY_TYPE'],
  keyLength: [5, be32, 'NFTA_SET_KEY_LEN'],
  dataType: [6, be32, 'NFTA_SET_DATA_TYPE'],
  dataLength: [7, be32, 'NFTA_SET_DATA_LEN'],
  objectType: [15, be32, 'NFTA_SET_OBJ_TYPE'],
  id: [10, be32, 'NFTA_SET_ID'],
  policy: [8, be32, 'NFTA_SET_POLICY'],
  description: [9, setDescription, 'NFTA_SET_DESC'],
  /** Milliseconds. */
  timeout: [11, be64, 'NFTA_SET_TIMEOUT'],
  /** Milliseconds. */
  gcInterval: [12, be32, 'NFTA_SET_GC_INTERVAL'],
  userdata: [13, bytes, 'NFTA_SET_USERDATA'],
  expression: [17, statefulExpression, 'NFTA_SET_EXPR'],
  expressions: [18, list(statefulExpression), 'NFTA_SET_EXPRESSIONS'],
  /** How many elements there are, `*` not among them; told since Linux 6.16. */
  count: [20, be32, 'NFTA_SET_COUNT'],
})
export type SetMessage = MessageOf<typeof setMessage>

/** enum nft_set_flags. */
export const setFlags = {
  anonymous: 0x1,
  constant: 0x2,
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  dynamic: 0x20,
  object: 0x40,
  concat: 0x80,
  expressions: 0x100,
} as const
export type SetFlag = keyof typeof setFlags
