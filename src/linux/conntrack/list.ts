import { type Connection, type Request, request } from '../netlink/connection.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { SystemError } from '../sys/errno.ts'
import { type KernelFilter, kernelFilter } from './filter.ts'
import { type Flow, toFlow } from './flow.ts'
import { conntrackMessage, messageTypes } from './message.ts'
import { type FlowSelector, flowMatcher } from './selector.ts'

/** nfgenmsg's family: NFPROTO_UNSPEC, NFPROTO_IPV4, NFPROTO_IPV6 (linux/netfilter.h). */
export const familyNumber = (family: 0 | 4 | 6): number => (family === 0 ? 0 : family === 4 ? 2 : 10)

/** IPCTNL_MSG_CT_GET: all flows that the kernel finds by the filter. Equivalent to: `conntrack -L` */
export const listRequest = ({ family, attributes }: KernelFilter): Request =>
  request('IPCTNL_MSG_CT_GET', messageTypes.IPCTNL_MSG_CT_GET, 0, conntrackMessage, {
    header: { family: familyNumber(family), version: 0, resourceId: 0 },
    attributes,
  })

/**
 * The flows that any selector matches; without selectors all flows of the connection's namespace. Not a picture of one
 * moment: a flow that comes or goes meanwhile may be in it or not. Throws NetlinkError (EPERM without CAP_NET_ADMIN; see
 * `lacksConntrack`), DecodeError. Equivalent to: `conntrack -L …`
 */
export const listFlows = (connection: Connection, selectors?: readonly FlowSelector[]): Flow[] => {
  if (selectors === undefined) return dump(connection, { family: 0, attributes: {} })
  if (selectors.length === 0) return []
  return dumpFiltered(connection, kernelFilter(selectors)).filter(flowMatcher(selectors))
}

const dump = (connection: Connection, filter: KernelFilter): Flow[] =>
  connection.dump(listRequest(filter), conntrackMessage).map(toFlow)

/** A kernel that refuses the filter is asked for everything of the family: only the time it takes differs. */
const dumpFiltered = (connection: Connection, filter: KernelFilter): Flow[] => {
  try {
    return dump(connection, filter)
  } catch (error) {
    const isRefusal = error instanceof NetlinkError && refusals.has(error.code)
    if (!isRefusal || filter.attributes.filter === undefined) throw error
    return dump(connection, { family: filter.family, attributes: {} })
  }
}

const refusals = new Set(['EINVAL', 'EOPNOTSUPP'])

/**
 * Whether an error of `listFlows`, or of opening its connection, says that the kernel has no connection tracking to ask:
 * EINVAL is nfnetlink's answer for a subsystem that is neither built in nor loaded nor to be found as a module (the request
 * for a list without a filter has nothing else to be refused for), EOPNOTSUPP and EPROTONOSUPPORT come from a kernel
 * without its tables or without nfnetlink. Where nobody tracks flows there are none, so callers take it for an empty list.
 */
export const lacksConntrack = (error: unknown): boolean =>
  (error instanceof NetlinkError && (refusals.has(error.code) || error.code === 'EPROTONOSUPPORT')) ||
  (error instanceof SystemError && error.code === 'EPROTONOSUPPORT')
