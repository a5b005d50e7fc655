import type { PayloadBase } from '../expressions/payload.ts'

/**
 * Headers of packets by nft's words: `[offset, length]` of a field in bits, and the datatype of its value. `dependency`
 * says what has to be known of a packet before these bytes mean anything; nft writes it as a match of its own in front.
 * The order of the fields is nft's, which numbers them so in the user data of sets.
 */

export type HeaderField = readonly [offset: number, length: number, type: string]

export type Header = {
  readonly base: PayloadBase
  /** Layer-2 type, layer-3 family or layer-4 number that makes this header the right one; several for one means any. */
  readonly etherType?: number
  readonly protocol?: number
  /** A transport header that only one address family has. */
  readonly family?: 'ip' | 'ip6'
  readonly fields: Readonly<Record<string, HeaderField>>
}

const ports = {
  sport: [0, 16, 'inet_service'],
  dport: [16, 16, 'inet_service'],
} as const

/** The headers by nft's names. */
export const headers = {
  /** IEEE 802.3 */
  ether: {
    base: 'link',
    fields: {
      daddr: [0, 48, 'ether_addr'],
      saddr: [48, 48, 'ether_addr'],
      type: [96, 16, 'ether_type'],
    },
  },
  /** IEEE 802.1Q; the tag stands behind the addresses of the Ethernet header. */
  vlan: {
    base: 'link',
    etherType: 0x8100,
    fields: {
      pcp: [112, 3, 'integer'],
      dei: [115, 1, 'integer'],
      id: [116, 12, 'integer'],
      type: [128, 16, 'ether_type'],
    },
  },
  /** RFC 826, for Ethernet and IPv4 */
  arp: {
    base: 'network',
    etherType: 0x0806,
    fields: {
      htype: [0, 16, 'integer'],
      ptype: [16, 16, 'ether_type'],
      hlen: [32, 8, 'integer'],
      plen: [40, 8, 'integer'],
      operation: [48, 16, 'arp_op'],
      'saddr ether': [64, 48, 'ether_addr'],
      'saddr ip': [112, 32, 'ipv4_addr'],
      'daddr ether': [144, 48, 'ether_addr'],
      'daddr ip': [192, 32, 'ipv4_addr'],
    },
  },
  /** RFC 791 */
  ip: {
    base: 'network',
    etherType: 0x0800,
    fields: {
      version: [0, 4, 'integer'],
      hdrlength: [4, 4, 'integer'],
      dscp: [8, 6, 'dscp'],
      ecn: [14, 2, 'ecn'],
      length: [16, 16, 'integer'],
      id: [32, 16, 'integer'],
      'frag-off': [48, 16, 'integer'],
      ttl: [64, 8, 'integer'],
      protocol: [72, 8, 'inet_proto'],
      checksum: [80, 16, 'integer'],
      saddr: [96, 32, 'ipv4_addr'],
      daddr: [128, 32, 'ipv4_addr'],
    },
  },
  /** RFC 8200 */
  ip6: {
    base: 'network',
    etherType: 0x86dd,
    fields: {
      version: [0, 4, 'integer'],
      dscp: [4, 6, 'dscp'],
      ecn: [10, 2, 'ecn'],
      flowlabel: [12, 20, 'integer'],
      length: [32, 16, 'integer'],
      nexthdr: [48, 8, 'inet_proto'],
      hoplimit: [56, 8, 'integer'],
      saddr: [64, 128, 'ipv6_addr'],
      daddr: [192, 128, 'ipv6_addr'],
    },
  },
  /** RFC 792 */
  icmp: {
    base: 'transport',
    protocol: 1,
    family: 'ip',
    fields: {
      type: [0, 8, 'icmp_type'],
      code: [8, 8, 'icmp_code'],
      checksum: [16, 16, 'integer'],
      id: [32, 16, 'integer'],
      sequence: [48, 16, 'integer'],
      gateway: [32, 32, 'ipv4_addr'],
      mtu: [48, 16, 'integer'],
    },
  },
  /** RFC 4443 */
  icmpv6: {
    base: 'transport',
    protocol: 58,
    family: 'ip6',
    fields: {
      type: [0, 8, 'icmpv6_type'],
      code: [8, 8, 'icmpv6_code'],
      checksum: [16, 16, 'integer'],
      'parameter-problem': [32, 32, 'integer'],
      mtu: [32, 32, 'integer'],
      id: [32, 16, 'integer'],
      sequence: [48, 16, 'integer'],
      'max-delay': [32, 16, 'integer'],
    },
  },
  /** RFC 3376 */
  igmp: {
    base: 'transport',
    protocol: 2,
    family: 'ip',
    fields: {
      type: [0, 8, 'igmp_type'],
      checksum: [16, 16, 'integer'],
      mrt: [8, 8, 'integer'],
      group: [32, 32, 'ipv4_addr'],
    },
  },
  /** RFC 9293 */
  tcp: {
    base: 'transport',
    protocol: 6,
    fields: {
      ...ports,
      sequence: [32, 32, 'integer'],
      ackseq: [64, 32, 'integer'],
      doff: [96, 4, 'integer'],
      reserved: [100, 4, 'integer'],
      flags: [104, 8, 'tcp_flag'],
      window: [112, 16, 'integer'],
      checksum: [128, 16, 'integer'],
      urgptr: [144, 16, 'integer'],
    },
  },
  /** RFC 768 */
  udp: {
    base: 'transport',
    protocol: 17,
    fields: { ...ports, length: [32, 16, 'integer'], checksum: [48, 16, 'integer'] },
  },
  /** RFC 3828 */
  udplite: {
    base: 'transport',
    protocol: 136,
    fields: { ...ports, csumcov: [32, 16, 'integer'], checksum: [48, 16, 'integer'] },
  },
  /** RFC 9260 */
  sctp: {
    base: 'transport',
    protocol: 132,
    fields: { ...ports, vtag: [32, 32, 'integer'], checksum: [64, 32, 'integer'] },
  },
  /** RFC 4340 */
  dccp: {
    base: 'transport',
    protocol: 33,
    fields: { ...ports, type: [67, 4, 'dccp_pkttype'] },
  },
  /** RFC 4302 */
  ah: {
    base: 'transport',
    protocol: 51,
    fields: {
      nexthdr: [0, 8, 'inet_proto'],
      hdrlength: [8, 8, 'integer'],
      reserved: [16, 16, 'integer'],
      spi: [32, 32, 'integer'],
      sequence: [64, 32, 'integer'],
    },
  },
  /** RFC 4303 */
  esp: {
    base: 'transport',
    protocol: 50,
    fields: { spi: [0, 32, 'integer'], sequence: [32, 32, 'integer'] },
  },
  /** RFC 3173 */
  comp: {
    base: 'transport',
    protocol: 108,
    fields: { nexthdr: [0, 8, 'inet_proto'], flags: [8, 8, 'bitmask'], cpi: [16, 16, 'integer'] },
  },
  /** What all transport protocols with ports have in common. */
  th: { base: 'transport', fields: ports },
} as const satisfies Record<string, Header>

export type HeaderName = keyof typeof headers
export type FieldName<H extends HeaderName> = keyof (typeof headers)[H]['fields'] & string

/** A header by name, with the exact types widened away. */
export const headerOf = (name: HeaderName): Header => headers[name]

/** A field of a header. Throws RangeError for a name the header does not have. */
export const fieldOf = (name: HeaderName, field: string): HeaderField => {
  const found = headerOf(name).fields[field]
  if (found === undefined) throw new RangeError(`There is no field ${JSON.stringify(field)} in ${name}`)
  return found
}
