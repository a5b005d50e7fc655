import type { HeaderChange } from '../walk/header-change.ts'
import { changesBetween, isTranslation } from '../walk/header-change.ts'
import type { PacketHeader } from '../walk/packet-header.ts'
import type { Point } from './events.ts'
import type { JoinedPackets } from './join.ts'
import type { TimedPacket, TraceObservation } from './observation.ts'

/** How a packet looked at a point, and which fields had become different since the point before. */
export type Sighting = { header: PacketHeader; changed: HeaderChange['field'][] }

/**
 * One point of the way; undefined where the packet was not seen there. An uplink without an interface is this host itself,
 * where it is an end of the flow.
 */
export type StoryPoint = {
  point: Point
  interface: string | undefined
  request: Sighting | undefined
  reply: Sighting | undefined
}

/** What a capture at each point would show of the request and of its answer. Pure. */
export const storyPoints = (seen: TraceObservation, joined: JoinedPackets): StoryPoint[] =>
  seen.direction === 'out' ? outboundPoints(seen, joined) : inboundPoints(seen, joined)

const outboundPoints = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryPoint[] => {
  const [out, back] = [request.host, reply.host]
  const left = wayOut(out)
  const returned = wayIn(back)
  const uplink = left?.output?.name ?? returned?.input?.name ?? (out && routedTo(seen))
  const began = wayOut(request.inside)
  const sent = sightings([
    out === undefined && isHeld(seen, 'inside', began?.output?.name) ? undefined : began?.left,
    out?.hooks[0]?.arrived,
    isHeld(seen, 'host', left?.output?.name) ? undefined : left?.left,
  ])
  // What the space sends to itself, or refuses itself, comes to no cable.
  const link = began?.output?.name ?? seen.space.interface
  const came = wayIn(reply.inside)?.input?.name === link ? wayIn(reply.inside)?.arrived : undefined
  const answered = sightings([returned?.arrived, wayOut(back)?.left, came])
  const points = pointsOf(seen, uplink, { request: sent, reply: answered.toReversed() })
  return points.map(point => (point.point === 'inside' ? { ...point, interface: link } : point))
}

const inboundPoints = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryPoint[] => {
  const [came, back] = [request.host, reply.host]
  const left = wayOut(back)
  // What this host sends itself comes in by no link.
  const isOwn = came?.hooks[0]?.hook === 'output'
  const uplink = isOwn ? undefined : (wayIn(came)?.input?.name ?? left?.output?.name)
  const sent = sightings([came?.hooks[0]?.arrived, wayOut(came)?.left, request.inside?.hooks[0]?.arrived])
  const end = back?.end.type === 'delivered' ? back.hooks.at(-1) : left
  const answered = sightings([wayOut(reply.inside)?.left, wayIn(back)?.arrived, end?.left])
  return pointsOf(seen, uplink, { request: sent.toReversed(), reply: answered })
}

/** Whether a packet that was to leave by a link has not come to it: for want of the next hop's address, or of a carrier. */
const isHeld = (
  { silent, links }: TraceObservation,
  at: 'inside' | 'host',
  link: string | undefined,
): boolean => [...silent, ...links].some(trouble => trouble.at === at && trouble.interface === link)

type Sightings = (Sighting | undefined)[]

/** The three points, from inside on. */
const pointsOf = (
  { space }: TraceObservation,
  uplink: string | undefined,
  { request, reply }: { request: Sightings; reply: Sightings },
): StoryPoint[] =>
  (
    [
      ['inside', space.interface],
      ['cable', space.hostInterface],
      ['uplink', uplink],
    ] as const
  ).map(([point, name], index) => ({ point, interface: name, request: request[index], reply: reply[index] }))

/** The link by which it would have left. */
const routedTo = ({ decisions }: TraceObservation): string | undefined => {
  const decision = decisions.find(({ at }) => at === 'host-forward')?.decision
  return decision?.found && decision.type === 'unicast' ? decision.device?.name : undefined
}

/** The first hook of a packet that came in by a link. */
const wayIn = (packet: TimedPacket | undefined) =>
  packet?.hooks[0]?.hook === 'prerouting' ? packet.hooks[0] : undefined

/** The last hook of a packet that left by a link; chains of the link itself (egress) are behind it. */
const wayOut = (packet: TimedPacket | undefined) =>
  packet?.end.type === 'sent' ? packet.hooks.findLast(({ left }) => left !== undefined) : undefined

const sightings = (headers: readonly (PacketHeader | undefined)[]): Sightings => {
  let before: PacketHeader | undefined
  return headers.map(header => {
    if (header === undefined) return undefined
    const changes = before === undefined ? [] : changesBetween({ header: before }, { header, mark: 0 })
    before = header
    return { header, changed: changes.filter(isTranslation).map(({ field }) => field) }
  })
}
