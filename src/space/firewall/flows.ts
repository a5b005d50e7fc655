import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { Packet } from '../../linux/nftables/evaluate/index.ts'

/**
 * The packets of a space that the host has to forward, as examples: a connection that begins inside, its answer, one
 * that begins outside and is led in by a published port, and the answer to that. Whom the space talks to is not known,
 * and rules that ask for it may match or not.
 */

export type FlowKind = 'outbound' | 'reply' | 'accepted' | 'accepted-reply' | 'published' | 'published-reply'

export type Flow = { kind: FlowKind; packet: Packet }

/** What has to be known of a space. */
export type FlowSource = {
  /** The host end of its cable. */
  hostInterface: string
  /** The link by which it reaches the outside; without one any may be. */
  uplink?: string
  /** Its inner addresses. */
  addresses: { 4?: string; 6?: string }
  /** Ports of the host that lead to it. */
  published?: readonly { protocol: 'tcp' | 'udp' | 'sctp'; hostPort: number; port: number }[]
  /** Whether connections begin outside that are for its own address. */
  accepts?: boolean
  /** Indexes of the two links, for rules that ask for them (`iif`). */
  indexes?: { hostInterface?: number; uplink?: number }
}

const tcpFlags = { syn: 0x02, synAck: 0x12 } as const
const somePort = 443

/** What is forwarded is addressed to somebody else, so its destination is not this host's, and neither is its source. */
const fib: NonNullable<Packet['fib']> = ({ flags, result }) =>
  result === 'type' && flags.length === 1 && (flags[0] === 'daddr' || flags[0] === 'saddr')
    ? 'unicast'
    : undefined

/** The flows of a space, of every family in which it has an address. */
export const flowsOf = (source: FlowSource): Flow[] =>
  ([4, 6] as const).flatMap(family => {
    const address = source.addresses[family]
    return address === undefined ? [] : flowsOfFamily(source, family, address)
  })

const flowsOfFamily = (source: FlowSource, family: 4 | 6, address: string): Flow[] => {
  const out: Packet = { family, source: address, ...links(source, 'out'), fib }
  const back: Packet = { family, destination: address, ...links(source, 'in'), fib }
  const client = { protocol: PROTOCOL_NUMBER.tcp, ctStatus: { dnat: false } }
  return [
    {
      kind: 'outbound',
      packet: {
        ...out,
        ...client,
        destinationPort: somePort,
        tcpFlags: tcpFlags.syn,
        ctState: 'new',
        ctDirection: 'original',
      },
    },
    {
      kind: 'reply',
      packet: {
        ...back,
        ...client,
        ctStatus: { dnat: false, snat: true },
        sourcePort: somePort,
        tcpFlags: tcpFlags.synAck,
        ctState: 'established',
        ctDirection: 'reply',
        ctOriginal: { source: address },
      },
    },
    ...(source.accepts ? acceptedFlows(out, back) : []),
    ...(source.published ?? []).flatMap(({ protocol, hostPort, port }): Flow[] => {
      const server = {
        protocol: PROTOCOL_NUMBER[protocol],
        ctStatus: { dnat: true },
        ctOriginal: { destinationPort: hostPort },
      }
      const flags = (value: number) => (protocol === 'tcp' ? { tcpFlags: value } : {})
      return [
        {
          kind: 'published',
          packet: {
            ...back,
            ...server,
            ...flags(tcpFlags.syn),
            destinationPort: port,
            ctState: 'new',
            ctDirection: 'original',
          },
        },
        {
          kind: 'published-reply',
          packet: {
            ...out,
            ...server,
            ...flags(tcpFlags.synAck),
            sourcePort: port,
            ctState: 'established',
            ctDirection: 'reply',
          },
        },
      ]
    }),
  ]
}

/** As outbound and its answer, the other way round. */
const acceptedFlows = (out: Packet, back: Packet): Flow[] => {
  const server = { protocol: PROTOCOL_NUMBER.tcp, ctStatus: { dnat: false, snat: false } }
  return [
    {
      kind: 'accepted',
      packet: {
        ...back,
        ...server,
        destinationPort: somePort,
        tcpFlags: tcpFlags.syn,
        ctState: 'new',
        ctDirection: 'original',
      },
    },
    {
      kind: 'accepted-reply',
      packet: {
        ...out,
        ...server,
        sourcePort: somePort,
        tcpFlags: tcpFlags.synAck,
        ctState: 'established',
        ctDirection: 'reply',
      },
    },
  ]
}

const links = ({ hostInterface, uplink, indexes }: FlowSource, direction: 'in' | 'out'): Partial<Packet> => {
  const inside = { name: hostInterface, index: indexes?.hostInterface, kind: 'veth' }
  const outside = { name: uplink, index: indexes?.uplink, kind: undefined }
  const [from, to] = direction === 'out' ? [inside, outside] : [outside, inside]
  return {
    ...(from.name === undefined ? {} : { iifname: from.name }),
    ...(from.index === undefined ? {} : { iif: from.index }),
    ...(from.kind === undefined ? {} : { iifkind: from.kind }),
    ...(to.name === undefined ? {} : { oifname: to.name }),
    ...(to.index === undefined ? {} : { oif: to.index }),
    ...(to.kind === undefined ? {} : { oifkind: to.kind }),
  }
}
