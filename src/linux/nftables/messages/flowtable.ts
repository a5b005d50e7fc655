import { attributes, list } from '../../netlink/composite.ts'
import { type MessageOf, message } from '../../netlink/message.ts'
import { be32, be64, cstring } from '../../netlink/scalars.ts'
import { beI32 } from '../scalars.ts'
import { nfgenmsg } from './header.ts'

/** NFTA_FLOWTABLE_HOOK, enum nft_flowtable_hook_attributes. */
const flowtableHook = attributes({
  number: [1, be32, 'NFTA_FLOWTABLE_HOOK_NUM'],
  priority: [2, beI32, 'NFTA_FLOWTABLE_HOOK_PRIORITY'],
  devices: [3, list(cstring, 1, 'NFTA_DEVICE_NAME'), 'NFTA_FLOWTABLE_HOOK_DEVS'],
})

/** NFT_MSG_{NEW,GET,DEL}FLOWTABLE. enum nft_flowtable_attributes. */
export const flowtableMessage = message('NFT_FLOWTABLE', nfgenmsg, {
  table: [1, cstring, 'NFTA_FLOWTABLE_TABLE'],
  name: [2, cstring, 'NFTA_FLOWTABLE_NAME'],
  hook: [3, flowtableHook, 'NFTA_FLOWTABLE_HOOK'],
  flags: [7, be32, 'NFTA_FLOWTABLE_FLAGS'],
  use: [4, be32, 'NFTA_FLOWTABLE_USE'],
  handle: [5, be64, 'NFTA_FLOWTABLE_HANDLE'],
})
export type FlowtableMessage = MessageOf<typeof flowtableMessage>
