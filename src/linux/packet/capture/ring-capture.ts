import { SystemError } from '../../sys/errno.ts'
import {
  type CapturedPacket,
  type CaptureOptions,
  type CaptureStatistics,
  defaultSnapLength,
  type PacketSource,
} from './captured-packet.ts'
import { directionOf } from './link-address.ts'
import { PacketSocket } from './packet-socket.ts'
import { frameOverhead, Ring } from './ring.ts'

/**
 * Theory of operation. The kernel writes packets, with their lengths and times, into memory that it shares with this process
 * (see ring.ts): none costs a system call, and an ordinary user's ring may be as large as root's, where the queue of a socket
 * may not. Its price is that all of the memory is taken from the beginning, and as much for the shortest packet as for the
 * longest that is kept whole; so it is for captures that keep little of each packet.
 */

const ENETDOWN = 100
const defaultBufferSize = 16 * 1024 * 1024
const batchSize = 512
/** Frames that are taken out of the ring at once. */
const holdSize = 4096
/** Smaller ones would gain nothing. */
const leastFrame = 256
/** Of the largest, 16 MiB hold 8192: a tenth of a second of a fast link. */
const mostFrame = 2048

/** Bytes of a packet that fit in a frame of the largest size: all of a usual one. */
export const ringSnapLength = mostFrame - frameOverhead

/** Places in a frame: struct tpacket2_hdr, and struct sockaddr_ll behind it. */
const at = { length: 4, captured: 8, bytes: 12, seconds: 16, nanoseconds: 20, address: 32 } as const

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

const frameSizeFor = (snapLength: number): number => {
  let size = leastFrame
  while (size < snapLength + frameOverhead) size *= 2
  return size
}

/** A copy of frames that lay side by side. */
type Frames = { readonly bytes: Uint8Array; readonly view: DataView }

/** A capture as `PacketCapture`, of at most `ringSnapLength` bytes of each packet, for many packets. */
export class RingCapture implements PacketSource {
  readonly #socket: PacketSocket
  readonly #ring: Ring
  readonly #frameSize: number
  readonly #snapLength: number
  #wentDown = false
  /** Frames that are not in the ring any more, and have not been read: the oldest first, from `#at` on. */
  #held: Frames[] = []
  #at = 0
  #heldSize = 0

  private constructor(socket: PacketSocket, ring: Ring, frameSize: number, snapLength: number) {
    this.#socket = socket
    this.#ring = ring
    this.#frameSize = frameSize
    this.#snapLength = snapLength
  }

  /** As `PacketCapture.open`; also throws a RangeError for a larger snapshot length. */
  static open(options: CaptureOptions): RingCapture {
    const { snapLength = defaultSnapLength, bufferSize = defaultBufferSize } = options
    if (snapLength > ringSnapLength)
      throw new RangeError(`A ring keeps at most ${ringSnapLength} bytes of a packet, not ${snapLength}`)
    const frameSize = frameSizeFor(snapLength)
    let ring: Ring | undefined
    try {
      const socket = PacketSocket.open(options, fresh => {
        ring = Ring.open(fresh, frameSize, bufferSize)
      })
      return new RingCapture(socket, ring as unknown as Ring, frameSize, snapLength)
    } catch (error) {
      ring?.close()
      throw error
    }
  }

  get descriptor(): number {
    return this.#socket.descriptor
  }

  get link(): 'ethernet' | 'ip' {
    return this.#socket.link
  }

  get interfaceWentDown(): boolean {
    return this.#wentDown
  }

  readBatch(most = batchSize): CapturedPacket[] {
    const packets: CapturedPacket[] = []
    while (packets.length < most) {
      if (this.#held.length === 0 && !this.#takeFrames(most - packets.length)) break
      const { bytes, view } = this.#held[0] as Frames
      const end = Math.min(bytes.length, this.#at + (most - packets.length) * this.#frameSize)
      for (let frame = this.#at; frame < end; frame += this.#frameSize)
        packets.push(this.#packet(bytes, view, frame))
      this.#heldSize -= end - this.#at
      this.#at = end < bytes.length ? end : 0
      if (end === bytes.length) this.#held.shift()
    }
    if (packets.length === 0) this.#look()
    return packets
  }

  hold(most: number): number {
    while (this.#heldSize < most && this.#takeFrames(holdSize));
    return this.#heldSize
  }

  /** Moves at most so many frames out of the ring; whether there were any. */
  #takeFrames(most: number): boolean {
    const bytes = this.#ring.take(most)
    if (bytes.length === 0) return false
    this.#held.push({ bytes, view: new DataView(bytes.buffer) })
    this.#heldSize += bytes.length
    return true
  }

  #packet(frames: Uint8Array, view: DataView, frame: number): CapturedPacket {
    const start = frame + view.getUint16(frame + at.bytes, littleEndian)
    const captured = view.getUint32(frame + at.captured, littleEndian)
    const seconds = view.getUint32(frame + at.seconds, littleEndian)
    const nanoseconds = view.getUint32(frame + at.nanoseconds, littleEndian)
    const time = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
    const bytes = frames.subarray(start, start + Math.min(captured, this.#snapLength))
    const length = view.getUint32(frame + at.length, littleEndian)
    const { direction, audience } = directionOf(view, frame + at.address)
    return audience === undefined
      ? { time, bytes, length, direction }
      : { time, bytes, length, direction, audience }
  }

  /** Errors are told at the socket; left there, they would make every wait end at once. */
  #look(): void {
    const error = this.#socket.takeError()
    // Told once each time; when the interface comes up again, the packets come too.
    if (error === ENETDOWN) this.#wentDown = true
    else if (error !== 0) throw new SystemError('recvfrom', error)
  }

  statistics(): CaptureStatistics {
    return this.#socket.statistics()
  }

  close(): void {
    this.#held = []
    this.#at = 0
    this.#heldSize = 0
    this.#ring.close()
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
