import type { FlowTuple } from '../../linux/conntrack/index.ts'
import { isIcmpError, type JoinedPackets, joinPackets } from '../trace/join.ts'
import type { TimedPacket, TracedSpace, TraceObservation } from '../trace/observation.ts'
import type { ConntrackEntry } from '../walk/conntrack-entry.ts'

/** A flow whose story is not over. Times in milliseconds of one clock, but those that say so. */
export type OpenFlow = {
  /** Tells it from all others; a later story of the same flow has it again. */
  number: number
  /** The key of its tuple. */
  key: string
  direction: 'out' | 'in'
  /** Its first packet as it came to this host; of a flow from the space as it left its socket there, once that is known. */
  tuple: FlowTuple
  /** The same where the host tracks connections: rules in the space may have translated it. */
  original: FlowTuple
  family: 4 | 6
  isOld: boolean
  begunAt: number
  /** Seconds since 1970. */
  sentAt: number
  /** When it is over, at the latest; soon after something has ended it. */
  dueAt: number
  isEnding: boolean
  hasGap: boolean
  entry: ConntrackEntry | undefined
  inside: TimedPacket[]
  host: TimedPacket[]
  /** The first packet that was stopped behind those of the story: it is the beginning of another one. */
  later: { place: 'inside' | 'host'; packet: TimedPacket } | undefined
}

/** Packets of a flow that are kept, for each place: request and answer, of a space that asks itself twice, and again. */
const mostPackets = 12

/** Takes a packet in, unless there are many already. */
export const attach = (flow: OpenFlow, place: 'inside' | 'host', packet: TimedPacket): void => {
  if (flow[place].length < mostPackets) flow[place].push(packet)
  if (packet.hasGap) flow.hasGap = true
  flow.sentAt = Math.min(flow.sentAt, packet.time)
}

/** The flow's packets, by their part in it. Pure. */
export const joinedOf = (
  { direction, tuple, entry, inside, host }: OpenFlow,
  space: TracedSpace,
): JoinedPackets =>
  // Of an observation only these are asked for.
  joinPackets({ direction, tuple, entry, inside, host, space } as TraceObservation)

/** What has become of a flow so far. */
export type Progress = 'open' | 'answered' | 'refused' | 'stopped'

const RST = 4

/** Whether a flow was answered, refused or stopped. Pure. */
export const progressOf = (flow: OpenFlow, { request, reply }: JoinedPackets): Progress => {
  const packets = [request.inside, request.host, reply.inside, reply.host]
  if (packets.some(packet => packet !== undefined && isStopped(packet))) return 'stopped'
  const last = flow.direction === 'out' ? reply.inside : reply.host
  if (last?.end.type !== 'sent' && last?.end.type !== 'delivered') return 'open'
  const header = last.hooks[0]?.arrived
  const isRefusal = header !== undefined && (isIcmpError(header) || ((header.tcpFlags ?? 0) & RST) !== 0)
  return isRefusal ? 'refused' : 'answered'
}

/** Whether something here ended a packet's way. */
export const isStopped = ({ end }: TimedPacket): boolean =>
  end.type === 'dropped' || end.type === 'queued' || end.type === 'stolen' || end.type === 'vanished'
