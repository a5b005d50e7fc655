import { type MessageOf, message } from '../../netlink/message.ts'
import { be16, be32, be64, bytes, cstring, u8 } from '../../netlink/scalars.ts'
import { verdict } from '../expressions/data.ts'
import { named32 } from '../scalars.ts'
import { nfgenmsg } from './header.ts'

/** enum nft_trace_types: a rule decided, a chain ended, or its policy was asked. */
export const traceTypes = { policy: 1, return: 2, rule: 3 } as const

/**
 * NFT_MSG_TRACE, an event of the group NFNLGRP_NFTRACE: one step of a packet for which a rule set `meta nftrace set 1`.
 * enum nft_trace_attributes. Equivalent to a line of: `nft monitor trace`
 */
export const traceMessage = message('NFT_TRACE', nfgenmsg, {
  table: [1, cstring, 'NFTA_TRACE_TABLE'],
  chain: [2, cstring, 'NFTA_TRACE_CHAIN'],
  ruleHandle: [3, be64, 'NFTA_TRACE_RULE_HANDLE'],
  type: [4, named32(traceTypes), 'NFTA_TRACE_TYPE'],
  verdict: [5, verdict, 'NFTA_TRACE_VERDICT'],
  /** The same in all events of a packet. */
  id: [6, be32, 'NFTA_TRACE_ID'],
  /** The first bytes of each header; only in a packet's first event at a hook. */
  linkHeader: [7, bytes, 'NFTA_TRACE_LL_HEADER'],
  networkHeader: [8, bytes, 'NFTA_TRACE_NETWORK_HEADER'],
  transportHeader: [9, bytes, 'NFTA_TRACE_TRANSPORT_HEADER'],
  iif: [10, be32, 'NFTA_TRACE_IIF'],
  iifType: [11, be16, 'NFTA_TRACE_IIFTYPE'],
  oif: [12, be32, 'NFTA_TRACE_OIF'],
  oifType: [13, be16, 'NFTA_TRACE_OIFTYPE'],
  mark: [14, be32, 'NFTA_TRACE_MARK'],
  family: [15, be32, 'NFTA_TRACE_NFPROTO'],
  policy: [16, be32, 'NFTA_TRACE_POLICY'],
  /** Of the packet's connection, behind connection tracking; since Linux 6.16, and as rarely as the headers. */
  connectionId: [18, be32, 'NFTA_TRACE_CT_ID'],
  connectionDirection: [19, u8, 'NFTA_TRACE_CT_DIRECTION'],
  connectionStatus: [20, be32, 'NFTA_TRACE_CT_STATUS'],
  connectionState: [21, be32, 'NFTA_TRACE_CT_STATE'],
})
export type TraceMessage = MessageOf<typeof traceMessage>

/** enum nfnetlink_groups: events of changes of the ruleset, and of traced packets. */
export const multicastGroups = { NFNLGRP_NFTABLES: 7, NFNLGRP_NFTRACE: 9 } as const
