import { decideRoute, type RouteDecision } from '../insight/walk/route-decisions.ts'
import type { Kernel } from '../linux/kernel.ts'
import { SystemError } from '../linux/sys/errno.ts'
import { Socket } from '../linux/sys/socket.ts'
import type { LabPoint } from './captures.ts'
import { outboundPoints, walkEcho } from './echo-walk.ts'
import { droppedByForward } from './firewall.ts'
import { network, places, withNamespace } from './places.ts'
import { readIpCounters } from './snmp.ts'
import type { Stage } from './stage.ts'
import { ports } from './topology.ts'
import type { Walk } from './way.ts'

/** One try to get out, with all that tells how far it came. */

const { space } = network
/** Long enough for an answer across two cables, short enough to wait for one that must not come. */
const patience = 300

/** The LAN is one more point here: an answer to an inside address ends behind it. */
const points: readonly LabPoint[] = [
  ...outboundPoints.slice(0, 3),
  { place: 'lan', interface: ports.host2 },
  ...outboundPoints.slice(3),
]

/** What one echo and one connection from the space came to. All counters are differences over the echo. */
export type Attempt = Walk & {
  /** 'ENETUNREACH', 'ETIMEDOUT', or 'connected'. */
  connect: string
  /** Frames on veth1: ARP and IPv6 count too. */
  receivedOnHostEnd: number
  /** IPv4 packets that the space sent (Ip OutRequests). */
  sentBySpace: number
  /** Packets that host1 refused because they are for others and it does not forward (Ip InAddrErrors). */
  notForwarded: number
  /** Packets that host1 took for forwarding (Ip ForwDatagrams). */
  forwarded: number
  droppedByPolicy: number
  /** Packets that reached the router of the LAN and led nowhere from there. */
  lostAtRouter: number
  /** Where host2 sends an answer to the space, and the router of the LAN after it. */
  answerRoutes: { host2: RouteDecision; router: RouteDecision }
}

/** Tries one echo and one connection. Throws what `walkEcho` throws. */
export const attempt = async ({ kernel, resolved }: Omit<Stage, 'teller'>): Promise<Attempt> => {
  const before = count(kernel)
  const walk = await walkEcho(kernel, resolved, patience, points)
  const after = count(kernel)
  const difference = (key: keyof ReturnType<typeof count>) => after[key] - before[key]
  return {
    ...walk,
    connect: tryConnect(),
    receivedOnHostEnd: difference('receivedOnHostEnd'),
    sentBySpace: difference('sentBySpace'),
    notForwarded: difference('notForwarded'),
    forwarded: difference('forwarded'),
    droppedByPolicy: difference('droppedByPolicy'),
    lostAtRouter: difference('lostAtRouter'),
    answerRoutes: answerRoutes(kernel),
  }
}

const answerRoutes = (kernel: Kernel): Attempt['answerRoutes'] => {
  const answer = { source: network.host2, destination: space.address }
  const port = kernel.links(places.lan).find(({ name }) => name === ports.host2)
  // What comes in by a port of a bridge comes in by the bridge.
  const inputIndex = port?.master ?? port?.index
  return {
    host2: decideRoute(kernel, places.host2, answer),
    router: decideRoute(kernel, places.lan, {
      ...answer,
      ...(inputIndex === undefined ? {} : { inputIndex }),
    }),
  }
}

const count = (kernel: Kernel) => {
  const host1 = readIpCounters('host1')
  const lan = readIpCounters('lan')
  const hostEnd = kernel.links(places.host1).find(link => link.name === space.hostInterface)
  return {
    receivedOnHostEnd: Number(hostEnd?.counters?.receivedPackets ?? 0n),
    sentBySpace: readIpCounters(space.name).get('OutRequests') ?? 0,
    notForwarded: host1.get('InAddrErrors') ?? 0,
    forwarded: host1.get('ForwDatagrams') ?? 0,
    droppedByPolicy: droppedByForward(kernel),
    lostAtRouter: (lan.get('InAddrErrors') ?? 0) + (lan.get('InNoRoutes') ?? 0),
  }
}

const tryConnect = (): string =>
  withNamespace('host2', host2 => {
    using server = Socket.listen({ address: network.host2, port: 0 }, { namespace: host2 })
    try {
      withNamespace(space.name, namespace => Socket.connect(server.local, patience, { namespace })).close()
      return 'connected'
    } catch (error) {
      if (error instanceof SystemError) return error.code
      throw error
    }
  })
