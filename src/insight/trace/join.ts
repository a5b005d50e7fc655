import { type FlowTuple, mirrorOf } from '../../linux/conntrack/index.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { sightOf, tupleOfHeader } from '../walk/flow-sight.ts'
import { isAbout, type PacketHeader } from '../walk/packet-header.ts'
import type { TimedPacket, TraceObservation } from './observation.ts'

/**
 * Theory of operation. What is traced is a superset of the flow's packets: others may go to the same server. The request is
 * the first packet with the flow's tuple; in the space, of a flow that comes to it, the first that looks as the request did
 * when it left the host. The answer in the host is the first whose tuple is that of the replies of the connection, and in
 * the space the first that is the mirror of the request there. An error of ICMP belongs to it when connection tracking says
 * that it is related, or, where the kernel tells no connections, when it is addressed to the sender.
 */

/** The packets of one flow: its request and the answer, in the space and in the host. */
export type JoinedPackets = {
  request: { inside: TimedPacket | undefined; host: TimedPacket | undefined }
  reply: { inside: TimedPacket | undefined; host: TimedPacket | undefined }
}

/** What of an observation packets are told by. */
export type Watched = Pick<TraceObservation, 'direction' | 'tuple' | 'entry' | 'inside' | 'host' | 'space'>

/** Finds the packets of the flow among all that were traced. Pure. */
export const joinPackets = (seen: Watched): JoinedPackets =>
  seen.direction === 'out' ? joinOutbound(seen) : joinInbound(seen)

const joinOutbound = (seen: Watched): JoinedPackets => {
  const { inside, host, space } = seen
  const sent = sentPacket(seen)
  const left = leftTuple(seen)
  const request = host.find(
    packet => hasTuple(arrivedOf(packet), left) && isFrom(packet, space.hostInterface),
  )
  const isAnswer = answerTest(seen, left, sent)
  return {
    request: { inside: sent, host: request },
    reply: {
      inside: inside.find(packet => firstHook(packet) === 'prerouting' && isAnswer(packet)),
      host: host.find(answerTest(seen, left, request)),
    },
  }
}

type Sent = Pick<TraceObservation, 'tuple' | 'inside'>

const sentPacket = ({ tuple, inside }: Sent): TimedPacket | undefined =>
  inside.find(packet => firstHook(packet) === 'output' && hasTuple(arrivedOf(packet), tuple))

/** How the request of a flow from the space leaves it: rules in the space may translate it, too. Pure. */
export const leftTuple = (seen: Sent): FlowTuple => {
  const header = sentPacket(seen)?.hooks.findLast(({ left }) => left !== undefined)?.left
  return (header && tupleOfHeader(header)) ?? seen.tuple
}

const joinInbound = (seen: Watched): JoinedPackets => {
  const { tuple, inside, host } = seen
  const request = host.find(packet => hasTuple(arrivedOf(packet), tuple))
  const arrived = arrivedTuple(seen, request)
  const came = inside.find(
    packet => firstHook(packet) === 'prerouting' && hasTuple(arrivedOf(packet), arrived),
  )
  const isAnswer = answerTest(seen, arrived, came)
  return {
    request: { inside: came, host: request },
    reply: {
      inside: inside.find(packet => firstHook(packet) === 'output' && isAnswer(packet)),
      host: host.find(answerTest(seen, arrived, request)),
    },
  }
}

/** How the request of a flow looks behind all translation, or as far as it came. Pure. */
export const arrivedTuple = (
  { tuple, entry }: Pick<TraceObservation, 'tuple' | 'entry'>,
  request: TimedPacket | undefined,
): FlowTuple => {
  if (entry !== undefined) return mirrorOf(entry.flow.reply)
  const last = request?.hooks.at(-1)
  const header = last?.left ?? last?.arrived
  return (header && tupleOfHeader(header)) ?? tuple
}

/**
 * Whether a packet is an answer to a request that is sent with this tuple: its mirror, of the connection, or an error. An
 * error about something else is told by its connection, where the kernel says which that is, and by what it quotes.
 */
const answerTest = (
  { tuple, entry }: Watched,
  request: FlowTuple,
  packet: TimedPacket | undefined,
): ((packet: TimedPacket) => boolean) => {
  const senders = [tuple.source, request.source, entry?.flow.reply.destination]
  const connection = packet && connectionOf(packet)?.id
  const sent = packet && arrivedOf(packet)
  const isReply = (header: PacketHeader): boolean => {
    const found = tupleOfHeader(header)
    if (found === undefined) return false
    if (isSameTuple(found, mirrorOf(tuple)) || isSameTuple(found, mirrorOf(request))) return true
    return entry !== undefined && sightOf(entry.flow, found)?.direction === 'reply'
  }
  return packet => {
    const header = arrivedOf(packet)
    if (header === undefined) return false
    if (isReply(header)) return true
    const about = connectionOf(packet)
    return (
      isIcmpError(header) &&
      senders.includes(header.destination) &&
      (sent === undefined || isAbout(header, sent) !== false) &&
      (about?.state === undefined || about.state === 'related') &&
      (about?.id === undefined || connection === undefined || about.id === connection)
    )
  }
}

/** What connection tracking said of a packet first. */
const connectionOf = ({ hooks }: TimedPacket) =>
  hooks.find(({ connection }) => connection !== undefined)?.connection

/** Headers of a packet as it was first seen. */
export const arrivedOf = ({ hooks }: TimedPacket): PacketHeader | undefined => hooks[0]?.arrived

const firstHook = ({ hooks }: TimedPacket): string | undefined => hooks[0]?.hook

const isFrom = ({ hooks }: TimedPacket, link: string): boolean => hooks[0]?.input?.name === link

/** Whether headers are those of a tuple. Pure. */
export const hasTuple = (header: PacketHeader | undefined, tuple: FlowTuple): boolean => {
  const found = header && tupleOfHeader(header)
  return found !== undefined && isSameTuple(found, tuple)
}

const isSameTuple = (one: FlowTuple, other: FlowTuple): boolean =>
  one.source === other.source &&
  one.destination === other.destination &&
  one.protocol === other.protocol &&
  one.sourcePort === other.sourcePort &&
  one.destinationPort === other.destinationPort &&
  one.icmp?.id === other.icmp?.id &&
  one.icmp?.type === other.icmp?.type

/** Unreachable, time exceeded, a wrong parameter (RFC 792); of ICMPv6 all types below 128 (RFC 4443). */
export const isIcmpError = ({ protocol, icmpType }: PacketHeader): boolean =>
  protocol === PROTOCOL_NUMBER.icmp
    ? icmpType === 3 || icmpType === 11 || icmpType === 12
    : protocol === PROTOCOL_NUMBER.icmpv6 && icmpType !== undefined && icmpType < 128
