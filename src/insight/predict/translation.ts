import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { Translation } from '../../linux/nftables/evaluate/index.ts'
import type { PlaceFacts } from './facts.ts'
import { masqueradeAddress, redirectAddress } from './masquerade.ts'
import type { TranslatedEnd } from './tracking.ts'
import { changed, type Wire } from './wire.ts'

/**
 * Theory of operation. A rule asks for an address and perhaps for ports; which port is taken the kernel decides, as two
 * connections must not look alike (get_unique_tuple in net/netfilter/nf_nat_core.c). A port that is in the range and free is
 * kept; whether it is free is not asked here, as it may not be so any more when the packet comes. Where the rule draws ports
 * at random nothing is known of it.
 */

/** By which links the packet came and leaves, and to whom it goes next. */
export type LinksOnWay = {
  input?: { name: string; index: number; kind?: string | undefined; group?: number | undefined } | undefined
  output?: { name: string; index: number; kind?: string | undefined } | undefined
  nextHop?: string | undefined
}

/** What a translation makes of a packet; or why that is not known, or cannot be. */
export type Translated =
  | { end: TranslatedEnd; side: 'source' | 'destination'; wire: Wire }
  | { impossible: string }
  | { unknown: string }

const isIcmp = ({ protocol }: Wire): boolean =>
  protocol === PROTOCOL_NUMBER.icmp || protocol === PROTOCOL_NUMBER.icmpv6

/** Carries out a translation that a rule asks for. Pure but for questions about routes. */
export const translateWire = (
  facts: PlaceFacts,
  action: Translation,
  wire: Wire,
  links: LinksOnWay,
): Translated => {
  const side = action.kind === 'snat' || action.kind === 'masquerade' ? 'source' : 'destination'
  const address = addressOf(facts, action, wire, links)
  if (typeof address !== 'string') return address
  if (side === 'source') {
    const own = isIcmp(wire) ? wire.icmpId : wire.sourcePort
    const port = portOf(action, own)
    const field = isIcmp(wire) ? 'icmpId' : 'sourcePort'
    const sourcePorts =
      port === undefined ? (action.ports ?? (action.random ? undefined : wire.sourcePorts)) : undefined
    return {
      side,
      end: { address, port },
      wire: changed(wire, { source: address, [field]: port, sourcePorts }),
    }
  }
  const port = isIcmp(wire) ? undefined : portOf(action, wire.destinationPort)
  return {
    side,
    end: { address, port },
    wire: changed(wire, {
      destination: address,
      destinationPort: port,
      ...(port === undefined ? { destinationPorts: action.ports } : {}),
    }),
  }
}

const addressOf = (
  facts: PlaceFacts,
  action: Translation,
  { family, destination }: Wire,
  { input, output, nextHop }: LinksOnWay,
): string | { impossible: string } | { unknown: string } => {
  if (action.address !== undefined) return action.address
  if (action.kind === 'masquerade') {
    if (output === undefined) return { unknown: 'it is not known by which link it leaves' }
    return (
      masqueradeAddress(facts, output.index, family, nextHop ?? destination, destination) ?? {
        impossible: `${output.name} has no address of IPv${family} to masquerade with`,
      }
    )
  }
  if (action.kind === 'redirect')
    return (
      redirectAddress(facts, input?.index, family) ?? {
        unknown: `which address of ${input?.name ?? 'this host'} it is redirected to is not known`,
      }
    )
  return { unknown: 'the address that it is translated to is chosen at the time' }
}

/** The port behind a translation; undefined where it is chosen at the time, or where it was not known before. */
const portOf = ({ port, ports, random }: Translation, own: number | undefined): number | undefined => {
  if (port !== undefined) return port
  if (random) return undefined
  if (ports === undefined) return own
  return own !== undefined && own >= ports.first && own <= ports.last ? own : undefined
}
