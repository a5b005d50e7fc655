import { struct } from '../../netlink/composite.ts'
import { be16, u8 } from '../../netlink/scalars.ts'
import { type Family, familyNumber } from '../family.ts'

/** struct nfgenmsg, linux/netfilter/nfnetlink.h: stands in front of the attributes of every nfnetlink message. */
export const nfgenmsg = struct({ family: u8, version: u8, resourceId: be16 })

export type NfHeader = { family: number; version: number; resourceId: number }

/** The header of a request about a family's objects; undefined means all families. */
export const headerOf = (family: Family | undefined): NfHeader => ({
  family: familyNumber(family),
  version: 0,
  resourceId: 0,
})

/** NETLINK_NETFILTER, linux/netlink.h. */
export const netfilterProtocol = 12

const NFNL_SUBSYS_NFTABLES = 10

/** enum nf_tables_msg_types, with the subsystem in the high byte as in nlmsg_type. */
export const messageTypes = {
  NFT_MSG_NEWTABLE: NFNL_SUBSYS_NFTABLES << 8,
  NFT_MSG_GETTABLE: (NFNL_SUBSYS_NFTABLES << 8) | 1,
  NFT_MSG_DELTABLE: (NFNL_SUBSYS_NFTABLES << 8) | 2,
  NFT_MSG_NEWCHAIN: (NFNL_SUBSYS_NFTABLES << 8) | 3,
  NFT_MSG_GETCHAIN: (NFNL_SUBSYS_NFTABLES << 8) | 4,
  NFT_MSG_DELCHAIN: (NFNL_SUBSYS_NFTABLES << 8) | 5,
  NFT_MSG_NEWRULE: (NFNL_SUBSYS_NFTABLES << 8) | 6,
  NFT_MSG_GETRULE: (NFNL_SUBSYS_NFTABLES << 8) | 7,
  NFT_MSG_DELRULE: (NFNL_SUBSYS_NFTABLES << 8) | 8,
  NFT_MSG_NEWSET: (NFNL_SUBSYS_NFTABLES << 8) | 9,
  NFT_MSG_GETSET: (NFNL_SUBSYS_NFTABLES << 8) | 10,
  NFT_MSG_DELSET: (NFNL_SUBSYS_NFTABLES << 8) | 11,
  NFT_MSG_NEWSETELEM: (NFNL_SUBSYS_NFTABLES << 8) | 12,
  NFT_MSG_GETSETELEM: (NFNL_SUBSYS_NFTABLES << 8) | 13,
  NFT_MSG_DELSETELEM: (NFNL_SUBSYS_NFTABLES << 8) | 14,
  NFT_MSG_NEWGEN: (NFNL_SUBSYS_NFTABLES << 8) | 15,
  NFT_MSG_GETGEN: (NFNL_SUBSYS_NFTABLES << 8) | 16,
  NFT_MSG_TRACE: (NFNL_SUBSYS_NFTABLES << 8) | 17,
  NFT_MSG_NEWOBJ: (NFNL_SUBSYS_NFTABLES << 8) | 18,
  NFT_MSG_GETOBJ: (NFNL_SUBSYS_NFTABLES << 8) | 19,
  NFT_MSG_DELOBJ: (NFNL_SUBSYS_NFTABLES << 8) | 20,
  NFT_MSG_NEWFLOWTABLE: (NFNL_SUBSYS_NFTABLES << 8) | 22,
  NFT_MSG_GETFLOWTABLE: (NFNL_SUBSYS_NFTABLES << 8) | 23,
  NFT_MSG_DELFLOWTABLE: (NFNL_SUBSYS_NFTABLES << 8) | 24,
} as const

export type MessageName = keyof typeof messageTypes
