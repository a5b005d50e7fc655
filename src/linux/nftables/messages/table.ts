import { type MessageOf, message } from '../../netlink/message.ts'
import { be32, be64, bytes, cstring } from '../../netlink/scalars.ts'
import { nfgenmsg } from './header.ts'

/** NFT_MSG_{NEW,GET,DEL}TABLE. enum nft_table_attributes. Equivalent to: `nft add table …` */
export const tableMessage = message('NFT_TABLE', nfgenmsg, {
  name: [1, cstring, 'NFTA_TABLE_NAME'],
  flags: [2, be32, 'NFTA_TABLE_FLAGS'],
  use: [3, be32, 'NFTA_TABLE_USE'],
  handle: [4, be64, 'NFTA_TABLE_HANDLE'],
  userdata: [6, bytes, 'NFTA_TABLE_USERDATA'],
  owner: [7, be32, 'NFTA_TABLE_OWNER'],
})
export type TableMessage = MessageOf<typeof tableMessage>

/** enum nft_table_flags. A dormant table's chains are not hooked; an owned one goes with its socket. */
export const tableFlags = { dormant: 1, owner: 2, persist: 4 } as const
