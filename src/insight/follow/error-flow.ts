import { arrivedOf, isIcmpError } from '../trace/join.ts'
import type { TimedPacket } from '../trace/observation.ts'
import type { PacketHeader } from '../walk/packet-header.ts'
import type { OpenFlow } from './open-flow.ts'

/**
 * The flow that an error of ICMP is about, where the kernel does not tell its connection: in the space the one whose error
 * the host has passed on, else the latest whose sender is told and that has no error yet. Pure.
 */
export const errorFlow = (
  open: readonly OpenFlow[],
  place: 'inside' | 'host',
  header: PacketHeader,
): OpenFlow | undefined => {
  const other = place === 'inside' ? 'host' : 'inside'
  const passedOn = open.find(flow => flow[other].some(packet => isSameError(arrivedOf(packet), header)))
  if (passedOn !== undefined) return passedOn
  return open.findLast(
    flow =>
      [flow.tuple.source, flow.original.source, flow.entry?.flow.reply.destination].includes(
        header.destination,
      ) && !flow[place].some(isError),
  )
}

const isError = (packet: TimedPacket): boolean => {
  const header = arrivedOf(packet)
  return header !== undefined && isIcmpError(header)
}

/** Forwarding leaves all of this as it is. */
const isSameError = (one: PacketHeader | undefined, other: PacketHeader): boolean =>
  one !== undefined &&
  isIcmpError(one) &&
  one.source === other.source &&
  one.icmpType === other.icmpType &&
  one.icmpCode === other.icmpCode &&
  one.length === other.length &&
  one.ipId === other.ipId
