import { type FlowTuple, mirrorOf } from '../../linux/conntrack/index.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { sightOf, tupleOfHeader } from '../walk/flow-sight.ts'
import type { PacketHeader } from '../walk/packet-header.ts'
import type { TimedPacket, TraceObservation } from './observation.ts'

/**
 * Theory of operation. What is traced is a superset of the probe's packets: others may go to the same server. The probe's
 * request is the first packet with its tuple; the answer in the host is the first whose tuple is that of the replies of the
 * connection, and in the space the first that is the request's mirror. An error of ICMP belongs to it when connection
 * tracking says that it is related, or, where the kernel tells no connections, when it is addressed to the sender.
 */

/** The packets of one probe: its request and the answer, in the space and in the host. */
export type JoinedPackets = {
  request: { inside: TimedPacket | undefined; host: TimedPacket | undefined }
  reply: { inside: TimedPacket | undefined; host: TimedPacket | undefined }
}

/** Finds the packets of the probe among all that were traced. Pure. */
export const joinPackets = (seen: TraceObservation): JoinedPackets => {
  const { tuple, inside, host, entry } = seen
  const sent = inside.find(packet => packet.hooks[0]?.hook === 'output' && isSame(arrivedOf(packet), tuple))
  const request = host.find(packet => isSame(arrivedOf(packet), tuple) && cameInBy(packet, seen))
  const isReply = (header: PacketHeader | undefined): boolean => {
    const found = header && tupleOfHeader(header)
    if (found === undefined) return false
    if (isSameTuple(found, mirrorOf(tuple))) return true
    return entry !== undefined && sightOf(entry.flow, found)?.direction === 'reply'
  }
  const senders = [tuple.source, entry?.flow.reply.destination]
  const isError = (packet: TimedPacket): boolean => {
    const header = arrivedOf(packet)
    const state = packet.hooks.find(({ connection }) => connection !== undefined)?.connection?.state
    return (
      header !== undefined &&
      isIcmpError(header) &&
      senders.includes(header.destination) &&
      (state === undefined || state === 'related')
    )
  }
  const isAnswer = (packet: TimedPacket) => isReply(arrivedOf(packet)) || isError(packet)
  return {
    request: { inside: sent, host: request },
    reply: {
      inside: inside.find(packet => packet.hooks[0]?.hook === 'prerouting' && isAnswer(packet)),
      host: host.find(isAnswer),
    },
  }
}

const arrivedOf = ({ hooks }: TimedPacket): PacketHeader | undefined => hooks[0]?.arrived

const cameInBy = ({ hooks }: TimedPacket, { space }: TraceObservation): boolean =>
  hooks[0]?.input?.name === space.hostInterface

const isSame = (header: PacketHeader | undefined, tuple: FlowTuple): boolean => {
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
