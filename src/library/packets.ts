import { openCapture } from '../insight/capture/open-capture.ts'
import type { PointRole } from '../insight/capture/points.ts'
import { readFilter } from '../insight/capture/read-filter.ts'
import type { CapturedPoint, SpaceCapture, Turn } from '../insight/capture/space-capture.ts'
import { decodePacket, defaultSnapLength, type Packet, summaryText } from '../linux/packet/index.ts'
import type { Context } from '../space/reconcile/types.ts'
import type { ResolvedSpace } from '../space/spec/types.ts'
import { checkedSignal, checkedText, kindOf } from './arguments.ts'
import { pause } from './pause.ts'
import { wentDown } from './went-down.ts'

/** Which packets of a space are told of. */
export type PacketOptions = {
  /** In the language of pcap-filter(7), applied by the kernel at every point. Addresses differ from point to point. */
  filter?: string
  /** Bytes kept of each packet. Default: all. */
  snapLength?: number
  /** Ends it: what has been captured by then is told, and the report `end` is the last one. */
  signal?: AbortSignal
}

/** Where packets are captured. */
export type PacketPoint = {
  /** 'web:eth0' inside, 'veth-web', 'eth0' */
  name: string
  /** The inner end of the cable, its host end, or where packets leave this host. */
  role: PointRole
  interface: string
}

/** A packet as it passed one point. */
export type SeenPacket = {
  /** From 1, in the order of their times. */
  number: number
  point: PacketPoint
  direction: 'in' | 'out'
  /** Nanoseconds since 1970. */
  nanoseconds: bigint
  /** On the wire; more than there are bytes where it was cut. */
  length: number
  bytes: Uint8Array
  /** Its layers, as decodePacket of natspace/packet reads them. */
  layers: Packet
  /** One line, as tcpdump(8) tells it. */
  summary: string
  /** The same packet at other points; `relation` is what lies between: 'before SNAT 10.200.0.2 -> 192.0.2.2'. */
  same: { number: number; relation: string }[]
}

/** What `packets` tells. Times are in milliseconds since 1970. */
export type PacketReport =
  /** The first: from now on nothing is missed. `skipped`: uplinks whose packets cannot be read. */
  | { type: 'snapshot'; time: number; points: PacketPoint[]; skipped: { name: string; reason: string }[] }
  | ({ type: 'event'; time: number } & SeenPacket)
  /** Packets that the kernel dropped, as they came faster than they were read. */
  | { type: 'lost'; time: number; point: PacketPoint; packets: number }
  /** The last. */
  | { type: 'end'; time: number; packets: number; lost: number }

/** Milliseconds between two looks. */
const rest = 10

/** See `Space.packets`. */
export async function* followPackets(
  { kernel }: Context,
  space: ResolvedSpace,
  options: PacketOptions,
): AsyncGenerator<PacketReport, void, undefined> {
  const { filter, snapLength, signal } = readOptions(options)
  using capture = openCapture(kernel, space, { filter, snapLength })
  const { skipped } = capture
  yield { type: 'snapshot', time: Date.now(), points: capture.points.map(placeOf), skipped: [...skipped] }
  while (!signal?.aborted) {
    const turn = capture.turn()
    yield* reportsOf(turn, capture)
    if (capture.isGone()) {
      yield* reportsOf(capture.finish(), capture)
      throw wentDown(space.name, `cannot capture at ${space.name} any longer`, `${capture.count} packets`)
    }
    await pause(capture.isBehind ? 0 : rest, signal)
  }
  yield* reportsOf(capture.finish(), capture)
  const lost = capture.points.reduce((sum, { statistics }) => sum + statistics.dropped, 0)
  yield { type: 'end', time: Date.now(), packets: capture.count, lost }
}

/** Throws TypeError, and NatspaceError BAD_FILTER. */
const readOptions = ({ filter, snapLength = defaultSnapLength, signal }: PacketOptions) => {
  if (!Number.isInteger(snapLength) || snapLength < 1 || snapLength > defaultSnapLength)
    throw new TypeError(
      `snapLength is a number of bytes from 1 to ${defaultSnapLength}, not ${kindOf(snapLength)}`,
    )
  return {
    filter: readFilter(checkedText('filter', filter) ?? ''),
    snapLength,
    signal: checkedSignal(signal),
  }
}

const placeOf = ({ name, role, interface: link }: CapturedPoint): PacketPoint => ({
  name,
  role,
  interface: link,
})

function* reportsOf({ packets, lost }: Turn, { points }: SpaceCapture): Generator<PacketReport> {
  for (const { number, point: place, packet, mates } of packets) {
    const point = points[place] as CapturedPoint
    const { time, bytes, length, direction } = packet
    const layers = decodePacket(bytes, { length, link: point.link })
    yield {
      type: 'event',
      time: Number(time / 1000n) / 1000,
      number,
      point: placeOf(point),
      direction,
      nanoseconds: time,
      length,
      bytes,
      layers,
      summary: summaryText(layers),
      same: [...mates],
    }
  }
  for (const { point, packets: count } of lost)
    yield { type: 'lost', time: Date.now(), point: placeOf(point), packets: count }
}
