import { afterText, doubts, linkStates, linkWords, silentWords, tcpReset, told } from './evidence.ts'
import { icmpErrorWords } from './icmp-words.ts'
import { isIcmpError, type JoinedPackets } from './join.ts'
import type { TimedPacket, TraceObservation } from './observation.ts'
import type { StoryEnd } from './outcome.ts'
import { routingCause } from './route-cause.ts'
import { dropped, isVanished, lost, placeAt, refused, stopOf, vanishedInHook } from './stops.ts'

/**
 * Theory of operation. A flow that comes to a space goes through the host first: by a published port, by the space's own
 * address, or from the host itself. The way is gone through as it goes, and the first thing that ended it is the outcome.
 * What no published port is for ends at the host's own sockets, which may answer or refuse in the space's stead.
 */

/** How a flow that comes to the space ended. Pure. */
export const inboundEnd = (seen: TraceObservation, joined: JoinedPackets): StoryEnd => {
  const ends = [answered, hostEnd, cableEnd, insideEnd, refusal, replyEnd]
  for (const endOf of ends) {
    const end = endOf(seen, joined)
    if (end !== undefined) return end
  }
  return {
    outcome: 'delivered',
    at: placeAt('request', 'inside', seen.space.interface),
    reason: `it came into the space, and no answer was seen within ${seen.timeout / 1000} s`,
    evidence: [],
  }
}

const answered = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryEnd | undefined => {
  const { answer, target, isOld, space } = seen
  if (answer.type !== 'answered') return undefined
  const header = request.inside?.hooks[0]?.arrived ?? request.host?.hooks.at(-1)?.left
  const port = header?.destinationPort ?? target.port
  const who = request.host?.end.type === 'delivered' ? 'this host' : space.name
  const words =
    target.protocol === 'icmp'
      ? 'answered the echo'
      : target.protocol === 'tcp' && !isOld
        ? `accepted the connection to its port ${port}`
        : port === undefined
          ? 'answered'
          : `answered from its port ${port}`
  return {
    outcome: 'answered',
    at: placeAt('reply', 'uplink', linkOut(reply.host) ?? linkIn(request.host)),
    reason: `${who} ${words}${afterText(answer.milliseconds)}`,
    evidence: request.host?.end.type === 'delivered' ? [noPort(seen)] : [],
  }
}

const linkIn = (packet: TimedPacket | undefined): string | undefined => packet?.hooks[0]?.input?.name
const linkOut = (packet: TimedPacket | undefined): string | undefined =>
  packet?.end.type === 'sent' ? packet.hooks.at(-1)?.output?.name : undefined

const noPort = ({ target: { address, port, protocol }, space }: TraceObservation): string =>
  port === undefined
    ? `${address} is an address of this host, and nothing leads from there to ${space.name}`
    : `nothing leads from ${address.includes(':') ? `[${address}]` : address}:${port}/${protocol} to ${space.name}: no port is published there`

/** What ended the request in the host. */
const hostEnd = (seen: TraceObservation, joined: JoinedPackets): StoryEnd | undefined => {
  const { request, reply } = joined
  const { host } = request
  if (host === undefined) return undefined
  const link = linkIn(host)
  const at = placeAt('request', 'uplink', link)
  const stop = stopOf(host, seen)
  if (stop !== undefined)
    return { ...stop, at: { ...at, ...stop.at }, evidence: [...stop.evidence, ...told(reply, 'in')] }
  if (host.end.type === 'delivered') return takenByHost(seen, joined)
  if (!isVanished(host.end)) return undefined
  const hook = host.hooks.at(-1)?.hook
  if (host.end.type === 'unknown' || host.end.behind !== 'prerouting')
    return vanishedInHook(seen, { ...at, ...(hook === undefined ? {} : { hook }) }, host)
  const cause = link === undefined ? undefined : routingCause(seen, 'host-forward', link)
  const saw = [...told(reply, 'in'), ...doubts(seen, 'host')]
  return cause === undefined
    ? lost({ ...at, hook: 'routing' }, 'it vanished at the routing decision of this host', saw)
    : dropped({ ...at, hook: 'routing' }, cause.reason, [...cause.evidence, ...saw])
}

/** It went to the host's own sockets, which is not where the space is. */
const takenByHost = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryEnd => {
  const header = reply.host?.hooks[0]?.arrived
  const at = { ...placeAt('request', 'uplink', linkIn(request.host)), hook: 'input' }
  const taken = 'this host took it for itself'
  if (header !== undefined && isIcmpError(header))
    return {
      ...refused(at, 'this host', ''),
      reason: `${taken}, and refused it by ICMP: ${wordsOf(header)}`,
      evidence: [noPort(seen)],
    }
  if (isReset(header))
    return {
      outcome: 'refused',
      at,
      reason: `${taken}, and refused the connection by a reset (RST): nothing of this host listens there`,
      evidence: [noPort(seen)],
    }
  return {
    outcome: 'delivered',
    at,
    reason: `${taken}, and did not answer within ${seen.timeout / 1000} s`,
    evidence: [noPort(seen)],
  }
}

type Header = NonNullable<TimedPacket['hooks'][number]['arrived']>

const wordsOf = ({ family, icmpType = 0, icmpCode = 0 }: Header): string =>
  icmpErrorWords(family, icmpType, icmpCode)

const isReset = (header: Header | undefined): boolean => ((header?.tcpFlags ?? 0) & tcpReset) !== 0

/** It left the host, and was not seen in the space. */
const cableEnd = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryEnd | undefined => {
  const { host, inside } = request
  if (host === undefined || inside !== undefined || reply.inside !== undefined) return undefined
  const left = linkOut(host)
  const { space } = seen
  if (left !== space.hostInterface)
    return {
      outcome: 'delivered',
      at: placeAt('request', 'uplink', left),
      reason: `it left by ${left ?? 'another link'}, and not to the space`,
      evidence: [],
    }
  const at = placeAt('request', 'cable', space.hostInterface)
  const trouble = seen.links.find(link => link.interface === space.hostInterface || link.at === 'inside')
  if (trouble !== undefined)
    return lost(
      at,
      `${trouble.interface} ${trouble.at === 'inside' ? 'in the space ' : ''}${linkStates[trouble.state]}, so nothing comes into the space`,
      silentWords(seen, 'host'),
    )
  const silent = seen.silent.find(({ interface: name }) => name === space.hostInterface)
  return lost(
    at,
    silent === undefined
      ? 'it left by the cable and was not seen in the space'
      : `nobody in the space answers for ${silent.address}: it has not that address`,
    [...silentWords(seen, 'host'), ...linkWords(seen), ...doubts(seen, 'host')],
  )
}

/** What ended the request in the space. */
const insideEnd = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryEnd | undefined => {
  const { inside } = request
  if (inside === undefined) return undefined
  const at = placeAt('request', 'inside', seen.space.interface)
  const stop = stopOf(inside, seen)
  if (stop !== undefined)
    return {
      ...stop,
      at: { ...stop.at, ...at },
      reason: `it came into the space, and there ${stop.reason}`,
      evidence: [...stop.evidence, ...(reply.host === undefined ? [] : told(reply, 'in'))],
    }
  if (!isVanished(inside.end)) return undefined
  if (inside.end.type === 'vanished' && inside.end.behind === 'prerouting')
    return lost(
      { ...at, hook: 'routing' },
      'it came into the space, and vanished at its routing decision',
      doubts(seen, 'inside'),
    )
  return vanishedInHook(seen, at, inside, 'inside')
}

/** The space said no, and that got out. */
const refusal = (seen: TraceObservation, { reply }: JoinedPackets): StoryEnd | undefined => {
  const header = (reply.inside ?? reply.host)?.hooks[0]?.arrived
  const { host } = reply
  if (header === undefined || (host?.end.type !== 'sent' && host?.end.type !== 'delivered')) return undefined
  const { space, target, isOld } = seen
  const at = placeAt('reply', 'inside', space.interface)
  if (isIcmpError(header)) return refused(at, space.name, wordsOf(header))
  if (!isReset(header)) return undefined
  const port = header.sourcePort ?? target.port
  return {
    outcome: 'refused',
    at,
    reason: isOld
      ? `${space.name} ended the connection by a reset (RST)`
      : `${space.name} refused the connection by a reset (RST): nothing listens at its port ${port}, or something in front of it rejects`,
    evidence: [],
  }
}

/** What ended the answer on its way out. */
const replyEnd = (seen: TraceObservation, { reply }: JoinedPackets): StoryEnd | undefined => {
  const { inside, host } = reply
  const { space } = seen
  const stopInside = inside && stopOf(inside, seen)
  if (stopInside !== undefined)
    return {
      ...stopInside,
      at: { ...placeAt('reply', 'inside', space.interface), ...stopInside.at },
      reason: `the space answered, and there ${stopInside.reason}`,
    }
  if (host === undefined)
    return inside === undefined
      ? undefined
      : lost(
          placeAt('reply', 'inside', space.interface),
          'the answer left the space and did not come to the host',
          [...silentWords(seen, 'inside'), ...linkWords(seen), ...doubts(seen, 'host')],
        )
  const at = placeAt('reply', 'cable', space.hostInterface)
  const stop = stopOf(host, seen)
  if (stop !== undefined)
    return { ...stop, at: { ...at, ...stop.at }, reason: `the space answered, and ${stop.reason}` }
  if (!isVanished(host.end)) return undefined
  if (host.end.type === 'unknown' || host.end.behind !== 'prerouting') return vanishedInHook(seen, at, host)
  const cause = routingCause(seen, 'host-forward-reply', space.hostInterface)
  return cause === undefined
    ? lost(
        { ...at, hook: 'routing' },
        'the space answered, and the answer vanished at the routing decision of this host',
        doubts(seen, 'host'),
      )
    : dropped({ ...at, hook: 'routing' }, `the space answered, and ${cause.reason}`, cause.evidence)
}
