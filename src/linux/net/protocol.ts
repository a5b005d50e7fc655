/** IP protocol numbers (IANA; linux/in.h IPPROTO_*) of the protocols that NAT can translate. */
export const PROTOCOL_NUMBER = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const

export type ProtocolName = keyof typeof PROTOCOL_NUMBER

const NAMES = new Map<number, ProtocolName>(
  (Object.keys(PROTOCOL_NUMBER) as ProtocolName[]).map(name => [PROTOCOL_NUMBER[name], name]),
)

/** The number of a protocol: `tcp` is 6. */
export function protocolNumber(name: ProtocolName): number {
  return PROTOCOL_NUMBER[name]
}

/** The name of a number, or undefined for a protocol that is not in the table. */
export function protocolName(number: number): ProtocolName | undefined {
  return NAMES.get(number)
}
