/** What became of a visit to a published port, by the second opinions alone. */
import type { Visit } from './flows.ts'
import {
  answersIn,
  type Captured,
  type End,
  errorMarks,
  type Guilty,
  isOf,
  isRefusal,
  isReply,
  isRequest,
  type Judged,
  stopOf,
  tupleOf,
  type Walked,
} from './judge.ts'
import type { NftHeader, NftPacket } from './nft-trace.ts'
import { type Ends, endsText, mirrored } from './pcap.ts'
import type { StagedSpace } from './stage.ts'
import type { Evidence } from './watchers.ts'

export const judgeVisit = (visit: Visit, space: StagedSpace, seen: Evidence): Judged => {
  const sent = tupleOf(visit, visit.source)
  const frames = (place: string, link: string) => seen.frames.get(`${place} ${link}`) ?? []
  const [inner, host] = [seen.packets.get(space.name) ?? [], seen.packets.get('host') ?? []]
  const requestHost = host.find(({ header }) => header.input === 'eth0' && isOf(header, sent))
  const connection = seen.tracked.get('host')?.find(({ original }) => endsText(original) === endsText(sent))
  const gone =
    connection === undefined
      ? requestHost && endsOfHeader(requestHost.last, sent)
      : mirrored(connection.reply)
  const arrived = gone ?? sent
  const requestInside = inner.find(({ header }) => header.input !== undefined && isOf(header, arrived))
  const on = (place: string, link: string, ends: Ends) => {
    const all = frames(place, link)
    return {
      request: all.find(frame => isRequest(frame, ends)),
      reply: all.find(frame => isReply(frame, ends)),
    }
  }
  const captured: Captured = {
    inside: on(space.name, space.interface, arrived),
    cable: on('host', space.hostInterface, arrived),
    uplink: on('host', 'eth0', sent),
  }
  const answerOf = answersIn(
    errorMarks(
      [frames(space.name, space.interface), arrived],
      [frames('host', space.hostInterface), arrived],
      [frames('host', 'eth0'), sent],
    ),
  )
  const walked: Walked = {
    request: { inside: requestInside, host: requestHost },
    reply: {
      inside: answerOf(inner, requestInside, ({ input }) => input === undefined, arrived),
      host:
        answerOf(host, requestHost, ({ input }) => input === space.hostInterface, arrived) ??
        answerOf(host, requestHost, ({ input }) => input === undefined, arrived, sent),
    },
  }
  return {
    tuples: { sent, left: sent, gone: arrived },
    connection,
    walked,
    captured,
    knowsErrors: true,
    ...endOf(walked, captured),
  }
}

const endsOfHeader = (
  { source, destination, sourcePort, destinationPort }: NftHeader,
  { protocol }: Ends,
): Ends => ({
  source,
  destination,
  protocol,
  ...(sourcePort === undefined ? {} : { sourcePort }),
  ...(destinationPort === undefined ? {} : { destinationPort }),
})

const endOf = ({ request, reply }: Walked, { inside, cable, uplink }: Captured): End => {
  const end = (packet: End['packet'], outcomes: string[], where: string, guilty?: Guilty): End => ({
    packet,
    outcomes,
    where,
    guilty,
  })
  const stopped = (
    packet: End['packet'],
    place: Guilty['place'],
    at: NftPacket | undefined,
  ): End | undefined => {
    const visit = stopOf(at)
    return visit && end(packet, [/drop/.test(visit.end ?? '') ? 'dropped' : 'lost'], 'rule', { place, visit })
  }
  if (request.host === undefined) return end('request', [], 'not heard')
  const stoppedThere = stopped('request', 'host', request.host)
  if (stoppedThere !== undefined) return stoppedThere
  if (!request.host.isEnded) return end('request', ['dropped', 'lost'], 'routing')
  if (request.host.hooks.includes('input'))
    return end('request', ['answered', 'refused', 'delivered'], 'taken by the host')
  if (cable.request === undefined) return end('request', ['lost', 'delivered'], 'not on the cable')
  if (request.inside === undefined) return end('request', ['lost'], 'not heard inside')
  const stoppedInside = stopped('request', 'inside', request.inside)
  if (stoppedInside !== undefined) return stoppedInside
  if (!request.inside.isEnded) return end('request', ['lost', 'dropped'], 'routing inside')
  const answer = uplink.reply
  if (answer !== undefined && reply.host?.isEnded !== false)
    return isRefusal(answer) ? end('reply', ['refused'], 'refusal') : end('reply', ['answered'], 'answer')
  const stoppedBack = stopped('reply', 'inside', reply.inside) ?? stopped('reply', 'host', reply.host)
  if (stoppedBack !== undefined) return stoppedBack
  if (reply.inside === undefined && inside.reply === undefined)
    return end('request', ['delivered'], 'silence')
  if (reply.host === undefined) return end('reply', ['lost'], 'answer not heard')
  if (!reply.host.isEnded) return end('reply', ['dropped', 'lost'], 'routing')
  return end('reply', ['answered', 'lost', 'refused'], 'answer not on the wire')
}
