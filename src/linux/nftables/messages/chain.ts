import { attributes, list } from '../../netlink/composite.ts'
import { type MessageOf, message } from '../../netlink/message.ts'
import { be32, be64, bytes, cstring } from '../../netlink/scalars.ts'
import { beI32 } from '../scalars.ts'
import { nfgenmsg } from './header.ts'

/** NFTA_CHAIN_HOOK, enum nft_hook_attributes: where a base chain is attached. */
export const hookAttributes = attributes({
  number: [1, be32, 'NFTA_HOOK_HOOKNUM'],
  priority: [2, beI32, 'NFTA_HOOK_PRIORITY'],
  device: [3, cstring, 'NFTA_HOOK_DEV'],
  devices: [4, list(cstring, 1, 'NFTA_DEVICE_NAME'), 'NFTA_HOOK_DEVS'],
})

/** NFTA_CHAIN_COUNTERS holds the two attributes of the counter expression. */
export const chainCounters = attributes({
  packets: [2, be64, 'NFTA_COUNTER_PACKETS'],
  bytes: [1, be64, 'NFTA_COUNTER_BYTES'],
})

/** NFT_MSG_{NEW,GET,DEL}CHAIN. enum nft_chain_attributes. Equivalent to: `nft add chain …` */
export const chainMessage = message('NFT_CHAIN', nfgenmsg, {
  table: [1, cstring, 'NFTA_CHAIN_TABLE'],
  handle: [2, be64, 'NFTA_CHAIN_HANDLE'],
  name: [3, cstring, 'NFTA_CHAIN_NAME'],
  type: [7, cstring, 'NFTA_CHAIN_TYPE'],
  flags: [10, be32, 'NFTA_CHAIN_FLAGS'],
  id: [11, be32, 'NFTA_CHAIN_ID'],
  policy: [5, be32, 'NFTA_CHAIN_POLICY'],
  hook: [4, hookAttributes, 'NFTA_CHAIN_HOOK'],
  use: [6, be32, 'NFTA_CHAIN_USE'],
  counters: [8, chainCounters, 'NFTA_CHAIN_COUNTERS'],
  userdata: [12, bytes, 'NFTA_CHAIN_USERDATA'],
})
export type ChainMessage = MessageOf<typeof chainMessage>

/** enum nft_chain_flags. A binding chain is anonymous: it belongs to the verdict of one rule. */
export const chainFlags = { base: 1, offload: 2, binding: 4 } as const
