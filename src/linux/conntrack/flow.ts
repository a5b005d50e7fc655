import { type ConntrackMessage, conntrackMessage } from './message.ts'
import { stateOf } from './state.ts'
import { type FlowTuple, toTuple } from './tuple.ts'

export type FlowCounters = { packets: bigint; bytes: bigint }

/**
 * A flow that connection tracking knows: struct nf_conn. What is undefined the kernel does not tell: counters unless
 * net.netfilter.nf_conntrack_acct is on, the timeout of a flow that is gone. Equivalent to a line of: `conntrack -L`
 */
export type Flow = {
  family: 4 | 6
  /** Of the packets in the direction of the first one, before any translation. */
  original: FlowTuple
  /** Of the answers before they are translated back: not the mirror of `original` where there is NAT. */
  reply: FlowTuple
  /** Bits of `flowStatus`. */
  status: number
  /** Seconds until it is forgotten, if no packet comes. */
  timeout: number | undefined
  /** Of TCP and SCTP: 'ESTABLISHED'. */
  state: string | undefined
  mark: number
  /** Tells it from most others; the kernel may give it to a later flow with the same tuples again. */
  id: number | undefined
  /** Separate tables of flows within one namespace; 0 unless somebody made others. */
  zone: number
  counters: { original: FlowCounters; reply: FlowCounters } | undefined
  /** References held by the kernel. */
  use: number | undefined
}

const AF_INET6 = 10

/** A flow from its message. */
export const toFlow = ({ header, attributes }: ConntrackMessage): Flow => ({
  family: header.family === AF_INET6 ? 6 : 4,
  original: toTuple(attributes.original ?? {}),
  reply: toTuple(attributes.reply ?? {}),
  status: attributes.status ?? 0,
  timeout: attributes.timeout,
  state: attributes.protocolInfo && stateOf(attributes.protocolInfo),
  mark: attributes.mark ?? 0,
  id: attributes.id,
  zone: attributes.zone ?? 0,
  counters: countersOf(attributes),
  use: attributes.use,
})

type Attributes = ConntrackMessage['attributes']

const countersOf = ({ countersOriginal, countersReply }: Attributes): Flow['counters'] =>
  countersOriginal || countersReply
    ? { original: counted(countersOriginal), reply: counted(countersReply) }
    : undefined

const counted = ({ packets = 0n, bytes = 0n }: Attributes['countersOriginal'] = {}): FlowCounters => ({
  packets,
  bytes,
})

/** A flow from the payload of a message. Throws DecodeError. */
export const decodeFlow = (payload: Uint8Array): Flow =>
  toFlow(conntrackMessage.decode(payload, 0, payload.length))
