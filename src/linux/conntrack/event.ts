import type { Reply } from '../netlink/connection.ts'
import { NLM_F } from '../netlink/message.ts'
import { decodeFlow, type Flow } from './flow.ts'
import { messageTypes } from './message.ts'

/**
 * Groups of enum nfnetlink_groups, for `Connection.open(NETLINK_NETFILTER, { groups })`. Joining one makes the kernel tell
 * of flows that begin from then on (net.netfilter.nf_conntrack_events of 2, the default). Equivalent to:
 * `conntrack -E -e NEW,UPDATES,DESTROY`
 */
export const conntrackGroups = {
  NFNLGRP_CONNTRACK_NEW: 1,
  NFNLGRP_CONNTRACK_UPDATE: 2,
  NFNLGRP_CONNTRACK_DESTROY: 3,
} as const

/**
 * What happened to a flow. An update tells what changed, and may leave out the rest; a flow that ended has its last
 * counters, and neither timeout nor state.
 */
export type FlowEvent = { type: 'new' | 'update' | 'destroy'; flow: Flow }

/** Reads an event of `Connection.receiveEvents`; undefined when it is of another kind. Throws DecodeError. */
export const decodeFlowEvent = ({ type, flags, payload }: Reply): FlowEvent | undefined => {
  if (type === messageTypes.IPCTNL_MSG_CT_DELETE) return { type: 'destroy', flow: decodeFlow(payload) }
  if (type !== messageTypes.IPCTNL_MSG_CT_NEW) return undefined
  return { type: (flags & NLM_F.create) === 0 ? 'update' : 'new', flow: decodeFlow(payload) }
}
