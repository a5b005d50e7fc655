import type { AccessProtocol } from './expression.ts'

/** Names for numbers in arithmetic, as pcap-filter(7) has them: offsets of fields, kinds of ICMP, bits of TCP. */
export const namedNumbers: Record<string, number> = {
  icmptype: 0,
  icmpcode: 1,
  icmp6type: 0,
  icmp6code: 1,
  tcpflags: 13,
  'tcp-fin': 0x01,
  'tcp-syn': 0x02,
  'tcp-rst': 0x04,
  'tcp-push': 0x08,
  'tcp-ack': 0x10,
  'tcp-urg': 0x20,
  'tcp-ece': 0x40,
  'tcp-cwr': 0x80,
  'icmp-echoreply': 0,
  'icmp-unreach': 3,
  'icmp-sourcequench': 4,
  'icmp-redirect': 5,
  'icmp-echo': 8,
  'icmp-routeradvert': 9,
  'icmp-routersolicit': 10,
  'icmp-timxceed': 11,
  'icmp-paramprob': 12,
  'icmp-tstamp': 13,
  'icmp-tstampreply': 14,
  'icmp-ireq': 15,
  'icmp-ireqreply': 16,
  'icmp-maskreq': 17,
  'icmp-maskreply': 18,
  'icmp6-destinationunreach': 1,
  'icmp6-packettoobig': 2,
  'icmp6-timeexceeded': 3,
  'icmp6-parameterproblem': 4,
  'icmp6-echo': 128,
  'icmp6-echoreply': 129,
  'icmp6-routersolicit': 133,
  'icmp6-routeradvert': 134,
  'icmp6-neighborsolicit': 135,
  'icmp6-neighboradvert': 136,
  'icmp6-redirect': 137,
}

/** Services by name: the few that people write in filters, so that no file of the machine decides what a filter means. */
export const servicePorts: Record<string, number> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  tftp: 69,
  http: 80,
  ntp: 123,
  snmp: 161,
  bgp: 179,
  https: 443,
  syslog: 514,
  mdns: 5353,
}

/** IP protocols by the names that may follow `proto`. */
export const protocolNumbers: Record<string, number> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  sctp: 132,
}

/** EtherTypes by the names that may follow `ether proto`. */
export const etherTypeNumbers: Record<string, number> = { ip: 0x0800, arp: 0x0806, rarp: 0x8035, ip6: 0x86dd }

/** What may stand before a bracket. */
export const accessProtocols: readonly AccessProtocol[] = [
  'ether',
  'ip',
  'ip6',
  'arp',
  'rarp',
  'tcp',
  'udp',
  'icmp',
  'icmp6',
  'sctp',
]

/** What pcap-filter(7) knows and this does not, with a reason or a way round. */
export const unsupported: Record<string, string> = {
  vlan: 'packets in a tag are not looked into; for tagged packets write: ether proto 0x8100',
  mpls: 'not looked into',
  pppoes: 'not looked into',
  geneve: 'not looked into',
  gateway: 'write the MAC address: ether host aa:bb:cc:dd:ee:ff',
  inbound: 'each captured packet tells its direction',
  outbound: 'each captured packet tells its direction',
  protochain: 'classic filters cannot loop; write: ip6 proto N',
  broadcast: 'write: ether host ff:ff:ff:ff:ff:ff',
  multicast: 'write: ether[0] & 1 != 0',
}

/** The entry of a table by a word of the filter, which may be the name of something that all objects have. */
export const entryOf = <T>(table: Record<string, T>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined
