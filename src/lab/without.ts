import type { Kernel } from '../linux/kernel.ts'
import type { EchoPacket } from '../linux/net/icmp.ts'
import { SystemError } from '../linux/sys/errno.ts'
import { Socket } from '../linux/sys/socket.ts'
import { pingHost2, pingText } from './experiment.ts'
import { droppedByForward } from './firewall.ts'
import { echoText, type PingResult, ping } from './ping.ts'
import { network, places, withNamespace } from './places.ts'
import { type Proof, prove } from './proof.ts'
import { readIpCounters } from './snmp.ts'

/**
 * What each of the last four steps is for, shown by leaving it out. It must fail exactly in the way that belongs to that
 * step: where the packet got to, and what stopped it, is read from counters and heard at host2.
 */

/** Steps without which there still is a cable to send by. */
export const omissibleSteps = [6, 7, 8, 9] as const
export type OmissibleStep = (typeof omissibleSteps)[number]

const { space } = network
/** Long enough for an answer across two cables, short enough to wait for one that must not come. */
const patience = 300
const identifierAfterwards = 29611

/** What one ping and one connection from the space came to. All counters are differences over the ping. */
type Attempt = {
  ping: PingResult
  heardAtHost2: EchoPacket[]
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
}

const attempt = (kernel: Kernel): Attempt => {
  const before = count(kernel)
  const { heard, result } = pingHost2({ attempts: 1, milliseconds: patience })
  const after = count(kernel)
  const difference = (key: keyof ReturnType<typeof count>) => after[key] - before[key]
  return {
    ping: result,
    heardAtHost2: heard,
    connect: tryConnect(),
    receivedOnHostEnd: difference('receivedOnHostEnd'),
    sentBySpace: difference('sentBySpace'),
    notForwarded: difference('notForwarded'),
    forwarded: difference('forwarded'),
    droppedByPolicy: difference('droppedByPolicy'),
    lostAtRouter: difference('lostAtRouter'),
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

/** Tries without the step, and proves that it fails as it must. */
export const proveFailure = (kernel: Kernel, step: OmissibleStep): Proof[] => {
  const cable = proveCable()
  return [cable, ...stories[step](attempt(kernel))]
}

/**
 * What is left out must be the only thing that is missing. The first packet after a link came up may be lost (ARP asks
 * again after a second), and would be taken for one that was dropped: so this comes first.
 */
const proveCable = (): Proof =>
  prove('the cable itself works', `${space.gateway}, the host end, answers a ping from ${space.name}`, () => {
    const result = withNamespace(space.name, myspace =>
      ping(myspace, space.gateway, { identifier: 1, attempts: 30, milliseconds: 100 }),
    )
    return { ok: result.reply?.source === space.gateway, seen: pingText(result) }
  })

const heardText = (heard: readonly EchoPacket[]): string => heard.map(echoText).join(', ') || 'nothing'

const host2HearsNothing = (seen: Attempt): Proof =>
  prove('host2 hears nothing', 'no request', () => ({
    ok: seen.heardAtHost2.length === 0,
    seen: heardText(seen.heardAtHost2),
  }))

const fails = (seen: Attempt, refused: string | undefined, connect: string): Proof[] => [
  prove(`ping ${network.host2} fails`, refused === undefined ? 'no answer' : `refused: ${refused}`, () => ({
    ok: seen.ping.reply === undefined && seen.ping.refused === refused,
    seen: pingText(seen.ping),
  })),
  prove(`connect to ${network.host2} fails`, connect, () => ({
    ok: seen.connect === connect,
    seen: seen.connect,
  })),
]

const stories: Record<OmissibleStep, (seen: Attempt) => Proof[]> = {
  6: seen => [
    ...fails(seen, 'ENETUNREACH', 'ENETUNREACH'),
    prove(
      'nothing leaves the namespace',
      `${space.name} sends no IPv4 packet (Ip OutRequests +0), and host2 hears nothing`,
      () => ({
        ok: seen.sentBySpace === 0 && seen.heardAtHost2.length === 0,
        seen: `OutRequests +${seen.sentBySpace}; host2 heard ${heardText(seen.heardAtHost2)}`,
      }),
    ),
  ],
  7: seen => [
    ...fails(seen, undefined, 'ETIMEDOUT'),
    prove(
      `the request arrives on ${space.hostInterface}, and host1 does not forward it`,
      'host1 refuses one packet that is not for itself (Ip InAddrErrors +1), and forwards none',
      () => ({
        ok: seen.receivedOnHostEnd > 0 && seen.notForwarded === 1 && seen.forwarded === 0,
        seen: `${space.hostInterface} received ${seen.receivedOnHostEnd} (ARP included); InAddrErrors +${seen.notForwarded}, ForwDatagrams +${seen.forwarded}`,
      }),
    ),
    host2HearsNothing(seen),
  ],
  8: seen => [
    ...fails(seen, undefined, 'ETIMEDOUT'),
    prove('the request does reach host2', `with its inside address as the source: ${space.address}`, () => ({
      ok: seen.heardAtHost2.length === 1 && seen.heardAtHost2[0]?.source === space.address,
      seen: heardText(seen.heardAtHost2),
    })),
    prove(
      'the answer never comes back',
      `host2 sends it to ${space.address}, by its default route to the router, which has no way there`,
      () => ({
        ok: seen.ping.reply === undefined && seen.lostAtRouter === 1,
        seen: `packets for unreachable addresses at ${network.router}: +${seen.lostAtRouter}`,
      }),
    ),
  ],
  9: seen => [
    ...fails(seen, undefined, 'ETIMEDOUT'),
    prove(
      'the FORWARD chain of host1 drops the request',
      'its policy drops one packet, which host1 was willing to forward (InAddrErrors +0)',
      () => ({
        ok: seen.droppedByPolicy === 1 && seen.notForwarded === 0,
        seen: `policy of FORWARD +${seen.droppedByPolicy}, InAddrErrors +${seen.notForwarded}`,
      }),
    ),
    host2HearsNothing(seen),
  ],
}

/**
 * After the step was added the ping works: a new one, with an identifier of its own. Connection tracking decides about
 * translation with the first packet of a connection and keeps to it, so a ping that began without step 8 goes on without.
 */
export const proveCured = (step: OmissibleStep): Proof =>
  prove(`with step ${step}`, `a new ping from ${space.name} to ${network.host2} works`, () => {
    const { heard, result } = pingHost2({ identifier: identifierAfterwards })
    return {
      ok: result.reply !== undefined && heard.at(-1)?.source === network.host1,
      seen: `${pingText(result)}; host2 heard ${heardText(heard)}`,
    }
  })
