import { timeStamp } from '../insight/capture/packet-line.ts'
import { changesBetween, type HeaderChange, isTranslation } from '../insight/walk/header-change.ts'
import type { PacketHeader } from '../insight/walk/packet-header.ts'
import type { LabPoint, SeenPacket } from './captures.ts'

/** Captures at several points, put side by side: one row a point. All pure. */

/** A packet at a point, and which of its ends and identifiers had become different since the point before on its way. */
export type LabSighting = Pick<SeenPacket, 'time' | 'direction' | 'header'> & {
  changed: HeaderChange['field'][]
}

/** What a point saw of a request and of its answer; undefined where it did not come by. */
export type LabRow = LabPoint & { request: LabSighting | undefined; reply: LabSighting | undefined }

/** Which of the packets are meant. */
export type Selection = (header: PacketHeader) => boolean

/** The first request and the first reply at each point; the points stand in the order of the request's way. */
export const rowsOf = (
  points: readonly LabPoint[],
  packets: readonly SeenPacket[],
  isRequest: Selection,
  isReply: Selection,
): LabRow[] => {
  const first = (fits: Selection) =>
    points.map((_, index) => packets.find(({ point, header }) => point === index && fits(header)))
  const requests = alongTheWay(first(isRequest))
  const replies = alongTheWay(first(isReply).reverse()).reverse()
  return points.map((point, index) => ({ ...point, request: requests[index], reply: replies[index] }))
}

const alongTheWay = (packets: readonly (SeenPacket | undefined)[]): (LabSighting | undefined)[] => {
  let before: PacketHeader | undefined
  return packets.map(packet => {
    if (packet === undefined) return undefined
    const { time, direction, header } = packet
    const changes = before === undefined ? [] : changesBetween({ header: before }, { header, mark: 0 })
    before = header
    return { time, direction, header, changed: changes.filter(isTranslation).map(({ field }) => field) }
  })
}

/** Whether the sightings are those of one packet: forwarding and translation leave the identification of IPv4 alone. */
export const isOnePacket = (sightings: readonly (LabSighting | undefined)[]): boolean =>
  sightings.length > 0 &&
  sightings.every(sighting => sighting !== undefined && sighting.header.ipId === sightings[0]?.header.ipId)

/** Whether each was seen no earlier than the one before, as a packet that walks must be. */
export const isInOrder = (sightings: readonly (LabSighting | undefined)[]): boolean =>
  sightings.every((sighting, index) => {
    const before = sightings[index - 1]
    return index === 0 || (sighting !== undefined && before !== undefined && sighting.time >= before.time)
  })

/** Microseconds from one time to another: '+12'. */
export const sinceText = (from: bigint | undefined, to: bigint): string =>
  `+${from === undefined ? 0 : Math.round(Number(to - from) / 1000)}`

/** A row as data, with times as those of `natspace capture --json`. */
export const rowObject = ({ place, interface: name, request, reply }: LabRow) => ({
  place,
  interface: name,
  request: request === undefined ? null : sightingObject(request),
  reply: reply === undefined ? null : sightingObject(reply),
})

const sightingObject = ({ time, direction, header, changed }: LabSighting) => ({
  time: timeStamp(time),
  direction,
  ...header,
  changed,
})
