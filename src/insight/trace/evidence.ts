import { icmpErrorWords } from './icmp-words.ts'
import { isIcmpError, type JoinedPackets } from './join.ts'
import type { TraceObservation } from './observation.ts'

/** What was seen beside the packets themselves, in sentences. All pure. */

/** ` after 0.6 ms`; nothing where the time is too short to be told. */
export const afterText = (milliseconds: number): string =>
  milliseconds === 0 ? '' : ` after ${milliseconds.toFixed(1)} ms`

/** Bit of a TCP header. */
export const tcpReset = 4

/** That the sender was told of a drop, and how. What this host tells somebody outside does not come by the space. */
export const told = ({ inside, host }: JoinedPackets['reply'], direction: 'in' | 'out' = 'out'): string[] => {
  const by = direction === 'out' ? (inside ?? host) : host?.hooks[0]?.hook === 'output' ? host : inside
  const header = by?.hooks[0]?.arrived
  if (header === undefined) return []
  if (isIcmpError(header))
    return [
      `the sender was told by ${header.source}: ${icmpErrorWords(header.family, header.icmpType ?? 0, header.icmpCode ?? 0)}`,
    ]
  return ((header.tcpFlags ?? 0) & tcpReset) === 0 ? [] : ['the sender was told by a reset (RST)']
}

/** How the kernel refused to send. */
export const failureEvidence = ({ answer }: TraceObservation): string[] =>
  answer.type === 'error' ? [`${answer.call} failed with ${answer.code}`] : []

/** Neighbours that were asked for their link address in vain. */
export const silentWords = (seen: TraceObservation, where: 'inside' | 'host'): string[] =>
  seen.silent
    .filter(({ at }) => at === where)
    .map(
      ({ interface: name, address }) => `no link address for ${address} on ${name}: it was asked for in vain`,
    )

/** What is wrong with a link. */
export const linkStates = { missing: 'is not there', down: 'is down', 'no-carrier': 'has no carrier' }

/** Links of the way that are not as they have to be. */
export const linkWords = ({ links }: TraceObservation): string[] =>
  links.map(
    ({ at, interface: name, state }) =>
      `${name} ${at === 'inside' ? 'in the space ' : ''}${linkStates[state]}`,
  )

/** That there are rules which nobody can follow. */
export const legacyWords = ({ legacy, target }: TraceObservation): string[] => {
  const tables = legacy[target.family]
  if (tables === 'unreadable') return ['whether iptables-legacy has rules may not be read by this user']
  return tables.length === 0
    ? []
    : [`iptables-legacy has tables, whose rules tell no events: ${tables.join(', ')}`]
}

/** Reasons and functions of sockets: what they drop had arrived. It happens on every host all the time. */
const ofSockets = /^(NO_SOCKET|NOT_SPECIFIED|QUEUE_PURGE|SKB_CONSUMED|SOCKET_|TCP_|UDP_|PACKET_SOCK)/
const inSockets = /^_*(tcp|udp|sk|sock|inet|unix|ping|raw|packet|netlink)_/

/** What the kernel says of drops meanwhile, and the counters that moved: evidence, as others send packets too. */
export const doubts = (seen: TraceObservation, where: 'inside' | 'host'): string[] => {
  const { drops, counters, space } = seen
  const telling = (drops ?? []).filter(
    ({ reason, location, device }) =>
      !ofSockets.test(reason) &&
      !inSockets.test(location) &&
      (device === undefined || device === space.hostInterface),
  )
  const reasons = [
    ...new Set(
      telling.map(
        ({ reason, location }) => `the kernel dropped a packet meanwhile: ${reason} (in ${location})`,
      ),
    ),
  ]
  const moved = counters[where]
    .filter(({ meaning }) => meaning !== 'forwarded')
    .map(
      ({ counter, by, meaning }) =>
        `counter ${counter} +${by}${where === 'inside' ? ' in the space' : ''}: ${meaning}`,
    )
  return [...reasons, ...moved]
}
