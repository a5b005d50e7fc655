import type { PortRange } from '../../linux/net/port.ts'
import { boundAddress, isPublishedIn } from '../spec/publish.ts'
import type { Publish, ResolvedSpace, Transport } from '../spec/types.ts'

/**
 * Theory of operation. What a space publishes, as ranges of ports of the host that lead to ports of one inside address: in
 * one family, and to the same place whether a range stands in one element or in many. Two lists of them can be taken from
 * each other port by port, so that a port that leads to the same place as before is never among those that changed,
 * however it was written.
 */
export type Lead = {
  family: 4 | 6
  protocol: Transport
  /** Absent means every address of the host. */
  hostAddress?: string
  hostPort: PortRange
  /** The inside address. */
  target: string
  /** What is added to a port of the host to get that inside. */
  shift: number
}

/** Where the published ports of a space lead, in the families that it has. */
export const leadsOf = ({ address, ipv6, publish }: ResolvedSpace): Lead[] =>
  publish.flatMap(item => [
    ...(address !== '' && isPublishedIn(4, item) ? [leadOf(item, 4, address)] : []),
    ...(ipv6 !== undefined && isPublishedIn(6, item) ? [leadOf(item, 6, ipv6.address)] : []),
  ])

const leadOf = (publish: Publish, family: Lead['family'], target: string): Lead => {
  const { protocol, hostPort, port } = publish
  const hostAddress = boundAddress(publish)
  return {
    family,
    protocol,
    ...(hostAddress === undefined ? {} : { hostAddress }),
    hostPort,
    target,
    shift: port.first - hostPort.first,
  }
}

/**
 * What of `some` does not lead to the same place in `others`. Ports that do so on some addresses of the host only are
 * told address by address, of those that `addresses` gives for a family.
 */
export const leadsWithout = (
  some: readonly Lead[],
  others: readonly Lead[],
  addresses: (family: 4 | 6) => readonly string[],
): Lead[] => {
  const unchanged = new Set(others.map(keyOf))
  const changed = some.filter(lead => !unchanged.has(keyOf(lead)))
  return changed.flatMap(lead => {
    const alike = others.filter(other => leadsAlike(lead, other))
    const isSplit = lead.hostAddress === undefined && alike.some(other => other.hostAddress !== undefined)
    const parts = isSplit ? addresses(lead.family).map(hostAddress => ({ ...lead, hostAddress })) : [lead]
    return parts.flatMap(part =>
      rangesWithout(
        part.hostPort,
        alike
          .filter(other => other.hostAddress === undefined || other.hostAddress === part.hostAddress)
          .map(other => other.hostPort),
      ).map(hostPort => ({ ...part, hostPort })),
    )
  })
}

const keyOf = ({ family, protocol, hostAddress = '', hostPort, target, shift }: Lead): string =>
  [family, protocol, hostAddress, hostPort.first, hostPort.last, target, shift].join(' ')

const leadsAlike = (one: Lead, other: Lead): boolean =>
  one.family === other.family &&
  one.protocol === other.protocol &&
  one.target === other.target &&
  one.shift === other.shift

/** The ports of a range that are in none of the others. */
const rangesWithout = (range: PortRange, others: readonly PortRange[]): PortRange[] =>
  others.reduce<PortRange[]>(
    (left, other) =>
      left.flatMap(({ first, last }) =>
        [
          { first, last: Math.min(last, other.first - 1) },
          { first: Math.max(first, other.last + 1), last },
        ].filter(part => part.first <= part.last),
      ),
    [range],
  )
