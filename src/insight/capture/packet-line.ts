import { decodePacket, type LinkType, layerOf, summaryText, tupleOf } from '../../linux/packet/index.ts'
import { printable } from '../../space/spec/quote.ts'
import { linkText } from './link-text.ts'
import type { NumberedPacket } from './linker.ts'
import type { CapturedPoint } from './space-capture.ts'

const perSecond = 1_000_000_000n

/** Time of day of this machine to the nanosecond: `08:15:30.123456789`. */
export const timeOfDay = (time: bigint): string => {
  const date = new Date(Number(time / 1_000_000n))
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map(part =>
    String(part).padStart(2, '0'),
  )
  return `${parts.join(':')}.${fraction(time)}`
}

/** RFC 3339 in UTC to the nanosecond: `2026-01-31T08:15:30.123456789Z`. */
export const timeStamp = (time: bigint): string =>
  `${new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19)}.${fraction(time)}Z`

const fraction = (time: bigint): string => String(time % perSecond).padStart(9, '0')

type Shown = { packet: NumberedPacket; point: CapturedPoint }

/**
 * A packet as one line for a person: number, time, point, way, and what it is, as tcpdump(8) tells it. Printable whatever the
 * packet and the interface's name hold. Of its others only those above are told; `dim` sets that off.
 */
export const packetLine = (
  { packet: numbered, point }: Shown,
  width: number,
  dim: (text: string) => string = text => text,
): string => {
  const { number, packet, mates } = numbered
  const summary = summaryText(decodeAt(point.link, numbered))
  const others = linkText(mates.filter(mate => mate.number < number))
  const start = `#${number}`.padEnd(6)
  const way = packet.direction.padEnd(3)
  return `${start} ${timeOfDay(packet.time)} ${printable(point.name).padEnd(width)} ${way} ${summary}${
    others === undefined ? '' : dim(`  ${others}`)
  }`
}

/** The same as data, for a line of JSON. */
export const packetEvent = ({ packet: numbered, point }: Shown) => {
  const { number, packet, mates } = numbered
  const decoded = decodeAt(point.link, numbered)
  const tuple = tupleOf(decoded)
  const ip = layerOf(decoded, 'ipv4') ?? layerOf(decoded, 'ipv6')
  return {
    type: 'event' as const,
    packet: number,
    point: point.name,
    direction: packet.direction,
    time: timeStamp(packet.time),
    length: packet.length,
    captured: packet.bytes.length,
    ...(tuple === undefined ? {} : { tuple }),
    ...(ip?.type === 'ipv4' ? { id: ip.id, ttl: ip.ttl } : ip === undefined ? {} : { ttl: ip.hopLimit }),
    summary: summaryText(decoded),
    same: mates.map(mate => ({
      packet: mate.number,
      ...(mate.relation === '' ? {} : { relation: mate.relation }),
    })),
  }
}

const decodeAt = (link: LinkType, { packet }: NumberedPacket) =>
  decodePacket(packet.bytes, { length: packet.length, link })
