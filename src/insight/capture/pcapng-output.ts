import { type PcapngPacket, PcapngWriter } from '../../linux/packet/index.ts'
import { printable } from '../../space/spec/quote.ts'
import { linkText } from './link-text.ts'
import type { NumberedPacket } from './linker.ts'
import type { CapturedPoint } from './space-capture.ts'

/**
 * Packets as a pcapng file: an interface for each point, in the order of the points, a comment on each packet that was seen at
 * others too, and at the end what each interface counted.
 */
export class PcapngOutput {
  readonly #writer: PcapngWriter

  /** Writes the head of the file. Names are escaped: whoever shows the file may not do it. */
  constructor(
    sink: (chunk: Uint8Array) => void,
    points: readonly CapturedPoint[],
    { snapLength, application }: { snapLength: number; application: string },
  ) {
    this.#writer = new PcapngWriter(sink, { application })
    for (const { name, description, link } of points)
      this.#writer.addInterface({
        name: printable(name),
        description: printable(description),
        link,
        snapLength,
      })
  }

  packets(packets: readonly NumberedPacket[]): void {
    this.#writer.packets(packets.map(recordOf))
  }

  /** `time`: nanoseconds since 1970. */
  statistics(points: readonly CapturedPoint[], time: bigint): void {
    for (const [index, { statistics }] of points.entries()) this.#writer.statistics(index, time, statistics)
  }
}

const recordOf = ({ point, packet, mates }: NumberedPacket): PcapngPacket => {
  const { time, bytes, length, direction } = packet
  const comment = linkText(mates)
  return comment === undefined
    ? { interface: point, time, bytes, length, direction }
    : { interface: point, time, bytes, length, direction, comment }
}
