import { attributes } from '../../netlink/composite.ts'
import { type MessageOf, message } from '../../netlink/message.ts'
import { be16, be32, be64, bytes, cstring, u8, u32 } from '../../netlink/scalars.ts'
import { connlimitExpression } from '../expressions/connlimit.ts'
import { counterExpression } from '../expressions/counter.ts'
import { limitExpression } from '../expressions/limit.ts'
import { quotaExpression } from '../expressions/quota.ts'
import { synproxyExpression } from '../expressions/synproxy.ts'
import { numberedList } from '../scalars.ts'
import { nfgenmsg } from './header.ts'

/** NFT_OBJECT_*. */
export const objectTypes = {
  counter: 1,
  quota: 2,
  'ct helper': 3,
  limit: 4,
  connlimit: 5,
  tunnel: 6,
  'ct timeout': 7,
  secmark: 8,
  'ct expectation': 9,
  synproxy: 10,
} as const
export type ObjectType = keyof typeof objectTypes

/** NFT_MSG_{NEW,GET,DEL}OBJ. enum nft_object_attributes; the form of `data` depends on the type. */
export const objectMessage = message('NFT_OBJ', nfgenmsg, {
  table: [1, cstring, 'NFTA_OBJ_TABLE'],
  name: [2, cstring, 'NFTA_OBJ_NAME'],
  type: [3, be32, 'NFTA_OBJ_TYPE'],
  handle: [6, be64, 'NFTA_OBJ_HANDLE'],
  use: [5, be32, 'NFTA_OBJ_USE'],
  data: [4, bytes, 'NFTA_OBJ_DATA'],
  userdata: [8, bytes, 'NFTA_OBJ_USERDATA'],
})
export type ObjectMessage = MessageOf<typeof objectMessage>

const numberedValues = numberedList(be32, 'CTA_TIMEOUT')

/** enum nft_ct_helper_attributes. */
const helper = attributes({
  name: [1, cstring, 'NFTA_CT_HELPER_NAME'],
  l3proto: [2, be16, 'NFTA_CT_HELPER_L3PROTO'],
  l4proto: [3, u8, 'NFTA_CT_HELPER_L4PROTO'],
})

/** enum nft_ct_timeout_timeout_attributes; `data` has seconds for the states of the protocol, numbered from 1. */
const timeout = attributes({
  l3proto: [1, be16, 'NFTA_CT_TIMEOUT_L3PROTO'],
  l4proto: [2, u8, 'NFTA_CT_TIMEOUT_L4PROTO'],
  data: [3, numberedValues, 'NFTA_CT_TIMEOUT_DATA'],
})

/** enum nft_ct_expectation_attributes. */
const expectation = attributes({
  l3proto: [1, be16, 'NFTA_CT_EXPECT_L3PROTO'],
  l4proto: [2, u8, 'NFTA_CT_EXPECT_L4PROTO'],
  dport: [3, be16, 'NFTA_CT_EXPECT_DPORT'],
  /** Milliseconds, in the machine's byte order. */
  timeout: [4, u32, 'NFTA_CT_EXPECT_TIMEOUT'],
  size: [5, u8, 'NFTA_CT_EXPECT_SIZE'],
})

/** enum nft_secmark_attributes. */
const secmark = attributes({ context: [1, cstring, 'NFTA_SECMARK_CTX'] })

/** The forms of NFTA_OBJ_DATA by type. */
export const objectData = {
  counter: counterExpression,
  quota: quotaExpression,
  'ct helper': helper,
  limit: limitExpression,
  connlimit: connlimitExpression,
  'ct timeout': timeout,
  secmark,
  'ct expectation': expectation,
  synproxy: synproxyExpression,
} as const
