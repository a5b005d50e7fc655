import type { NetlinkEvent } from '../../linux/netlink/event-socket.ts'
import { linkMessage } from '../../linux/rtnetlink/link.ts'
import { netconfMessage, toNetconf } from '../../linux/rtnetlink/netconf.ts'
import { queueingDisciplineMessage } from '../../linux/rtnetlink/queueing-discipline.ts'
import { isCached, routeMessage } from '../../linux/rtnetlink/route.ts'
import { RTM } from '../../linux/rtnetlink/types.ts'
import type { Area, Interest, Sign } from './sign.ts'

/** Which kind of thing a message of rtnetlink is about. */
const areas = new Map<number, Area>([
  [RTM.newLink, 'link'],
  [RTM.deleteLink, 'link'],
  [RTM.newAddress, 'address'],
  [RTM.deleteAddress, 'address'],
  [RTM.newRoute, 'route'],
  [RTM.deleteRoute, 'route'],
  [RTM.newRule, 'rule'],
  [RTM.deleteRule, 'rule'],
  [RTM.newQueueingDiscipline, 'queueing-discipline'],
  [RTM.deleteQueueingDiscipline, 'queueing-discipline'],
  [RTM.newNetconf, 'setting'],
])

/**
 * The sign that an event of rtnetlink is; undefined where it concerns none of our spaces: other containers come and go,
 * and a router may learn thousands of routes. Pure. Throws DecodeError.
 */
export const routeSign = (event: NetlinkEvent, interest: Interest): Sign | undefined => {
  const area = areas.get(event.type)
  if (area === undefined || !concerns(event, area, interest)) return undefined
  return { area, ...(event.portId === 0 ? {} : { port: event.portId }) }
}

const concerns = ({ namespaceId, payload }: NetlinkEvent, area: Area, interest: Interest): boolean => {
  if (namespaceId !== undefined) return interest.namespaceIds.has(namespaceId)
  const { cables, links, names } = interest
  switch (area) {
    case 'link': {
      const { header, attributes } = linkMessage.decode(payload, 0, payload.length)
      return links.has(header.index) || names.has(attributes.name ?? '')
    }
    case 'route': {
      const route = routeMessage.decode(payload, 0, payload.length)
      if (isCached(route)) return false
      // The default route is the way out, and a route by a cable the way in.
      return route.header.destinationLength === 0 || isKnown(route.attributes.outputIndex, cables)
    }
    case 'queueing-discipline':
      return isKnown(queueingDisciplineMessage.decode(payload, 0, payload.length).header.index, links)
    case 'setting': {
      const { link } = toNetconf(netconfMessage.decode(payload, 0, payload.length))
      return link === 'all' || (typeof link === 'number' && links.has(link))
    }
    // Any address may be one that a space leaves with, and any rule may lead it elsewhere.
    default:
      return true
  }
}

const isKnown = (index: number | undefined, links: ReadonlySet<number>): boolean =>
  index !== undefined && links.has(index)
