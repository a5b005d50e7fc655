import type { Point } from './events.ts'
import {
  afterText,
  doubts,
  failureEvidence,
  linkStates,
  linkWords,
  silentWords,
  tcpReset,
  told,
} from './evidence.ts'
import { icmpErrorWords } from './icmp-words.ts'
import { inboundEnd } from './inbound-outcome.ts'
import { isIcmpError, type JoinedPackets } from './join.ts'
import type { TraceObservation } from './observation.ts'
import { decisionAt, routingCause, stopsAt } from './route-cause.ts'
import { dropped, isVanished, lost, placeAt, refused, stopOf, vanishedInHook } from './stops.ts'

/**
 * Theory of operation. The way is gone through from the sender on, and the first thing that ended it is the outcome: an
 * answer to the probe settles everything; then a stop in the space, on the cable, in the host, on the way back. What is
 * certain (a rule, a policy, a route, a setting) is the reason; the kernel's reasons for drops, its counters, and neighbours
 * that are silent are evidence. A refusal by whoever is behind the uplink is an answer; one that this host's rules or
 * routes make is a drop, of which the sender was told.
 */

/** Where and how it ended. */
export type StoryEnd = {
  /**
   * `answered`, or `refused` by the other side; `delivered`: it left by the uplink, and nothing came back in the time;
   * `dropped`: something here stopped it; `lost`: it vanished, and why is not certain.
   */
  outcome: 'answered' | 'refused' | 'delivered' | 'dropped' | 'lost'
  at: {
    packet: 'request' | 'reply'
    point: Point
    interface?: string
    hook?: string
    chain?: string
    owner?: string
  }
  reason: string
  /** What was seen that bears it out. */
  evidence: string[]
}

/** How the flow's first packet, or its answer, ended. Pure. */
export const storyEnd = (seen: TraceObservation, joined: JoinedPackets): StoryEnd =>
  seen.direction === 'out' ? outboundEnd(seen, joined) : inboundEnd(seen, joined)

const outboundEnd = (seen: TraceObservation, joined: JoinedPackets): StoryEnd => {
  const { answer } = seen
  if (answer.type === 'answered')
    return {
      outcome: 'answered',
      at: { packet: 'reply', point: 'inside', interface: seen.space.interface },
      reason: `${answerWords(seen)}${afterText(answer.milliseconds)}`,
      evidence: [],
    }
  const ends = [
    insideEnd(seen, joined),
    hostEnd(seen, joined),
    ownRefusal(seen, joined),
    refusal(seen, joined),
    replyEnd(seen, joined),
    silence(seen, joined),
  ]
  return ends.find(end => end !== undefined) ?? delivered(seen, joined)
}

const answerWords = ({ target: { protocol, address, port }, isOld }: TraceObservation): string => {
  if (protocol === 'icmp') return `${address} answered the echo`
  if (protocol === 'tcp' && !isOld) return `${address} accepted the connection to port ${port}`
  return port === undefined ? `${address} answered` : `${address} answered from port ${port}`
}

/** What ended the request before it came to the host. */
const insideEnd = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryEnd | undefined => {
  const { inside, host } = request
  const at = { packet: 'request', point: 'inside', interface: seen.space.interface } as const
  // Of a connection that was there before, an answer may be what was seen first.
  if (seen.isOld && inside === undefined) return undefined
  if (inside === undefined && host === undefined) {
    const route = decisionAt(seen, 'space-output')
    const stop = route && stopsAt(route, seen, 'inside')
    if (stop !== undefined)
      return dropped({ ...at, hook: 'routing' }, `${stop}, inside the space`, failureEvidence(seen))
    if (seen.hasGap)
      return lost(at, 'events of the kernel were lost, so its way is not known', doubts(seen, 'host'))
    return lost(at, 'the probe was not seen leaving its socket', [
      ...failureEvidence(seen),
      ...doubts(seen, 'inside'),
    ])
  }
  const stop = inside && stopOf(inside, seen)
  if (stop !== undefined)
    return { ...stop, at: { ...stop.at, ...at }, evidence: [...stop.evidence, ...told(reply)] }
  if (host !== undefined || reply.inside !== undefined) return undefined
  return lost(at, 'it left the space and did not come to the host', [
    ...silentWords(seen, 'inside'),
    ...linkWords(seen),
    ...doubts(seen, 'host'),
  ])
}

/** What ended the request in the host. */
const hostEnd = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryEnd | undefined => {
  const { host } = request
  if (host === undefined) return undefined
  const at = { packet: 'request', point: 'cable', interface: seen.space.hostInterface } as const
  const stop = stopOf(host, seen)
  if (stop !== undefined)
    return { ...stop, at: { ...at, ...stop.at }, evidence: [...stop.evidence, ...told(reply)] }
  if (!isVanished(host.end)) return undefined
  const hook = host.hooks.at(-1)?.hook
  if (host.end.type === 'vanished' && host.end.behind === 'prerouting') {
    const cause = routingCause(seen, 'host-forward', seen.space.hostInterface)
    if (cause !== undefined)
      return dropped({ ...at, hook: 'routing' }, cause.reason, [
        ...cause.evidence,
        ...told(reply),
        ...doubts(seen, 'host'),
      ])
    return lost({ ...at, hook: 'routing' }, 'it vanished at the routing decision of this host', [
      ...told(reply),
      ...doubts(seen, 'host'),
    ])
  }
  return vanishedInHook(seen, { ...at, ...(hook === undefined ? {} : { hook }) }, host)
}

/** This host had let it pass, and then told the sender that it could not be sent on. */
const ownRefusal = (seen: TraceObservation, joined: JoinedPackets): StoryEnd | undefined => {
  const { request, reply } = joined
  const header = reply.host?.hooks[0]?.hook === 'output' ? reply.host.hooks[0].arrived : undefined
  if (request.host?.end.type !== 'sent' || header === undefined || !isIcmpError(header)) return undefined
  const silent = silence(seen, joined)
  if (silent !== undefined) return { ...silent, evidence: [...silent.evidence, ...told(reply)] }
  const name = request.host.hooks.at(-1)?.output?.name
  return dropped(
    placeAt('request', 'uplink', name),
    `this host could not send it on by ${name ?? 'its link'}`,
    told(reply),
  )
}

/** Somebody behind the uplink, or this host where it is the destination, said no. */
const refusal = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryEnd | undefined => {
  const header = (reply.inside ?? reply.host)?.hooks[0]?.arrived
  const { answer, target } = seen
  const isAtHost = request.host?.end.type === 'delivered'
  const at = { packet: 'reply', point: 'inside', interface: seen.space.interface } as const
  const by = isAtHost ? 'this host' : undefined
  if (answer.type === 'icmp-error')
    return refused(at, by ?? answer.from, icmpErrorWords(target.family, answer.icmpType, answer.icmpCode))
  // A rule of the space may keep it from the sender.
  if (reply.inside?.end.type !== 'delivered' || header === undefined) return undefined
  if (isIcmpError(header))
    return refused(
      at,
      by ?? header.source,
      icmpErrorWords(header.family, header.icmpType ?? 0, header.icmpCode ?? 0),
    )
  if (((header.tcpFlags ?? 0) & tcpReset) === 0) return undefined
  return {
    ...refused(at, by ?? header.source, 'connection reset'),
    reason: seen.isOld
      ? `${by ?? header.source} ended the connection by a reset (RST)`
      : `${by ?? header.source} refused the connection by a reset (RST): nothing listens at port ${target.port}, or something in front of it rejects`,
  }
}

/** What ended the answer on its way back. */
const replyEnd = (seen: TraceObservation, { reply }: JoinedPackets): StoryEnd | undefined => {
  const { host, inside } = reply
  if (host === undefined) return undefined
  const link = host.hooks[0]?.input?.name
  const at = placeAt('reply', 'uplink', link)
  const stop = stopOf(host, seen)
  if (stop !== undefined)
    return { ...stop, at: { ...at, ...stop.at }, reason: `the answer came back, and ${stop.reason}` }
  if (host.end.type === 'vanished' && host.end.behind === 'prerouting' && link !== undefined) {
    const cause = routingCause(seen, 'host-forward-reply', link)
    return cause === undefined
      ? lost(
          { ...at, hook: 'routing' },
          'the answer came back, and vanished at the routing decision of this host',
          doubts(seen, 'host'),
        )
      : dropped({ ...at, hook: 'routing' }, `the answer came back, and ${cause.reason}`, cause.evidence)
  }
  if (host.end.type === 'delivered')
    return dropped(
      { ...at, hook: 'input' },
      'the answer came back, and this host took it for its own: connection tracking did not know it as one of the space',
      [],
    )
  const stopInside = inside && stopOf(inside, seen)
  if (stopInside !== undefined)
    return {
      ...stopInside,
      at: { ...at, point: 'inside', interface: seen.space.interface, ...stopInside.at },
      reason: `the answer came back into the space, and there ${stopInside.reason}`,
    }
  if (isVanished(host.end)) return vanishedInHook(seen, at, host)
  if (inside !== undefined) return undefined
  const left = host.hooks.at(-1)?.output?.name
  return lost(
    placeAt('reply', 'cable', left),
    `the answer left this host by ${left ?? 'its link'}, and did not come into the space`,
    [...silentWords(seen, 'host'), ...linkWords(seen), ...doubts(seen, 'inside')],
  )
}

/** The request left by a link that leads nowhere, or behind which nobody answers for the next hop's address. */
const silence = (seen: TraceObservation, { request }: JoinedPackets): StoryEnd | undefined => {
  if (request.host?.end.type !== 'sent') return undefined
  const name = request.host.hooks.at(-1)?.output?.name
  const at = placeAt('request', 'uplink', name)
  const trouble = seen.links.find(link => link.at === 'host' && link.interface === name)
  if (trouble !== undefined)
    return lost(
      at,
      `${trouble.interface} ${linkStates[trouble.state]}, so nothing leaves by it`,
      silentWords(seen, 'host'),
    )
  const silent = seen.silent.find(neighbour => neighbour.at === 'host')
  if (silent === undefined) return undefined
  return lost(
    at,
    `nobody on ${silent.interface} answers for ${silent.address}, the next hop: it is down, or not on that link`,
    silentWords(seen, 'host'),
  )
}

const delivered = (seen: TraceObservation, { request }: JoinedPackets): StoryEnd => {
  const seconds = seen.timeout / 1000
  const last = request.host?.hooks.at(-1)
  if (request.host?.end.type === 'delivered')
    return {
      outcome: 'delivered',
      at: { packet: 'request', point: 'cable', interface: seen.space.hostInterface, hook: 'input' },
      reason: `this host took it, and did not answer within ${seconds} s`,
      evidence: [],
    }
  const link = last?.output?.name
  return {
    outcome: 'delivered',
    at: placeAt('request', 'uplink', link),
    reason: `it left by ${link ?? 'its link'}, and no answer was seen within ${seconds} s`,
    evidence: [],
  }
}
