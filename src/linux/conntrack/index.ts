/**
 * Connection tracking (ctnetlink): the flows that the kernel knows as typed values; listed, deleted, followed by their
 * events, and printed as conntrack(8) prints them.
 *
 * ```ts
 * using connection = Connection.open(NETLINK_NETFILTER)
 * for (const flow of listFlows(connection, [{ protocol: 17, originalDestination: '192.168.1.32' }]))
 *   console.log(flowText(flow))
 * ```
 * @module
 */
export { deleteFlow, deleteFlows, refuseEmpty } from './delete.ts'
export { conntrackGroups, decodeFlowEvent, type FlowEvent } from './event.ts'
export { decodeFlow, type Flow, type FlowCounters, toFlow } from './flow.ts'
export { lacksConntrack, listFlows } from './list.ts'
export { type ConntrackMessage, conntrackMessage } from './message.ts'
export { type FlowFacts, newFlow } from './new-flow.ts'
export { type FlowSelector, familyOf, flowMatcher, isEmpty, matchesFlow } from './selector.ts'
export { type FlowStatusName, flowStatus, hasStatus } from './status.ts'
export { flowText } from './text.ts'
export { type FlowTuple, mirrorOf } from './tuple.ts'
