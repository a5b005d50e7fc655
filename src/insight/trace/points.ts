import type { HeaderChange } from '../walk/header-change.ts'
import { changesBetween, isTranslation } from '../walk/header-change.ts'
import type { PacketHeader } from '../walk/packet-header.ts'
import type { Point } from './events.ts'
import type { JoinedPackets } from './join.ts'
import type { TimedPacket, TraceObservation } from './observation.ts'

/** How a packet looked at a point, and which fields had become different since the point before. */
export type Sighting = { header: PacketHeader; changed: HeaderChange['field'][] }

/** One point of the way; undefined where the packet was not seen there. */
export type StoryPoint = {
  point: Point
  interface: string | undefined
  request: Sighting | undefined
  reply: Sighting | undefined
}

/** What a capture at each point would show of the request and of its answer. Pure. */
export const storyPoints = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryPoint[] => {
  const [out, back] = [request.host, reply.host]
  const left = wayOut(out)
  const returned = back?.hooks[0]?.hook === 'prerouting' ? back.hooks[0] : undefined
  const uplink = left?.output?.name ?? returned?.input?.name ?? (out && routedTo(seen))
  const sent = sightings([wayOut(request.inside)?.left, out?.hooks[0]?.arrived, left?.left])
  const answered = sightings([returned?.arrived, wayOut(back)?.left, reply.inside?.hooks[0]?.arrived])
  return [
    { point: 'inside', interface: seen.space.interface, request: sent[0], reply: answered[2] },
    { point: 'cable', interface: seen.space.hostInterface, request: sent[1], reply: answered[1] },
    { point: 'uplink', interface: uplink, request: sent[2], reply: answered[0] },
  ]
}

/** The link by which it would have left. */
const routedTo = ({ decisions }: TraceObservation): string | undefined => {
  const decision = decisions.find(({ at }) => at === 'host-forward')?.decision
  return decision?.found && decision.type === 'unicast' ? decision.device?.name : undefined
}

/** The last hook of a packet that left by a link. */
const wayOut = (packet: TimedPacket | undefined) =>
  packet?.end.type === 'sent' ? packet.hooks.at(-1) : undefined

const sightings = (headers: readonly (PacketHeader | undefined)[]): (Sighting | undefined)[] => {
  let before: PacketHeader | undefined
  return headers.map(header => {
    if (header === undefined) return undefined
    const changes = before === undefined ? [] : changesBetween({ header: before }, { header, mark: 0 })
    before = header
    return { header, changed: changes.filter(isTranslation).map(({ field }) => field) }
  })
}
