import type { Link } from '../../../linux/rtnetlink/link.ts'
import type { PublishedStatus, SpaceStatus } from '../../../space/reconcile/types.ts'
import type { ResolvedSpace } from '../../../space/spec/types.ts'
import type { Counters, EdgeEnd, TopologyPort } from '../../protocol.ts'

/** A space as it is drawn. */
export type SpaceView = {
  name: string
  lines: string[]
  health: 'healthy' | 'drifted' | 'unknown'
  /** How many findings the last doctor had. */
  findings?: number
  /** Both ends of the cable: inside, and at the host. */
  inner: EdgeEnd
  outer: EdgeEnd
  up: boolean
  counters?: Counters
  /** The link it is let out by, where it is one alone. */
  uplink?: string
  ports: TopologyPort[]
}

/**
 * A space as it is observed. What is counted at the host's end is the mirror of what the space counts: one list of links
 * serves all spaces. Pure.
 */
export const viewOfStatus = (
  status: SpaceStatus,
  host: Link | undefined,
  hostAddresses: string[],
): SpaceView => ({
  name: status.name,
  lines: [...status.addresses, ...status.routes.inner.filter(route => route.startsWith('default'))],
  health: status.healthy ? 'healthy' : 'drifted',
  inner: { interface: status.interface.inner, addresses: status.addresses },
  outer: { interface: status.interface.host, addresses: hostAddresses },
  up: host?.up === true && host.carrier,
  ...countersField(mirroredCounters(host)),
  ...(status.uplink === undefined ? {} : { uplink: status.uplink }),
  ports: portsOf(status.name, status.published),
})

/** A space as it would be once it is up. Pure. */
export const viewOfSpec = (space: ResolvedSpace, published: readonly PublishedStatus[]): SpaceView => {
  const { name, ipv6 } = space
  const addresses = [
    `${space.address}/${space.prefixLength}`,
    ...(ipv6 === undefined ? [] : [`${ipv6.address}/${ipv6.prefixLength}`]),
  ]
  const gateways = [
    `${space.gateway}/${space.prefixLength}`,
    ...(ipv6 === undefined ? [] : [`${ipv6.gateway}/${ipv6.prefixLength}`]),
  ]
  return {
    name,
    lines: [...addresses, `default via ${space.gateway} dev ${space.interface}`],
    health: 'healthy',
    inner: { interface: space.interface, addresses },
    outer: { interface: space.hostInterface, addresses: gateways },
    up: true,
    ...(space.uplink === undefined ? {} : { uplink: space.uplink }),
    ports: portsOf(name, published),
  }
}

/** A space of which nothing is known but its name, as its record cannot be read. Pure. */
export const viewOfUnreadable = (name: string, why: string): SpaceView => ({
  name,
  lines: [why],
  health: 'unknown',
  inner: { addresses: [] },
  outer: { addresses: [] },
  up: false,
  ports: [],
})

const portsOf = (space: string, published: readonly PublishedStatus[]): TopologyPort[] =>
  published.map(({ publish, reach }) => {
    const text = publish.includes('/') ? publish : `${publish}/tcp`
    return { id: `port:${space}:${text}`, space, text, reach }
  })

/** What a link has counted. Pure. */
export const countersOf = (link: Link | undefined): Counters | undefined =>
  link?.counters && {
    receivedPackets: Number(link.counters.receivedPackets),
    sentPackets: Number(link.counters.sentPackets),
    receivedBytes: Number(link.counters.receivedBytes),
    sentBytes: Number(link.counters.sentBytes),
  }

/** What the other end of a cable has counted. Pure. */
export const mirroredCounters = (link: Link | undefined): Counters | undefined => {
  const seen = countersOf(link)
  return (
    seen && {
      receivedPackets: seen.sentPackets,
      sentPackets: seen.receivedPackets,
      receivedBytes: seen.sentBytes,
      sentBytes: seen.receivedBytes,
    }
  )
}

/** A field that is left out where nothing was counted. Pure. */
export const countersField = (counters: Counters | undefined): { counters?: Counters } =>
  counters === undefined ? {} : { counters }
