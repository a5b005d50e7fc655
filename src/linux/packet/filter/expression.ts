/** The tree of a filter as it was written: pcap-filter(7). */

/** Which end of a packet a primitive asks for; `either` where nothing is written. */
export type Direction = 'source' | 'destination' | 'either' | 'both'

/** Protocols that a primitive can be narrowed to. */
export type NetworkProtocol = 'ip' | 'ip6' | 'arp' | 'rarp'
export type TransportProtocol = 'tcp' | 'udp' | 'icmp' | 'icmp6' | 'sctp'

/** Where the bytes of `tcp[13]` are counted from. */
export type AccessProtocol = 'ether' | 'ip' | 'ip6' | 'arp' | 'rarp' | TransportProtocol

export type Operator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>'
export type Relation = '=' | '!=' | '<' | '<=' | '>' | '>='

/** A number of 32 bits without sign. */
export type Arithmetic =
  | { type: 'number'; value: number }
  | { type: 'length' }
  | { type: 'bytes'; protocol: AccessProtocol; at: Arithmetic; size: 1 | 2 | 4 }
  | { type: 'operation'; operator: Operator; left: Arithmetic; right: Arithmetic }

export type Expression =
  | { type: 'and' | 'or'; left: Expression; right: Expression }
  | { type: 'not'; of: Expression }
  /** `ip`, `tcp`, … */
  | { type: 'protocol'; name: NetworkProtocol | TransportProtocol }
  /** `ip proto 47`, `proto 47`: without `family` either. */
  | { type: 'protocol-number'; family?: 'ip' | 'ip6'; number: number }
  /** `ether proto 0x88cc` */
  | { type: 'ether-type'; number: number }
  /** `ether host aa:bb:cc:dd:ee:ff` */
  | { type: 'mac'; direction: Direction; bytes: Uint8Array }
  /** `host A` is the network of one address. */
  | { type: 'network'; direction: Direction; protocol?: NetworkProtocol; address: Uint8Array; bits: number }
  | {
      type: 'ports'
      direction: Direction
      protocol?: 'tcp' | 'udp' | 'sctp'
      first: number
      last: number
    }
  | { type: 'compare'; relation: Relation; left: Arithmetic; right: Arithmetic }
  /** An empty filter. */
  | { type: 'everything' }
