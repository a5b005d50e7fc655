import { ipToBigInt } from '../../linux/net/ip.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { match, type Operand, payload, range, type Statement } from '../../linux/nftables/index.ts'

/**
 * Theory of operation. A packet is marked for tracing where it enters a namespace, before connection tracking has looked
 * at it; whether it was translated on its way so far, or will be on the way back, is not known there. But a translation
 * mostly leaves one end of a flow alone, so a packet counts as one of the flow when either end of it is an end of the
 * flow, in either role. That is a superset: other packets to the same server are traced too, and are sifted out later,
 * when the connection's tuples are known. Answers that bear neither end as it was asked for, as those of a published port,
 * are recognised by their connection (traced-connection.ts). An error of ICMP is recognised by the packet that it quotes.
 */

/** One end of a flow: what is left out may be anything. Addresses in canonical form. */
export type FlowEnd = { address?: string; port?: number }

/** A flow that is to be traced, as plain data: the ends of its first packet, as far as they are known. */
export type TracedFlow = {
  family: 4 | 6
  /** Number of the protocol: 17 is UDP. Left out: any. */
  protocol?: number
  source?: FlowEnd
  destination?: FlowEnd
  /**
   * Identifier of an ICMP query. A translation may change it, so it is not asked for where packets are marked; it narrows
   * the flows of connection tracking that are meant. To be left out where the query comes with another one.
   */
  icmpId?: number
}

const withPorts: readonly number[] = [PROTOCOL_NUMBER.tcp, PROTOCOL_NUMBER.udp, PROTOCOL_NUMBER.sctp]

/** Whether packets of a protocol bear ports that connection tracking knows. */
export const hasPorts = (protocol: number | undefined): boolean =>
  protocol !== undefined && withPorts.includes(protocol)

/** Whether anything is known of an end. */
export const isKnown = (end: FlowEnd | undefined): end is FlowEnd =>
  end?.address !== undefined || end?.port !== undefined

/**
 * The ends by which packets of the flow are told from others. An end whose port is not known would stand for all that
 * its host does, so it counts only where there is no better one, the destination first.
 */
export const tellingEnds = ({ protocol, source, destination }: TracedFlow): FlowEnd[] => {
  const ends = [destination, source].filter(isKnown)
  if (!hasPorts(protocol)) return ends.filter(({ address }) => address !== undefined).slice(0, 1)
  const whole = ends.filter(({ port }) => port !== undefined)
  return whole.length > 0 ? whole : ends.slice(0, 1)
}

/**
 * The conditions under which a packet is traced, each a list of statements that must all match: nothing else is known of
 * a packet that enters. Pure.
 */
export const traceConditions = (flow: TracedFlow): Statement[][] => {
  const ends = tellingEnds(flow)
  const { protocol } = flow
  const base = [
    match({ kind: 'meta', key: 'nfproto' }, flow.family === 4 ? 'ipv4' : 'ipv6'),
    ...(protocol === undefined ? [] : [match({ kind: 'meta', key: 'l4proto' }, protocol)]),
  ]
  if (ends.length === 0) return [base]
  return ends.flatMap(end => [
    [...base, ...endMatch(flow, end, 'source')],
    [...base, ...endMatch(flow, end, 'destination')],
    ...errorsAbout(flow, end),
  ])
}

const addressOf = (family: 4 | 6, role: 'source' | 'destination'): Operand => {
  const field = role === 'source' ? 'saddr' : 'daddr'
  return family === 4 ? payload('ip', field) : payload('ip6', field)
}

const endMatch = (
  { family, protocol }: TracedFlow,
  { address, port }: FlowEnd,
  role: 'source' | 'destination',
): Statement[] => [
  ...(address === undefined ? [] : [match(addressOf(family, role), address)]),
  ...(port === undefined || !hasPorts(protocol)
    ? []
    : [match(payload('th', role === 'source' ? 'sport' : 'dport'), port)]),
]

/**
 * Where an ICMP error has fields of the packet that it quotes, in bits behind the start of the ICMP header. Its ports stand
 * there when it has no options or extension headers.
 */
const quotedAt = {
  4: { length: 32, protocol: 136, source: 160, destination: 192, sourcePort: 224, destinationPort: 240 },
  6: { length: 128, protocol: 112, source: 128, destination: 256, sourcePort: 384, destinationPort: 400 },
}

/** Errors of ICMP (types 3 to 12 but echo requests; of ICMPv6 1 to 4) that quote a packet from or to the end. */
const errorsAbout = ({ family, protocol }: TracedFlow, { address, port }: FlowEnd): Statement[][] => {
  if (address === undefined) return []
  const places = quotedAt[family]
  const quoted = (offset: number, length: number, value: number | bigint): Statement =>
    match({ kind: 'rawPayload', base: 'transport', offset, length } satisfies Operand, value)
  return (['source', 'destination'] as const).map(role => [
    family === 4
      ? match(payload('icmp', 'type'), range(3, 12))
      : match(payload('icmpv6', 'type'), range(1, 4)),
    quoted(places[role], places.length, ipToBigInt(address) ?? 0n),
    ...(protocol === undefined ? [] : [quoted(places.protocol, 8, protocol)]),
    ...(port === undefined || !hasPorts(protocol) ? [] : [quoted(places[`${role}Port`], 16, port)]),
  ])
}
