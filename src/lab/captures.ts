import { decodeHeader, type PacketHeader } from '../insight/walk/packet-header.ts'
import type { Kernel } from '../linux/kernel.ts'
import { type CapturedPacket, compileFilter, PacketCapture } from '../linux/packet/index.ts'
import { waitReadable } from '../linux/sys/poll.ts'
import { labFailed, type Place, places, withNamespace } from './places.ts'

/** An interface of a place of the lab, at which packets are watched. */
export type LabPoint = { place: Place; interface: string }

/** A packet that was seen at a point, with its bytes as far as they were kept. */
export type SeenPacket = {
  /** Index of the point among those of the captures. */
  point: number
  /** Nanoseconds since 1970, by the kernel; all points have one clock. */
  time: bigint
  direction: 'in' | 'out'
  header: PacketHeader
  bytes: Uint8Array
}

/** Of an Ethernet frame, of an IPv4 header without options, and of what a header behind it has in front. */
const sizes = { link: 14, network: 20, transport: 20 }
const snapLength = 128
/** Milliseconds for a packet's copy to come to the socket of the last point. */
const slice = 20

/** Captures at several points at the same time. Equivalent to: `tcpdump -envi IF FILTER` at each of them */
export class PointCaptures implements Disposable {
  readonly points: readonly LabPoint[]
  readonly #captures: PacketCapture[] = []
  readonly #packets: SeenPacket[] = []

  private constructor(points: readonly LabPoint[]) {
    this.points = points
  }

  /** Begins to capture, at all points before it returns. Throws NatspaceError where a link is missing; SystemError. */
  static open(kernel: Kernel, points: readonly LabPoint[], filter: string): PointCaptures {
    const { program } = compileFilter(filter)
    const captures = new PointCaptures(points)
    try {
      for (const { place, interface: name } of points) {
        const link = kernel.links(places[place]).find(item => item.name === name)
        if (link === undefined) throw labFailed(`${place} has no link ${name}`)
        captures.#captures.push(
          withNamespace(place, namespace =>
            PacketCapture.open({ namespace, interface: link.index, filter: program, snapLength }),
          ),
        )
      }
      return captures
    } catch (error) {
      captures[Symbol.dispose]()
      throw error
    }
  }

  /** All packets that were seen so far, point by point, and at each in the order of time. Does not wait. */
  read(): readonly SeenPacket[] {
    for (const [point, capture] of this.#captures.entries())
      for (const packet of capture.readBatch()) {
        const header = headerOf(packet)
        const { time, direction, bytes } = packet
        if (header !== undefined) this.#packets.push({ point, time, direction, header, bytes })
      }
    return this.#packets
  }

  /** The same, once they are `complete` or so many milliseconds have gone by. The thread stands still meanwhile. */
  await(complete: (packets: readonly SeenPacket[]) => boolean, milliseconds: number): readonly SeenPacket[] {
    const end = performance.now() + milliseconds
    for (;;) {
      const packets = this.read()
      const left = end - performance.now()
      if (complete(packets) || left <= 0) return packets
      waitReadable(
        this.#captures.map(({ descriptor }) => descriptor),
        Math.min(left, slice),
      )
    }
  }

  [Symbol.dispose](): void {
    for (const capture of this.#captures) capture.close()
  }
}

const headerOf = ({ bytes }: CapturedPacket): PacketHeader | undefined => {
  const [network, transport] = [sizes.link, sizes.link + sizes.network]
  return decodeHeader({
    link: bytes.subarray(0, network),
    network: bytes.subarray(network, transport),
    transport: bytes.subarray(transport, transport + sizes.transport),
  })
}
