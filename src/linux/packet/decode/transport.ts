import { PROTOCOL_NUMBER } from '../../net/protocol.ts'
import type { PseudoHeader } from './checksum.ts'
import { decodeIcmp } from './icmp.ts'
import { decodeIcmpv6 } from './icmpv6.ts'
import { decodeIpv4 } from './ipv4.ts'
import { decodeIpv6 } from './ipv6.ts'
import { type Layer, place } from './layer.ts'
import { decodeSctp } from './sctp.ts'
import { missing, type Slice } from './slice.ts'
import { decodeTcp } from './tcp.ts'
import { decodeUdp } from './udp.ts'

/** What the IP header told the protocols above it. */
export type Carrier = {
  /** For the checksum; undefined for a fragment, where it cannot be checked. */
  pseudo: PseudoHeader | undefined
  /** The packet stands in an ICMP error, which quotes only its beginning. */
  quoted: boolean
  family: 4 | 6
}

/** Protocols that are only named (IANA protocol numbers). */
const names: Record<number, string> = {
  0: 'HOPOPT',
  2: 'IGMP',
  4: 'IPIP',
  41: 'IPv6',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  59: 'no next header',
  89: 'OSPF',
  103: 'PIM',
  112: 'VRRP',
  136: 'UDP-Lite',
}

/** Reads what an IP packet carries, by its protocol number. */
export const decodeTransport = (protocol: number, slice: Slice, layers: Layer[], carrier: Carrier): void => {
  if (protocol === PROTOCOL_NUMBER.tcp) decodeTcp(slice, layers, carrier)
  else if (protocol === PROTOCOL_NUMBER.udp) decodeUdp(slice, layers, carrier)
  else if (protocol === PROTOCOL_NUMBER.sctp) decodeSctp(slice, layers, carrier)
  else if (protocol === PROTOCOL_NUMBER.icmp && carrier.family === 4) decodeIcmp(slice, layers, carrier)
  else if (protocol === PROTOCOL_NUMBER.icmpv6 && carrier.family === 6) decodeIcmpv6(slice, layers, carrier)
  else layers.push(other(protocol, slice))
}

const other = (number: number, slice: Slice): Layer => {
  const name = names[number]
  return {
    type: 'other',
    ...place(slice, slice.whole),
    over: 'ip',
    number,
    ...(name === undefined ? {} : { name }),
    missing: missing(slice),
  }
}

/** The packet that an ICMP error quotes: a fragment's bytes end where the quotation does, so nothing counts as wrong. */
export const decodeQuoted = (family: 4 | 6, slice: Slice): Layer[] => {
  const layers: Layer[] = []
  if (family === 4) decodeIpv4(slice, layers, true)
  else decodeIpv6(slice, layers, true)
  return layers
}
