import type { ByteStream } from '../../insight/capture/byte-stream.ts'
import { packetEvent, packetLine } from '../../insight/capture/packet-line.ts'
import { PcapngOutput } from '../../insight/capture/pcapng-output.ts'
import type { CapturedPoint, SpaceCapture, Turn } from '../../insight/capture/space-capture.ts'
import { defaultSnapLength, type Filter } from '../../linux/packet/index.ts'
import { printable } from '../../space/spec/quote.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { version } from '../../version.ts'
import { type Output, toJson } from '../output.ts'

/** What becomes of captured packets. */
export type CaptureFormat = {
  /** Puts what a turn brought into the streams. Returns the points that went down. */
  take(turn: Turn): CapturedPoint[]
  /** The last words. */
  end(outcome: string): void
}

export type FormatSettings = {
  /** Where packets go. */
  data: ByteStream
  /** stdout, for what --json tells. */
  told: ByteStream
  capture: SpaceCapture
  space: ResolvedSpace
  filter: Filter | undefined
  snapLength: number
  output: Output
  /** The file of -w. */
  write: string | undefined
}

const encoder = new TextEncoder()

/** Lines, JSON Lines or a pcapng file, or the last two at once; begins with what comes before the first packet. */
export const formatFor = (settings: FormatSettings): CaptureFormat => {
  const parts = [
    ...(settings.write === undefined ? [] : [pcapng(settings)]),
    ...(settings.output.json ? [jsonLines(settings)] : []),
  ]
  const [first, ...others] = parts.length > 0 ? parts : [lines(settings)]
  return {
    take: turn => {
      for (const part of others) part.take(turn)
      return first?.take(turn) ?? []
    },
    end: outcome => {
      for (const part of [first, ...others]) part?.end(outcome)
    },
  }
}

const lines = ({ data, capture, output }: FormatSettings): CaptureFormat => {
  const { points } = capture
  const width = Math.max(...points.map(({ name }) => printable(name).length))
  return {
    take: ({ packets, down }) => {
      const text = packets.map(
        packet =>
          `${packetLine({ packet, point: points[packet.point] as CapturedPoint }, width, output.style.dim)}\n`,
      )
      if (text.length > 0) data.push(encoder.encode(text.join('')))
      return down
    },
    end: () => {},
  }
}

const pcapng = ({ data, capture, snapLength }: FormatSettings): CaptureFormat => {
  const { points } = capture
  const file = new PcapngOutput(chunk => data.push(chunk), points, {
    snapLength: snapLength === defaultSnapLength ? 0 : snapLength,
    application: `natspace ${version}`,
  })
  return {
    take: ({ packets, down }) => {
      file.packets(packets)
      return down
    },
    end: () => file.statistics(capture.points, BigInt(Date.now()) * 1_000_000n),
  }
}

const jsonLines = ({ told, capture, space, filter, snapLength, write }: FormatSettings): CaptureFormat => {
  const { points } = capture
  const say = (value: unknown): void => told.push(encoder.encode(`${toJson(value)}\n`))
  say({
    type: 'snapshot',
    schemaVersion: 1,
    space: space.name,
    points: points.map(({ name, role, where, interface: link, index }) => ({
      point: name,
      role,
      namespace: where ?? null,
      interface: link,
      index,
    })),
    filter: filter?.text ?? '',
    snapLength,
  })
  return {
    take: ({ packets, lost, down }) => {
      if (write === undefined)
        for (const packet of packets)
          say(packetEvent({ packet, point: points[packet.point] as CapturedPoint }))
      for (const { point, packets: count } of lost) say({ type: 'lost', point: point.name, packets: count })
      return down
    },
    end: outcome =>
      say({
        type: 'end',
        outcome,
        packets: capture.count,
        lost: capture.points.reduce((sum, { statistics }) => sum + statistics.dropped, 0),
        points: capture.points.map(({ name, statistics }) => ({ point: name, ...statistics })),
      }),
  }
}
