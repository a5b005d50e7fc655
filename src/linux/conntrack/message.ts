import { attributes } from '../netlink/composite.ts'
import { type MessageOf, message } from '../netlink/message.ts'
import { be16, be32, be64, bytes, cstring, u8, u32 } from '../netlink/scalars.ts'
import { nfgenmsg } from '../nftables/messages/header.ts'
import { tuple } from './tuple.ts'

const NFNL_SUBSYS_CTNETLINK = 1

/** enum cntl_msg_types of linux/netfilter/nfnetlink_conntrack.h, with the subsystem in the high byte as in nlmsg_type. */
export const messageTypes = {
  IPCTNL_MSG_CT_NEW: NFNL_SUBSYS_CTNETLINK << 8,
  IPCTNL_MSG_CT_GET: (NFNL_SUBSYS_CTNETLINK << 8) | 1,
  IPCTNL_MSG_CT_DELETE: (NFNL_SUBSYS_CTNETLINK << 8) | 2,
} as const

/** enum ctattr_protoinfo_tcp. */
const tcpInfo = attributes({
  state: [1, u8, 'CTA_PROTOINFO_TCP_STATE'],
  windowScaleOriginal: [2, u8, 'CTA_PROTOINFO_TCP_WSCALE_ORIGINAL'],
  windowScaleReply: [3, u8, 'CTA_PROTOINFO_TCP_WSCALE_REPLY'],
  /** struct nf_ct_tcp_flags: flags, then the mask of those that are meant. */
  flagsOriginal: [4, bytes, 'CTA_PROTOINFO_TCP_FLAGS_ORIGINAL'],
  flagsReply: [5, bytes, 'CTA_PROTOINFO_TCP_FLAGS_REPLY'],
})

/** enum ctattr_protoinfo_sctp. */
const sctpInfo = attributes({
  state: [1, u8, 'CTA_PROTOINFO_SCTP_STATE'],
  tagOriginal: [2, be32, 'CTA_PROTOINFO_SCTP_VTAG_ORIGINAL'],
  tagReply: [3, be32, 'CTA_PROTOINFO_SCTP_VTAG_REPLY'],
})

/** enum ctattr_counters. */
const counters = attributes({
  packets: [1, be64, 'CTA_COUNTERS_PACKETS'],
  bytes: [2, be64, 'CTA_COUNTERS_BYTES'],
})

/**
 * IPCTNL_MSG_CT_NEW, IPCTNL_MSG_CT_GET and IPCTNL_MSG_CT_DELETE: enum ctattr_type behind struct nfgenmsg. Equivalent to:
 * `conntrack -L`, `conntrack -D …`, and a line of `conntrack -E`
 */
export const conntrackMessage = message('CTA', nfgenmsg, {
  original: [1, tuple, 'CTA_TUPLE_ORIG'],
  reply: [2, tuple, 'CTA_TUPLE_REPLY'],
  status: [3, be32, 'CTA_STATUS'],
  protocolInfo: [
    4,
    attributes({ tcp: [1, tcpInfo, 'CTA_PROTOINFO_TCP'], sctp: [3, sctpInfo, 'CTA_PROTOINFO_SCTP'] }),
    'CTA_PROTOINFO',
  ],
  helper: [5, attributes({ name: [1, cstring, 'CTA_HELP_NAME'] }), 'CTA_HELP'],
  /** Seconds. */
  timeout: [7, be32, 'CTA_TIMEOUT'],
  mark: [8, be32, 'CTA_MARK'],
  countersOriginal: [9, counters, 'CTA_COUNTERS_ORIG'],
  countersReply: [10, counters, 'CTA_COUNTERS_REPLY'],
  use: [11, be32, 'CTA_USE'],
  id: [12, be32, 'CTA_ID'],
  master: [14, tuple, 'CTA_TUPLE_MASTER'],
  zone: [18, be16, 'CTA_ZONE'],
  /** Nanoseconds since 1970. */
  timestamp: [
    20,
    attributes({ start: [1, be64, 'CTA_TIMESTAMP_START'], stop: [2, be64, 'CTA_TIMESTAMP_STOP'] }),
    'CTA_TIMESTAMP',
  ],
  markMask: [21, be32, 'CTA_MARK_MASK'],
  /** enum ctattr_filter: which parts of the tuples of a request for a list are meant, in the CPU's byte order. */
  filter: [
    25,
    attributes({
      originalFlags: [1, u32, 'CTA_FILTER_ORIG_FLAGS'],
      replyFlags: [2, u32, 'CTA_FILTER_REPLY_FLAGS'],
    }),
    'CTA_FILTER',
  ],
  statusMask: [26, be32, 'CTA_STATUS_MASK'],
})
export type ConntrackMessage = MessageOf<typeof conntrackMessage>
