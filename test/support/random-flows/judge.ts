/** What became of a flow, by the second opinions alone. */
import type { Flow } from './flows.ts'
import { type NftHeader, type NftPacket, type NftVisit, protocolNames } from './nft-trace.ts'
import { type Ends, endsText, type Frame, mirrored } from './pcap.ts'
import type { StagedSpace } from './stage.ts'
import type { Evidence } from './watchers.ts'

/** The same flow at each part of its way: as it is sent, behind the space's own translation, behind the host's. */
export type Tuples = { sent: Ends; left: Ends; gone: Ends }

/** The packets of a flow as nft printed them. */
export type Walked = {
  request: { inside: NftPacket | undefined; host: NftPacket | undefined }
  reply: { inside: NftPacket | undefined; host: NftPacket | undefined }
}

/** The packets of a flow on the links. */
export type Captured = Record<
  'inside' | 'cable' | 'uplink',
  { request: Frame | undefined; reply: Frame | undefined }
>

export type Guilty = { place: 'inside' | 'host'; visit: NftVisit }

export type Judged = {
  tuples: Tuples
  connection: { original: Ends; reply: Ends } | undefined
  walked: Walked
  captured: Captured
  /** Ends that a story may tell. */
  outcomes: string[]
  packet: 'request' | 'reply'
  guilty: Guilty | undefined
  /** Where no rule stopped it: routing, or what tells nothing. */
  where: string
  /** Whether an error of ICMP that came to no link could have been told from those about other flows. */
  knowsErrors: boolean
}

export const isOf = (header: NftHeader, ends: Ends): boolean =>
  header.source === ends.source &&
  header.destination === ends.destination &&
  header.protocol === protocolNames[ends.protocol] &&
  header.sourcePort === ends.sourcePort &&
  header.destinationPort === ends.destinationPort &&
  header.id === ends.id

export const isError = ({ icmpType }: NftHeader): boolean =>
  icmpType !== undefined && !icmpType.startsWith('echo') && !icmpType.startsWith('nd-')

export const tupleOf = (
  { target, sourcePort }: Pick<Flow, 'target' | 'sourcePort'>,
  source: string,
): Ends => {
  const protocol = { icmp: target.family === 4 ? 1 : 58, tcp: 6, udp: 17 }[target.protocol]
  const ends = { source, destination: target.address, protocol }
  return target.protocol === 'icmp'
    ? { ...ends, id: sourcePort }
    : { ...ends, sourcePort, destinationPort: target.port ?? 0 }
}

export const isRequest = (frame: Frame, ends: Ends): boolean =>
  endsText(frame) === endsText(ends) && (frame.icmpType === undefined || [8, 128].includes(frame.icmpType))

export const isReply = (frame: Frame, ends: Ends): boolean => {
  if (frame.quoted !== undefined) return endsText(frame.quoted) === endsText(ends)
  return (
    endsText(frame) === endsText(mirrored(ends)) &&
    (frame.icmpType === undefined || [0, 129].includes(frame.icmpType))
  )
}

/** Behind the end of a base chain that lets nothing pass on. */
export const stopOf = (packet: NftPacket | undefined): NftVisit | undefined => {
  const visit = packet?.visits.at(-1)
  return packet !== undefined &&
    !(packet.isEnded && visit?.family !== 'netdev') &&
    visit !== undefined &&
    /drop|queue|stolen/.test(visit.end ?? '')
    ? visit
    : undefined
}

/** The marks of the errors of ICMP that links carried about a flow, each with the tuple that it has there. */
export const errorMarks = (...links: readonly (readonly [readonly Frame[], Ends])[]): ReadonlySet<number> =>
  new Set(
    links.flatMap(([frames, ends]) =>
      frames.filter(frame => frame.quoted !== undefined && isReply(frame, ends)).map(({ mark }) => mark),
    ),
  )

/**
 * Finds the answer to a packet among those of one namespace: with the mirror of one of the tuples, or an error. nft does not print
 * what an error is about; those that came to a link are known by their marks. Others are only told where a flow was alone,
 * and so are those of which several bear the same mark.
 */
export const answersIn =
  (marks: ReadonlySet<number>, isAlone = true) =>
  (
    list: readonly NftPacket[],
    first: NftPacket | undefined,
    isFrom: (header: NftHeader) => boolean,
    ...ways: Ends[]
  ): NftPacket | undefined => {
    if (first === undefined) return undefined
    const others = list.filter(
      packet => packet.tracer === first.tracer && packet !== first && isFrom(packet.header),
    )
    const answer = others.find(({ header }) => ways.some(way => isOf(header, mirrored(way))))
    if (answer !== undefined) return answer
    const errors = others.filter(
      ({ header }) =>
        isError(header) &&
        ways.some(({ source }) => source === header.destination) &&
        ((isAlone && marks.size === 0) || marks.has(header.mark)),
    )
    return isAlone || errors.length === 1 ? errors[0] : undefined
  }

/** `isAlone`: no other flow was followed at the same time. */
export const judge = (
  flow: Flow,
  source: string,
  space: StagedSpace,
  seen: Evidence,
  isAlone = true,
): Judged => {
  const sent = tupleOf(flow, source)
  const tracked = (place: string, tuple: Ends) =>
    seen.tracked.get(place)?.find(({ original }) => endsText(original) === endsText(tuple))
  const own = tracked(space.name, sent)
  const left = own === undefined ? sent : mirrored(own.reply)
  const connection = tracked('host', left)
  const gone = connection === undefined ? left : mirrored(connection.reply)
  const tuples = { sent, left, gone }

  const frames = (place: string, link: string) => seen.frames.get(`${place} ${link}`) ?? []
  const packets = (place: string) => seen.packets.get(place) ?? []
  const inner = packets(space.name)
  const host = packets('host')
  const requestInside = inner.find(({ header }) => header.input === undefined && isOf(header, sent))
  const requestHost = host.find(({ header }) => header.input === space.hostInterface && isOf(header, left))
  const isLocal = requestInside?.last.output === 'lo'
  const uplink = requestHost?.isEnded ? requestHost.last.output : undefined
  const onUplink = uplink === undefined ? [] : frames('host', uplink)
  // What a space sends to itself is on no link that is captured.
  const [onInner, onCable] = [
    frames(space.name, isLocal ? 'lo' : space.interface),
    frames('host', space.hostInterface),
  ]
  const captured: Captured = {
    inside: {
      request: onInner.find(frame => isRequest(frame, left)),
      // What the space answers to itself is translated back before it comes to the loopback.
      reply: onInner.find(frame => isReply(frame, left) || (isLocal && isReply(frame, sent))),
    },
    cable: {
      request: onCable.find(frame => isRequest(frame, left)),
      reply: onCable.find(frame => isReply(frame, left)),
    },
    uplink: {
      request: onUplink.find(frame => isRequest(frame, gone)),
      reply: onUplink.find(frame => isReply(frame, gone)),
    },
  }
  const marks = errorMarks([onInner, left], [onInner, sent], [onCable, left], [onUplink, gone])
  const answerOf = answersIn(marks, isAlone)
  const walked: Walked = {
    request: { inside: requestInside, host: requestHost },
    reply: {
      inside: answerOf(inner, requestInside, ({ input }) => input !== undefined, left),
      host:
        answerOf(host, requestHost, ({ input }) => input !== undefined, gone) ??
        answerOf(host, requestHost, ({ input }) => input === undefined, left, gone),
    },
  }
  const knowsErrors = isAlone || (marks.size > 0 && walked.reply.host !== undefined)
  return { tuples, connection, walked, captured, knowsErrors, ...endOf(walked, captured) }
}

export type End = Pick<Judged, 'outcomes' | 'packet' | 'guilty' | 'where'>

export const isRefusal = (frame: Frame): boolean =>
  frame.quoted !== undefined || ((frame.tcpFlags ?? 0) & 4) !== 0

const endOf = ({ request, reply }: Walked, { inside, cable, uplink }: Captured): End => {
  const end = (packet: End['packet'], outcomes: string[], where: string, guilty?: Guilty): End => ({
    packet,
    outcomes,
    where,
    guilty,
  })
  const stopped = (packet: End['packet'], place: Guilty['place'], visit: NftVisit): End =>
    end(packet, [/drop/.test(visit.end ?? '') ? 'dropped' : 'lost'], 'rule', { place, visit })
  const stops = {
    request: { inside: stopOf(request.inside), host: stopOf(request.host) },
    reply: { inside: stopOf(reply.inside), host: stopOf(reply.host) },
  }
  const isLocal = request.inside?.last.output === 'lo'
  if (isLocal) return end('reply', ['answered', 'refused', 'delivered', 'dropped', 'lost'], 'local')
  if (stops.request.inside !== undefined) return stopped('request', 'inside', stops.request.inside)
  const answer = inside.reply
  if (
    answer !== undefined &&
    !isRefusal(answer) &&
    stops.reply.inside === undefined &&
    reply.inside?.isEnded !== false
  )
    return end('reply', ['answered'], 'answer')
  if (inside.request === undefined) return end('request', ['dropped', 'lost'], 'not sent')
  if (request.host === undefined) return end('request', ['lost'], 'not heard')
  if (stops.request.host !== undefined) return stopped('request', 'host', stops.request.host)
  if (!request.host.isEnded) return end('request', ['dropped', 'lost'], 'routing')
  const isToHost = request.host.hooks.includes('input')
  if (!isToHost && uplink.request === undefined) return end('request', ['lost', 'dropped'], 'not on the wire')
  if (answer !== undefined && stops.reply.inside !== undefined)
    return stopped('reply', 'inside', stops.reply.inside)
  if (answer !== undefined && isRefusal(answer) && reply.inside?.isEnded === true)
    return end('reply', ['refused'], 'refusal')
  if (answer !== undefined) return end('reply', ['lost', 'dropped'], 'vanished inside')
  if (stops.reply.host !== undefined) return stopped('reply', 'host', stops.reply.host)
  if (uplink.reply === undefined && (!isToHost || reply.host === undefined))
    return end('request', ['delivered'], 'silence')
  if (reply.host === undefined) return end('reply', ['delivered', 'lost', 'dropped'], 'answer not heard')
  if (!reply.host.isEnded) return end('reply', ['dropped', 'lost'], 'routing')
  return end(
    'reply',
    ['dropped', 'lost'],
    cable.reply === undefined ? 'not on the cable' : 'not in the space',
  )
}
