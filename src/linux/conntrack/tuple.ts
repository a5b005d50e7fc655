import { PROTOCOL_NUMBER } from '../net/protocol.ts'
import type { Infer } from '../netlink/codec.ts'
import { attributes } from '../netlink/composite.ts'
import { be16, ip, u8 } from '../netlink/scalars.ts'

/** enum ctattr_ip, linux/netfilter/nfnetlink_conntrack.h. */
const addresses = attributes({
  source4: [1, ip, 'CTA_IP_V4_SRC'],
  destination4: [2, ip, 'CTA_IP_V4_DST'],
  source6: [3, ip, 'CTA_IP_V6_SRC'],
  destination6: [4, ip, 'CTA_IP_V6_DST'],
})

/** enum ctattr_l4proto. */
const protocol = attributes({
  number: [1, u8, 'CTA_PROTO_NUM'],
  sourcePort: [2, be16, 'CTA_PROTO_SRC_PORT'],
  destinationPort: [3, be16, 'CTA_PROTO_DST_PORT'],
  icmpId: [4, be16, 'CTA_PROTO_ICMP_ID'],
  icmpType: [5, u8, 'CTA_PROTO_ICMP_TYPE'],
  icmpCode: [6, u8, 'CTA_PROTO_ICMP_CODE'],
  icmp6Id: [7, be16, 'CTA_PROTO_ICMPV6_ID'],
  icmp6Type: [8, u8, 'CTA_PROTO_ICMPV6_TYPE'],
  icmp6Code: [9, u8, 'CTA_PROTO_ICMPV6_CODE'],
})

/** enum ctattr_tuple: what tells the packets of one direction of a flow. */
export const tuple = attributes({
  addresses: [1, addresses, 'CTA_TUPLE_IP'],
  protocol: [2, protocol, 'CTA_TUPLE_PROTO'],
  zone: [3, be16, 'CTA_TUPLE_ZONE'],
})

export type TupleAttributes = Infer<typeof tuple>

/**
 * One direction of a flow, as its packets bear it: struct nf_conntrack_tuple. ICMP has a query instead of ports, other
 * protocols have neither; for GRE the ports are its keys.
 */
export type FlowTuple = {
  source: string
  destination: string
  /** Number of the protocol: 17 is UDP. */
  protocol: number
  sourcePort?: number
  destinationPort?: number
  /** ICMP and ICMPv6: `id` plays the part that the ports play elsewhere (RFC 5508 section 3.1). */
  icmp?: { type: number; code: number; id: number }
  /** The zone of this direction, where the two directions are in different ones. */
  zone?: number
}

/** A tuple from its attributes. */
export const toTuple = ({ addresses: ip = {}, protocol: l4 = {}, zone }: TupleAttributes): FlowTuple => {
  const id = l4.icmpId ?? l4.icmp6Id
  return {
    source: ip.source4 ?? ip.source6 ?? '',
    destination: ip.destination4 ?? ip.destination6 ?? '',
    protocol: l4.number ?? 0,
    ...(l4.sourcePort === undefined ? {} : { sourcePort: l4.sourcePort }),
    ...(l4.destinationPort === undefined ? {} : { destinationPort: l4.destinationPort }),
    ...(id === undefined
      ? {}
      : { icmp: { type: l4.icmpType ?? l4.icmp6Type ?? 0, code: l4.icmpCode ?? l4.icmp6Code ?? 0, id } }),
    ...(zone === undefined ? {} : { zone }),
  }
}

/** The attributes of a tuple, in the kernel's order; the inverse of `toTuple`. */
export const tupleAttributes = (value: FlowTuple): TupleAttributes => ({
  addresses: addressAttributes(value),
  protocol: {
    number: value.protocol,
    ...(value.sourcePort === undefined ? {} : { sourcePort: value.sourcePort }),
    ...(value.destinationPort === undefined ? {} : { destinationPort: value.destinationPort }),
    ...icmpAttributes(value),
  },
  ...(value.zone === undefined ? {} : { zone: value.zone }),
})

/** Source and destination, or one of them, in the attributes of their family. */
export const addressAttributes = ({
  source,
  destination,
}: {
  source?: string | undefined
  destination?: string | undefined
}): NonNullable<TupleAttributes['addresses']> => {
  const isIpv6 = (source ?? destination ?? '').includes(':')
  return {
    ...(source === undefined ? {} : isIpv6 ? { source6: source } : { source4: source }),
    ...(destination === undefined
      ? {}
      : isIpv6
        ? { destination6: destination }
        : { destination4: destination }),
  }
}

const icmpAttributes = ({ protocol: number, icmp }: FlowTuple): NonNullable<TupleAttributes['protocol']> => {
  if (icmp === undefined) return {}
  const { id, type, code } = icmp
  return number === PROTOCOL_NUMBER.icmpv6
    ? { icmp6Id: id, icmp6Type: type, icmp6Code: code }
    : { icmpId: id, icmpType: type, icmpCode: code }
}

/** Queries and the types of their answers (RFC 792, RFC 950, RFC 4443, RFC 4620), by protocol. */
const answers: Record<number, readonly (readonly [number, number])[]> = {
  [PROTOCOL_NUMBER.icmp]: [
    [8, 0],
    [13, 14],
    [15, 16],
    [17, 18],
  ],
  [PROTOCOL_NUMBER.icmpv6]: [
    [128, 129],
    [139, 140],
  ],
}

/** The tuple of the answers to a tuple's packets where nothing translates them. */
export const mirrorOf = (value: FlowTuple): FlowTuple => {
  const { source, destination, protocol: number, sourcePort, destinationPort, icmp } = value
  const pair = answers[number]?.find(types => icmp !== undefined && types.includes(icmp.type))
  return {
    source: destination,
    destination: source,
    protocol: number,
    ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
    ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
    ...(icmp && pair
      ? { icmp: { ...icmp, type: pair[0] === icmp.type ? pair[1] : pair[0] } }
      : icmp && { icmp }),
  }
}
