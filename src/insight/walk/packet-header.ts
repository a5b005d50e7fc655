import { formatMac } from '../../linux/net/mac.ts'
import { decodePacket, layerOf } from '../../linux/packet/decode/packet.ts'

/**
 * What a packet's headers say, as far as they are known: flat, so that two of them can be compared field by field.
 * Addresses in canonical form.
 */
export type PacketHeader = {
  family: 4 | 6
  source: string
  destination: string
  /** Number of the transport protocol; undefined where extension headers hide it. */
  protocol?: number
  sourcePort?: number
  destinationPort?: number
  icmpType?: number
  icmpCode?: number
  /** Identifier of an ICMP query: plays the part of a port (RFC 5508 section 3.1). */
  icmpId?: number
  icmpSequence?: number
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32. */
  tcpFlags?: number
  /** TTL or hop limit. */
  ttl: number
  dscp: number
  /** Identification of the IPv4 header. */
  ipId?: number
  /** Flow label of the IPv6 header. */
  flowLabel?: number
  /** Of an error of ICMP: identification or flow label of the packet that it quotes, and its protocol. */
  quotedMark?: number
  quotedProtocol?: number
  /** Bytes, the network header included. */
  length: number
  /** MAC addresses of the frame it came in. */
  linkSource?: string
  linkDestination?: string
}

/** The beginnings of a packet's headers, as the kernel hands them out: at most 40 and 20 bytes of each. */
export type HeaderBytes = {
  link?: Uint8Array | undefined
  network?: Uint8Array | undefined
  transport?: Uint8Array | undefined
}

/** Without options; the kernel hands out at least this of a whole packet. */
const IPV4_HEADER = 20
const IPV6_HEADER = 40

/** Reads the headers; undefined when there is no whole IP header among them. Never throws. */
export const decodeHeader = ({ link, network, transport }: HeaderBytes): PacketHeader | undefined => {
  if (network === undefined || network.length < (isIpv6(network) ? IPV6_HEADER : IPV4_HEADER))
    return undefined
  // Of a header longer than 40 bytes the last options are missing.
  const start = Math.max(network.length, isIpv6(network) ? IPV6_HEADER : ((network[0] ?? 0) & 0x0f) * 4)
  const bytes = new Uint8Array(start + (transport?.length ?? 0))
  bytes.set(network)
  bytes.set(transport ?? [], start)
  const packet = decodePacket(bytes, { link: 'ip', length: wholeLength(network) })
  const ipv4 = layerOf(packet, 'ipv4')
  const ipv6 = layerOf(packet, 'ipv6')
  const ports = layerOf(packet, 'tcp') ?? layerOf(packet, 'udp') ?? layerOf(packet, 'sctp')
  const icmp = layerOf(packet, 'icmp') ?? layerOf(packet, 'icmpv6')
  const upper = {
    ...(ports === undefined ? {} : { sourcePort: ports.sourcePort, destinationPort: ports.destinationPort }),
    ...tcpFlagsOf(bytes, start, ports?.type),
    ...(icmp === undefined ? {} : { icmpType: icmp.icmpType, icmpCode: icmp.icmpCode }),
    ...(icmp?.query === undefined ? {} : { icmpId: icmp.query.id, icmpSequence: icmp.query.sequence }),
    ...(icmp === undefined ? {} : quotedOf(isIpv6(network) ? 6 : 4, icmp.icmpType, transport)),
    ...linkOf(link),
  }
  if (ipv4 !== undefined) {
    const { source, destination, protocol, ttl, dscp, id, totalLength } = ipv4
    return { family: 4, source, destination, protocol, ...upper, ttl, dscp, ipId: id, length: totalLength }
  }
  if (ipv6 === undefined) return undefined
  const { source, destination, hopLimit, trafficClass, payloadLength, flowLabel } = ipv6
  return {
    family: 6,
    source,
    destination,
    // The kernel leaves out extension headers: what follows the first one cannot be told.
    ...(ports === undefined && icmp === undefined && isExtension(network[6])
      ? {}
      : { protocol: ipv6.protocol }),
    ...upper,
    ttl: hopLimit,
    dscp: trafficClass >> 2,
    flowLabel,
    length: payloadLength + IPV6_HEADER,
  }
}

const isIpv6 = (network: Uint8Array): boolean => (network[0] ?? 0) >> 4 === 6

/** Bytes of the packet by its own length field: what is missing of them was not handed out. */
const wholeLength = (network: Uint8Array): number => {
  const at = isIpv6(network) ? 4 : 2
  return ((network[at] ?? 0) << 8) + (network[at + 1] ?? 0) + (isIpv6(network) ? IPV6_HEADER : 0)
}

const extensions: readonly (number | undefined)[] = [0, 43, 44, 51, 60, 135]
const isExtension = (number: number | undefined): boolean => extensions.includes(number)

/** Unreachable, time exceeded, a wrong parameter (RFC 792); of ICMPv6 all types below 128 (RFC 4443). */
const isError = (family: 4 | 6, icmpType: number): boolean =>
  family === 4 ? [3, 11, 12].includes(icmpType) : icmpType < 128

/** The first bytes of the quoted packet stand behind eight of the error's own; its addresses are not handed out. */
const quotedOf = (
  family: 4 | 6,
  icmpType: number,
  transport: Uint8Array | undefined,
): Pick<PacketHeader, 'quotedMark' | 'quotedProtocol'> => {
  const quoted = transport?.subarray(8) ?? new Uint8Array()
  const [, high = 0, middle = 0, low = 0, first = 0, second = 0, next, , , protocol] = quoted
  if (!isError(family, icmpType) || protocol === undefined || next === undefined) return {}
  return family === 4
    ? { quotedMark: (first << 8) + second, quotedProtocol: protocol }
    : { quotedMark: ((high & 0x0f) << 16) + (middle << 8) + low, quotedProtocol: next }
}

/**
 * Whether an error of ICMP is about a packet with these headers; undefined where that cannot be told, as of a packet whose
 * sender gives all of them the same mark. Forwarding and translation leave the mark as it is. Pure.
 */
export const isAbout = (
  { quotedMark, quotedProtocol }: PacketHeader,
  { ipId, flowLabel, protocol }: PacketHeader,
): boolean | undefined => {
  if (quotedProtocol === undefined || protocol === undefined) return undefined
  if (quotedProtocol !== protocol) return false
  const mark = ipId ?? flowLabel
  return !mark || !quotedMark ? undefined : mark === quotedMark
}

/** Byte 13 of a TCP header (RFC 9293 section 3.1). */
const tcpFlagsOf = (bytes: Uint8Array, at: number, type: string | undefined): { tcpFlags?: number } => {
  const flags = type === 'tcp' ? bytes[at + 13] : undefined
  return flags === undefined ? {} : { tcpFlags: flags }
}

const linkOf = (link: Uint8Array | undefined): Pick<PacketHeader, 'linkSource' | 'linkDestination'> =>
  link === undefined || link.length < 14
    ? {}
    : { linkDestination: formatMac(link.subarray(0, 6)), linkSource: formatMac(link.subarray(6, 12)) }
