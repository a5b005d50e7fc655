import { PROTOCOL_NUMBER } from '../../../net/protocol.ts'
import { and, compare, integerBits } from '../bits.ts'
import type { Packet } from '../packet.ts'
import { all, any, inverted, same, type Truth } from '../truth.ts'
import { inPorts } from './conntrack.ts'
import type { Info } from './info.ts'
import type { XtMatch } from './match.ts'

/** The four numbers with which both structures begin: source ports, then destination ports. */
const bothPorts = (info: Info, packet: Packet, invert: number): Truth[] => [
  inverted(inPorts(packet.sourcePort, info.u16(0), info.u16(2), packet.sourcePorts), (invert & 1) !== 0),
  inverted(
    inPorts(packet.destinationPort, info.u16(4), info.u16(6), packet.destinationPorts),
    (invert & 2) !== 0,
  ),
]

/** struct xt_tcp, linux/netfilter/xt_tcpudp.h. Equivalent to: `-p tcp --sport --dport --tcp-flags --syn` */
export const tcp: XtMatch = (info, { state: { packet } }) => {
  if (!info.has(12)) return 'unknown'
  const [option, mask, wanted, invert] = [info.u8(8), info.u8(9), info.u8(10), info.u8(11)]
  const flags = compare(
    and(integerBits(packet.tcpFlags, 1), integerBits(mask, 1)),
    '==',
    Uint8Array.of(wanted),
  )
  return all([
    same(packet.protocol, PROTOCOL_NUMBER.tcp),
    ...bothPorts(info, packet, invert),
    inverted(flags, (invert & 4) !== 0),
    option === 0 ? true : 'unknown',
  ])
}

/** struct xt_udp, linux/netfilter/xt_tcpudp.h. Equivalent to: `-p udp --sport --dport` */
export const udp: XtMatch = (info, { state: { packet } }) =>
  info.has(9)
    ? all([same(packet.protocol, PROTOCOL_NUMBER.udp), ...bothPorts(info, packet, info.u8(8))])
    : 'unknown'

/** struct ipt_icmp, linux/netfilter_ipv4/ip_tables.h; struct ip6t_icmp is the same. Type 255 stands for any type. */
const icmpOf =
  (protocol: number, anyType: boolean): XtMatch =>
  (info, { state: { packet } }) => {
    if (!info.has(4)) return 'unknown'
    const [type, first, last, invert] = [info.u8(0), info.u8(1), info.u8(2), info.u8(3)]
    const fits =
      anyType && type === 0xff
        ? true
        : all([same(packet.icmpType, type), codeFits(packet.icmpCode, first, last)])
    return all([same(packet.protocol, protocol), inverted(fits, (invert & 1) !== 0)])
  }

const codeFits = (code: number | undefined, first: number, last: number): Truth =>
  first === 0 && last === 255 ? true : code === undefined ? 'unknown' : code >= first && code <= last

/** Equivalent to: `-p icmp --icmp-type` */
export const icmp = icmpOf(PROTOCOL_NUMBER.icmp, true)
/** Equivalent to: `-p icmpv6 --icmpv6-type` */
export const icmp6 = icmpOf(PROTOCOL_NUMBER.icmpv6, false)

const mostPorts = 15

/** struct xt_multiport_v1, linux/netfilter/xt_multiport.h. Equivalent to: `-m multiport --sports|--dports|--ports` */
export const multiport: XtMatch = (info, { state: { packet } }, revision) => {
  if (revision !== 1 || !info.has(48)) return 'unknown'
  const [which, count] = [info.u8(0), info.u8(1)]
  const ports = [
    ...(which === 1 ? [] : [{ port: packet.sourcePort, range: packet.sourcePorts }]),
    ...(which === 0 ? [] : [{ port: packet.destinationPort, range: packet.destinationPorts }]),
  ]
  const fits: Truth[] = []
  for (let i = 0; i < Math.min(count, mostPorts); i++) {
    const first = info.u16(2 + 2 * i)
    // A port with its flag set begins a range, and the next one ends it.
    const isRange = info.u8(32 + i) !== 0
    if (isRange) i++
    const last = isRange ? info.u16(2 + 2 * i) : first
    fits.push(...ports.map(({ port, range }) => inPorts(port, first, last, range)))
  }
  return inverted(any(fits), info.u8(47) !== 0)
}
