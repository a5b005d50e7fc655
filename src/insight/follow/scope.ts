import { isMulticast } from '../../linux/net/ip.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { innerAddresses } from '../../space/spec/endpoints.ts'
import { boundAddress, isPublishedIn } from '../../space/spec/publish.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import type { PacketHeader } from '../walk/packet-header.ts'
import type { FlowEnd } from '../walk/traced-flow.ts'

/** Which flows are followed: those that begin in the space, those that come to it, or both; all pure. */
export type Scope = {
  /** Left out: both. */
  direction?: 'out' | 'in'
  /** Only flows that this end begins, also those which this host takes for itself. Implies `in`. */
  from?: FlowEnd
}

export const wants = ({ direction, from }: Scope, way: 'out' | 'in'): boolean =>
  from === undefined ? direction === undefined || direction === way : way === 'in'

/** The addresses of a space, of both families. */
export const addressesOf = (space: Parameters<typeof innerAddresses>[0]): string[] =>
  innerAddresses(space).map(({ address }) => address)

/** Whether a packet that comes to this host asks for a port that the space publishes. */
export const isForPublished = (
  { publish }: Pick<ResolvedSpace, 'publish'>,
  { protocol, destination, destinationPort }: PacketHeader,
): boolean =>
  destinationPort !== undefined &&
  publish.some(
    item =>
      PROTOCOL_NUMBER[item.protocol] === protocol &&
      isPublishedIn(destination.includes(':') ? 6 : 4, item) &&
      (boundAddress(item) ?? destination) === destination &&
      item.hostPort.first <= destinationPort &&
      destinationPort <= item.hostPort.last,
  )

/** Whether a packet has the ends that are asked for. */
export const isFrom = ({ address, port }: FlowEnd, { source, sourcePort }: PacketHeader): boolean =>
  (address === undefined || address === source) && (port === undefined || port === sourcePort)

/** Packets by which links are kept up, and which nobody means: neighbour discovery, group membership, broadcasts. */
export const isHousekeeping = ({ protocol, destination, icmpType = 0 }: PacketHeader): boolean =>
  destination === '255.255.255.255' ||
  isMulticast(destination) ||
  protocol === IGMP ||
  (protocol === PROTOCOL_NUMBER.icmpv6 && ((icmpType >= 130 && icmpType <= 137) || icmpType === 143))

const IGMP = 2
