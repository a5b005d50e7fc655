import type { Where } from '../../linux/change.ts'
import { type FlowTuple, mirrorOf } from '../../linux/conntrack/index.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { ipFamily } from '../../linux/net/ip.ts'
import { parsePrefix, prefixContains } from '../../linux/net/prefix.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { NetlinkError } from '../../linux/netlink/errors.ts'
import { type Route, type RouteQuery, routeTable, routeType } from '../../linux/rtnetlink/route.ts'
import { type RuleAnswer, ruleOfRoute } from './routing-rule.ts'

/** What has to be asked for routing decisions. */
export type RoutedKernel = Pick<Kernel, 'links' | 'routes' | 'rules' | 'lookUpRoute'>

/** An interface of a namespace; its name is undefined when it is gone. */
export type RouteDevice = { index: number; name: string | undefined }

/** What the kernel's routing says of one packet. Equivalent to what `ip route get …` prints, and `ip rule` beside it. */
export type RouteDecision =
  | {
      found: true
      question: RouteQuery
      /** local: it is for this namespace itself; unreachable and the like: the route says so. */
      type: keyof typeof routeType | 'other'
      table: number
      /** 'main', 'local', 'default', or the number. */
      tableName: string
      /** The next hop; undefined when the destination is on the link. */
      gateway: string | undefined
      device: RouteDevice | undefined
      /** The address that a packet without a source would get. */
      preferredSource: string | undefined
      /** The entry of the table that fits best; undefined when none is seen that fits. */
      route: Route | undefined
      rule: RuleAnswer
    }
  /** No route: ENETUNREACH; EHOSTUNREACH: also for a packet from a link from which this host does not forward. */
  | { found: false; question: RouteQuery; code: string; errno: number; kernelMessage: string | undefined }

/**
 * Asks for one routing decision. Throws NetlinkError when the question itself fails (EPERM, ENODEV), NamespaceError.
 * Equivalent to: `ip route get DEST from SRC [iif NAME]`
 */
export const decideRoute = (kernel: RoutedKernel, where: Where, question: RouteQuery): RouteDecision => {
  const names = new Map(kernel.links(where).map(({ index, name }) => [index, name]))
  const found = lookUp(kernel, where, question)
  if (found instanceof NetlinkError) {
    const { code, errno, kernelMessage } = found
    return { found: false, question, code, errno, kernelMessage }
  }
  const { destination, source, inputIndex, outputIndex, mark } = question
  const family = ipFamily(destination) ?? 4
  const { outputIndex: index, gateway, preferredSource } = found
  const route = bestRoute(kernel.routes(where), found, destination)
  const table = route?.table ?? found.table
  return {
    found: true,
    question,
    type: typeName(found.type),
    table,
    tableName: tableName(table),
    gateway,
    device: index === undefined ? undefined : { index, name: names.get(index) },
    preferredSource,
    route,
    rule: ruleOfRoute(
      kernel.rules(where),
      {
        family,
        source,
        destination,
        input: inputIndex === undefined ? 'lo' : (names.get(inputIndex) ?? ''),
        output: outputIndex === undefined ? undefined : names.get(outputIndex),
        mark,
      },
      table,
    ),
  }
}

/** Refusals that are answers. IPv6 gives an unreachable destination as a route with an error, or as one of these. */
const answers: readonly string[] = [
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EACCES',
  'EINVAL',
  'EXDEV',
  'EAGAIN',
  'ESRCH',
]

const lookUp = (kernel: RoutedKernel, where: Where, question: RouteQuery): Route | NetlinkError => {
  try {
    return kernel.lookUpRoute(where, question)
  } catch (error) {
    if (error instanceof NetlinkError && answers.includes(error.code)) return error
    throw error
  }
}

const typeName = (number: number): keyof typeof routeType | 'other' =>
  (Object.keys(routeType) as (keyof typeof routeType)[]).find(name => routeType[name] === number) ?? 'other'

const tableName = (number: number): string =>
  (['default', 'main', 'local'] as const).find(name => routeTable[name] === number) ?? `${number}`

/**
 * The longest prefix of the table; of equal ones that with the answer's device, then the lowest metric. As long as there
 * are only the rules that are always there, IPv4 keeps the tables local and main as one, and says main for both.
 */
const bestRoute = (routes: readonly Route[], answer: Route, destination: string): Route | undefined => {
  const isMerged = answer.family === 4 && answer.table === routeTable.main
  const fitting = routes.filter(
    ({ table, type, destination: prefix }) =>
      (table === answer.table || (isMerged && table === routeTable.local && type === answer.type)) &&
      prefixContains(prefix, destination),
  )
  const rank = (route: Route): number[] => [
    -(parsePrefix(route.destination)?.length ?? 0),
    route.outputIndex === answer.outputIndex ? 0 : 1,
    route.priority ?? 0,
  ]
  return fitting.sort((a, b) => {
    const [one, other] = [rank(a), rank(b)]
    return one.map((value, index) => value - (other[index] ?? 0)).find(difference => difference !== 0) ?? 0
  })[0]
}

/** A space and its host, as far as routing is concerned: indexes of the links on the way. */
export type RoutedWay = {
  space: Where
  host: Where
  /** Of the cable: the end in the space, and that at the host. */
  innerIndex: number
  hostIndex: number
  /** Where a packet from outside comes in; for one from the space, where the host's own routing sends it. */
  uplinkIndex?: number
  /** The marks that rules gave to request and reply before the host decides: `ip rule` may ask for them. */
  marks?: { request?: number | undefined; reply?: number | undefined }
}

/** One look-up on a packet's way, in the order of the way. */
export type WayDecision = {
  at: 'space-output' | 'host-forward' | 'host-forward-reply' | 'space-delivery'
  where: Where
  decision: RouteDecision
}

/**
 * The four look-ups of a flow that begins in a space, and of its answers: out of the space, through the host behind the
 * translation of the destination, back through the host behind that of the answer's destination, and into the space.
 * `original` and `reply` are the tuples of the host's connection tracking; without a translation the mirror. `sent` is how the
 * first packet leaves its socket, where rules of the space translate it.
 */
export const outboundDecisions = (
  kernel: RoutedKernel,
  way: RoutedWay,
  original: FlowTuple,
  reply: FlowTuple = mirrorOf(original),
  sent: FlowTuple = original,
): WayDecision[] => {
  const { space, host, innerIndex, hostIndex } = way
  const answer = mirrorOf(reply)
  const forward = decideRoute(kernel, host, {
    ...packetOf(original, answer),
    inputIndex: hostIndex,
    ...markOf(way.marks?.request),
  })
  const uplink = way.uplinkIndex ?? (forward.found ? forward.device?.index : undefined)
  const ask = asker(kernel)
  const back = mirrorOf(original)
  return [
    ask('space-output', space, packetOf(sent, sent)),
    { at: 'host-forward', where: host, decision: forward },
    // Nothing comes back where nothing goes out.
    ...(uplink === undefined
      ? []
      : [
          ask('host-forward-reply', host, {
            ...packetOf(reply, back),
            inputIndex: uplink,
            ...markOf(way.marks?.reply),
          }),
        ]),
    ask('space-delivery', space, { ...packetOf(back, back), inputIndex: innerIndex }),
  ]
}

/**
 * The four look-ups of a flow that comes to a space from outside, and of its answers. Without an uplink it is the host itself
 * that sends: how its own packets are routed is not asked.
 */
export const inboundDecisions = (
  kernel: RoutedKernel,
  { space, host, innerIndex, hostIndex, uplinkIndex, marks }: RoutedWay,
  original: FlowTuple,
  reply: FlowTuple = mirrorOf(original),
): WayDecision[] => {
  // As the space sees it: the source too may be translated.
  const arrived = mirrorOf(reply)
  const ask = asker(kernel)
  return [
    ...(uplinkIndex === undefined
      ? []
      : [
          ask('host-forward', host, {
            ...packetOf(original, arrived),
            inputIndex: uplinkIndex,
            ...markOf(marks?.request),
          }),
        ]),
    ask('space-delivery', space, { ...packetOf(arrived, arrived), inputIndex: innerIndex }),
    ask('space-output', space, packetOf(reply, reply)),
    ask('host-forward-reply', host, {
      ...packetOf(reply, mirrorOf(original)),
      inputIndex: hostIndex,
      ...markOf(marks?.reply),
    }),
  ]
}

const markOf = (mark: number | undefined): Pick<RouteQuery, 'mark'> => (mark ? { mark } : {})

const asker =
  (kernel: RoutedKernel) =>
  (at: WayDecision['at'], where: Where, question: RouteQuery): WayDecision => ({
    at,
    where,
    decision: decideRoute(kernel, where, question),
  })

/** The packet that is looked up: of a tuple, to another destination where that is translated. */
const packetOf = (
  { source, protocol, sourcePort, destinationPort }: FlowTuple,
  { destination }: Pick<FlowTuple, 'destination'>,
): RouteQuery => ({
  source,
  destination,
  // The kernel takes no other protocol into a question.
  ...(askable.includes(protocol) ? { ipProtocol: protocol, sourcePort, destinationPort } : {}),
})

const askable: readonly number[] = [PROTOCOL_NUMBER.icmp, PROTOCOL_NUMBER.tcp, PROTOCOL_NUMBER.udp]
