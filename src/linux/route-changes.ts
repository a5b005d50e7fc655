import type { Where } from './change.ts'
import type { RouteChanges } from './change-group.ts'
import type { Connection, Reply, Request } from './netlink/connection.ts'
import type { NetlinkError } from './netlink/errors.ts'
import { addAddress, deleteAddress } from './rtnetlink/address.ts'
import { deleteLinks } from './rtnetlink/delete-links.ts'
import { addVeth, deleteLink, setLink } from './rtnetlink/link.ts'
import { deleteDiscipline, replaceTokenBucket } from './rtnetlink/queueing-discipline.ts'
import { addRoute, deleteRoute } from './rtnetlink/route.ts'

/**
 * Carries out changes that rtnetlink takes in one namespace, each whatever became of the others; deletions of links all
 * at once. Returns for each its error, where it has one. Throws what keeps all of them from being sent.
 */
export const executeRouteChanges = (
  route: Connection,
  changes: readonly RouteChanges[],
  descriptorOf: (where: Where) => number,
): (NetlinkError | Reply[] | undefined)[] =>
  changes.every(change => change.type === 'link.delete')
    ? deleteLinks(
        route,
        changes.map(({ index }) => index),
      )
    : route.executeAll(changes.map(change => requestOf(change, descriptorOf)))

const requestOf = (change: RouteChanges, descriptorOf: (where: Where) => number): Request => {
  switch (change.type) {
    case 'veth.add': {
      const { peer } = change
      const namespace = peer.where === change.where ? undefined : descriptorOf(peer.where)
      return addVeth({ ...change, peer: { ...peer, namespace } })
    }
    case 'link.set':
      return setLink(change.index, change)
    case 'link.delete':
      return deleteLink(change.index)
    case 'address.add':
      return addAddress(change)
    case 'address.delete':
      return deleteAddress(change)
    case 'route.add':
      return addRoute({
        ...change,
        ...change.local,
        outputIndex: change.index,
        local: change.local !== undefined,
      })
    case 'route.delete':
      return deleteRoute({
        ...change,
        ...change.local,
        outputIndex: change.index,
        local: change.local !== undefined,
      })
    case 'qdisc.replace':
      return replaceTokenBucket(change)
    case 'qdisc.delete':
      return deleteDiscipline(change)
  }
}
