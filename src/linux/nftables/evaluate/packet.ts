import type { FibFlag, FibResult } from '../expressions/fib.ts'

/** What connection tracking says about a packet, by nft's words. */
export type ConnectionState = 'new' | 'established' | 'related' | 'invalid' | 'untracked'

/** Addresses and ports of one direction of a connection. */
export type Tuple = {
  source?: string
  destination?: string
  sourcePort?: number
  destinationPort?: number
}

/** A question to the routing table: which of the packet's facts it is about, and what is asked for. */
export type FibQuestion = { flags: readonly FibFlag[]; result: FibResult; packet: Packet }

/** An index, a name of an interface (0 and '' for no route), or a type of address by nft's words (`local`, `unicast`). */
export type FibAnswer = number | string | undefined

/**
 * A packet as it is described, at one hook. Whatever is left out is unknown, and a rule that asks for it may match or
 * not. Two things are taken for granted, as connection tracking sees to them or they are rare: the packet is whole (no
 * fragment), and an IPv6 packet has no extension headers.
 */
export type Packet = {
  family: 4 | 6
  /** Names of the interfaces by which it came and by which it will leave; '' for none, which each hook knows by itself. */
  iifname?: string
  oifname?: string
  /** Their indexes. */
  iif?: number
  oif?: number
  /** The group of the first (`ip link set dev NAME group N`). */
  iifgroup?: number
  /** Their kinds as `ip -d link` gives them: `veth`, `bridge`. */
  iifkind?: string
  oifkind?: string
  /** Addresses in canonical form. */
  source?: string
  destination?: string
  /** Number of the transport protocol. */
  protocol?: number
  sourcePort?: number
  destinationPort?: number
  /** Where a port is not known: of which it is one. */
  sourcePorts?: { first: number; last: number }
  destinationPorts?: { first: number; last: number }
  icmpType?: number
  icmpCode?: number
  /** The TCP header's flags as one number: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32. */
  tcpFlags?: number
  /** Bytes, the network header included. */
  length?: number
  /** TTL or hop limit. */
  ttl?: number
  dscp?: number
  /** To whom the link addressed it: PACKET_HOST is 0. Known by itself where it is forwarded. */
  pkttype?: number
  ctState?: ConnectionState
  ctDirection?: 'original' | 'reply'
  /** Whether destination or source of the connection are translated. */
  ctStatus?: { dnat?: boolean; snat?: boolean }
  ctMark?: number
  /** The connection's first packet as it was before any translation, and what an answer to it looks like. */
  ctOriginal?: Tuple
  ctReply?: Tuple
  mark?: number
  fib?: (question: FibQuestion) => FibAnswer
}
