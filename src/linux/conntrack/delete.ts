import { type Connection, type Request, request } from '../netlink/connection.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { errno } from '../sys/errno.ts'
import type { Flow } from './flow.ts'
import { familyNumber } from './list.ts'
import { conntrackMessage, messageTypes } from './message.ts'
import { type FlowSelector, isEmpty } from './selector.ts'
import { tupleAttributes } from './tuple.ts'

/**
 * IPCTNL_MSG_CT_DELETE of this one flow: by its original tuple, its zone, and its id, so that a later flow with the same
 * original tuple is hardly taken for it. (A request without a tuple would flush the whole table.) Equivalent to:
 * `conntrack -D -p udp --orig-src … --orig-dst … --sport … --dport …`
 */
export const deleteFlow = ({ family, original, zone, id }: Flow): Request =>
  request('IPCTNL_MSG_CT_DELETE', messageTypes.IPCTNL_MSG_CT_DELETE, 0, conntrackMessage, {
    header: { family: familyNumber(family), version: 0, resourceId: 0 },
    attributes: {
      original: tupleAttributes(original),
      ...(zone === 0 ? {} : { zone }),
      ...(id === undefined ? {} : { id }),
    },
  })

/**
 * Deletes flows that were listed before: the next packet of each begins a new one, which the rules of that moment look at.
 * Returns how many were deleted: one that is gone by then is fine. Throws NetlinkError, EBUSY for one where an older kernel
 * does not give up an offloaded flow; the others are deleted all the same. Equivalent to: `conntrack -D …`
 */
export const deleteFlows = (connection: Connection, flows: readonly Flow[]): number => {
  const results = connection.executeAll(flows.map(deleteFlow))
  const refusal = results.find(result => result instanceof NetlinkError && result.errno !== errno.ENOENT)
  if (refusal instanceof NetlinkError) throw refusal
  return results.filter(result => !(result instanceof NetlinkError)).length
}

/** Throws RangeError for a selector without fields: it would cut every connection of the host. */
export const refuseEmpty = (selectors: readonly FlowSelector[]): void => {
  if (selectors.some(isEmpty))
    throw new RangeError('Cannot delete flows: a selector has no fields, so it matches every flow')
}
