import { ipFamily } from '../net/ip.ts'
import { struct } from '../netlink/composite.ts'
import { type Request, request } from '../netlink/connection.ts'
import { type MessageOf, message, NLM_F } from '../netlink/message.ts'
import { be16, bytes, ip, u8, u32 } from '../netlink/scalars.ts'
import { littleEndian } from '../netlink/writer.ts'
import { familyNumber, RTM } from './types.ts'

/** RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE. struct rtmsg, linux/rtnetlink.h. Equivalent to: `ip route …` */
export const routeMessage = message(
  'struct rtmsg',
  struct({
    family: u8,
    destinationLength: u8,
    sourceLength: u8,
    tos: u8,
    table: u8,
    protocol: u8,
    scope: u8,
    type: u8,
    flags: u32,
  }),
  {
    destination: [1, ip, 'RTA_DST'],
    source: [2, ip, 'RTA_SRC'],
    inputIndex: [3, u32, 'RTA_IIF'],
    outputIndex: [4, u32, 'RTA_OIF'],
    gateway: [5, ip, 'RTA_GATEWAY'],
    priority: [6, u32, 'RTA_PRIORITY'],
    preferredSource: [7, ip, 'RTA_PREFSRC'],
    metrics: [8, bytes, 'RTA_METRICS'],
    multipath: [9, bytes, 'RTA_MULTIPATH'],
    /** Table ids above 255; always present in replies. */
    table: [15, u32, 'RTA_TABLE'],
    mark: [16, u32, 'RTA_MARK'],
    /** These three of a question; without a protocol the kernel takes it for one of UDP. */
    ipProtocol: [27, u8, 'RTA_IP_PROTO'],
    sourcePort: [28, be16, 'RTA_SPORT'],
    destinationPort: [29, be16, 'RTA_DPORT'],
  } as const,
)
export type RouteMessage = MessageOf<typeof routeMessage>

/** Routing tables with a name (rt_tables). */
export const routeTable = { unspecified: 0, default: 253, main: 254, local: 255 } as const
/** Who made a route (RTPROT_*): `ip route` prints all but `boot`. */
export const routeProtocol = { unspecified: 0, redirect: 1, kernel: 2, boot: 3, static: 4, ra: 9 } as const
/** RTN_*. */
export const routeType = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const
/** How far a destination is (RT_SCOPE_*): `ip route` prints all but `universe`. */
export const routeScope = { universe: 0, link: 253, host: 254, nowhere: 255 } as const
const RTM_F_CLONED = 0x200
const RTM_F_LOOKUP_TABLE = 0x1000

/** One route. */
export type Route = {
  family: 4 | 6
  /** '192.168.45.0/24'; the default route is '0.0.0.0/0' or '::/0'. */
  destination: string
  gateway: string | undefined
  /** Index of the link it leaves by. */
  outputIndex: number | undefined
  preferredSource: string | undefined
  priority: number | undefined
  table: number
  protocol: number
  scope: number
  type: number
}

/** A route from its message. */
export const toRoute = ({ header, attributes }: RouteMessage): Route => {
  const family = header.family === familyNumber(4) ? 4 : 6
  return {
    family,
    destination: `${attributes.destination ?? (family === 4 ? '0.0.0.0' : '::')}/${header.destinationLength}`,
    gateway: attributes.gateway,
    outputIndex: attributes.outputIndex,
    preferredSource: attributes.preferredSource,
    priority: attributes.priority,
    table: attributes.table ?? header.table,
    protocol: header.protocol,
    scope: header.scope,
    type: header.type,
  }
}

/** Copies of routes in the cache (IPv6) are no routes of a table. */
export const isCached = (route: RouteMessage): boolean => (route.header.flags & RTM_F_CLONED) !== 0

const emptyHeader = {
  family: 0,
  destinationLength: 0,
  sourceLength: 0,
  tos: 0,
  table: 0,
  protocol: 0,
  scope: 0,
  type: 0,
  flags: 0,
}

/**
 * The routes of all tables, or of one (the kernel filters). Without a family multicast routes come too: see `isIp`.
 * Equivalent to: `ip route show table all`
 */
export const listRoutes = (family: 0 | 4 | 6 = 0, table?: number): Request =>
  request('RTM_GETROUTE', RTM.getRoute, 0, routeMessage, {
    header: { ...emptyHeader, family: family === 0 ? 0 : familyNumber(family) },
    attributes: table === undefined ? {} : { table },
  })

/** A route to be added or removed. */
export type RouteChange = {
  /** '0.0.0.0/0' is the default route. */
  destination: string
  gateway?: string | undefined
  /** The address that packets bear which this host sends by it. */
  preferredSource?: string | undefined
  /** Bytes: the largest packet, and the largest segment that TCP asks for. */
  mtu?: number | undefined
  advertisedMss?: number | undefined
  outputIndex: number
  table?: number | undefined
  priority?: number | undefined
  /** Who makes the route (RTPROT_*; default `boot`), or whose route alone may be removed (default: anybody's). */
  protocol?: number | undefined
  /** `ip route add local …`: of the table `local`, for what is addressed to this host. */
  local?: boolean
  /** `ip route add blackhole …`: packets end there; `outputIndex` is 0 then. */
  forbids?: 'blackhole' | 'unreachable' | 'prohibit'
}

const RTAX_MTU = 2
const RTAX_ADVMSS = 8

/** struct nlattr of RTA_METRICS: each of a number of 32 bits. */
const metricsOf = ({ mtu, advertisedMss }: RouteChange): Uint8Array | undefined => {
  const metrics = [[RTAX_MTU, mtu] as const, [RTAX_ADVMSS, advertisedMss] as const].flatMap(
    ([type, value]) => (value === undefined ? [] : [{ type, value }]),
  )
  if (metrics.length === 0) return undefined
  const view = new DataView(new ArrayBuffer(8 * metrics.length))
  for (const [place, { type, value }] of metrics.entries()) {
    view.setUint16(8 * place, 8, littleEndian)
    view.setUint16(8 * place + 2, type, littleEndian)
    view.setUint32(8 * place + 4, value, littleEndian)
  }
  return new Uint8Array(view.buffer)
}

const routeValue = (change: RouteChange, kind: Partial<RouteMessage['header']>): RouteMessage => {
  const slash = change.destination.lastIndexOf('/')
  const destination = change.destination.slice(0, slash)
  const length = Number(change.destination.slice(slash + 1))
  const table = change.table ?? (change.local ? routeTable.local : routeTable.main)
  const metrics = metricsOf(change)
  return {
    header: {
      ...emptyHeader,
      family: familyNumber(ipFamily(destination) ?? 4),
      destinationLength: length,
      table: table > 255 ? 0 : table,
      ...kind,
    },
    attributes: {
      ...(length === 0 ? {} : { destination }),
      ...(change.gateway === undefined ? {} : { gateway: change.gateway }),
      ...(change.outputIndex === 0 ? {} : { outputIndex: change.outputIndex }),
      ...(change.priority === undefined ? {} : { priority: change.priority }),
      ...(change.preferredSource === undefined ? {} : { preferredSource: change.preferredSource }),
      ...(metrics === undefined ? {} : { metrics }),
      ...(table > 255 ? { table } : {}),
    },
  }
}

/** Adds a route; EEXIST if one to this destination is there. Equivalent to: `ip route add DEST via GATEWAY dev NAME` */
export const addRoute = (change: RouteChange): Request =>
  request(
    'RTM_NEWROUTE',
    RTM.newRoute,
    NLM_F.create | NLM_F.exclusive,
    routeMessage,
    routeValue(change, {
      protocol: change.protocol ?? routeProtocol.boot,
      scope: change.local
        ? routeScope.host
        : change.gateway === undefined && change.forbids === undefined
          ? routeScope.link
          : routeScope.universe,
      type: change.local ? routeType.local : routeType[change.forbids ?? 'unicast'],
    }),
  )

/**
 * Removes a route, of whatever scope and type; ESRCH if there is none.
 * Equivalent to: `ip route delete DEST via GATEWAY dev NAME [proto PROTOCOL]`
 */
export const deleteRoute = (change: RouteChange): Request =>
  request(
    'RTM_DELROUTE',
    RTM.deleteRoute,
    0,
    routeMessage,
    routeValue(change, { protocol: change.protocol ?? routeProtocol.unspecified, scope: routeScope.nowhere }),
  )

/** A question to the kernel's routing: where would this packet go? */
export type RouteQuery = {
  destination: string
  source?: string | undefined
  /** Index of the link it comes in by: asks for the decision of a forwarded packet. */
  inputIndex?: number | undefined
  outputIndex?: number | undefined
  mark?: number | undefined
  /** Number of TCP, UDP or ICMP, and ports: rules of policy routing may ask for them. Left out: UDP, for the kernel. */
  ipProtocol?: number | undefined
  sourcePort?: number | undefined
  destinationPort?: number | undefined
}

/** Asks for the routing decision of one packet. Equivalent to: `ip route get DEST [from SRC] [iif NAME] [mark N]` */
export const getRoute = (query: RouteQuery): Request => {
  const family = ipFamily(query.destination) ?? 4
  const length = family === 4 ? 32 : 128
  return request('RTM_GETROUTE', RTM.getRoute, 0, routeMessage, {
    header: {
      ...emptyHeader,
      family: familyNumber(family),
      destinationLength: length,
      sourceLength: query.source === undefined ? 0 : length,
      // IPv4 names the main table, whichever it took, unless asked; IPv6 names the right one and refuses the flag.
      flags: family === 4 ? RTM_F_LOOKUP_TABLE : 0,
    },
    attributes: {
      destination: query.destination,
      ...(query.source === undefined ? {} : { source: query.source }),
      ...(query.inputIndex === undefined ? {} : { inputIndex: query.inputIndex }),
      ...(query.outputIndex === undefined ? {} : { outputIndex: query.outputIndex }),
      ...(query.mark === undefined ? {} : { mark: query.mark }),
      ...(query.ipProtocol === undefined ? {} : { ipProtocol: query.ipProtocol }),
      ...(query.sourcePort === undefined ? {} : { sourcePort: query.sourcePort }),
      ...(query.destinationPort === undefined ? {} : { destinationPort: query.destinationPort }),
    },
  })
}
