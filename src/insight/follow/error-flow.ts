import { arrivedOf, isIcmpError } from '../trace/join.ts'
import type { TimedPacket } from '../trace/observation.ts'
import { isAbout, type PacketHeader } from '../walk/packet-header.ts'
import type { OpenFlow } from './open-flow.ts'

/**
 * The flow that an error of ICMP is about, where the kernel does not tell its connection: the one of the packet that it quotes;
 * where that cannot be told, in the space the one whose error the host has passed on, else the latest whose sender is told
 * and that has no error yet. Pure.
 */
export const errorFlow = (
  open: readonly OpenFlow[],
  place: 'inside' | 'host',
  header: PacketHeader,
): OpenFlow | undefined => {
  // Echoes of one sender to one host may bear the same mark.
  const quoted = open.filter(flow => isAboutFlow(header, flow) === true)
  if (quoted.length > 0) return quoted.find(flow => !flow[place].some(isError)) ?? quoted[0]
  const rest = open.filter(flow => isAboutFlow(header, flow) === undefined)
  const other = place === 'inside' ? 'host' : 'inside'
  const passedOn = rest.find(flow => flow[other].some(packet => isSameError(arrivedOf(packet), header)))
  if (passedOn !== undefined) return passedOn
  return rest.findLast(
    flow =>
      [flow.tuple.source, flow.original.source, flow.entry?.flow.reply.destination].includes(
        header.destination,
      ) && !flow[place].some(isError),
  )
}

/** Whether it quotes a packet of the flow; undefined where that cannot be told of any. */
const isAboutFlow = (error: PacketHeader, { inside, host }: OpenFlow): boolean | undefined => {
  const answers = [...inside, ...host].flatMap(packet => {
    const header = arrivedOf(packet)
    return header === undefined || isIcmpError(header) ? [] : [isAbout(error, header)]
  })
  if (answers.includes(true)) return true
  return answers.includes(false) ? false : undefined
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
