import { SystemError } from '../../sys/errno.ts'
import { libc } from '../../sys/libc.ts'
import { integer, type PacketSocket, SOL_PACKET } from './packet-socket.ts'

const PACKET_RX_RING = 5
const PACKET_VERSION = 10
const TPACKET_V2 = 1
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const TP_STATUS_USER = 1

/**
 * Bytes of a frame that are not the packet's: struct tpacket2_hdr, struct sockaddr_ll, and what aligns the packet that
 * follows, whether it begins with an Ethernet header or not.
 */
export const frameOverhead = 96
/** The kernel takes pages that lie side by side: the fewer, the sooner it finds them. */
const blockSize = 256 * 1024

/**
 * Memory shared with the kernel, cut into frames of one size (TPACKET_V2 of packet(7)). Each frame belongs to the kernel or
 * to us, as its first word says; the kernel fills them in turn, and drops what comes while the next one is ours. Of the
 * newer TPACKET_V3 no packet can be seen before its block is full or some milliseconds are over, so that with it nobody
 * could say up to which time everything has been read.
 */
export class Ring {
  readonly #address: number
  readonly #frameSize: number
  readonly #size: number
  /** Frames; none when it is closed. */
  #count: number
  #words: Int32Array
  #next = 0

  private constructor(address: number, frameSize: number, count: number) {
    this.#address = address
    this.#frameSize = frameSize
    this.#count = count
    this.#size = frameSize * count
    this.#words = new Int32Array(libc().memory(address, this.#size))
  }

  /** `frameSize`: a power of two from 128 on. `size`: bytes for all frames. Throws SystemError (ENOMEM). */
  static open(socket: PacketSocket, frameSize: number, size: number): Ring {
    const blocks = Math.max(1, Math.floor(size / blockSize))
    const count = (blocks * blockSize) / frameSize
    socket.option(SOL_PACKET, PACKET_VERSION, integer(TPACKET_V2))
    // struct tpacket_req: size and number of blocks, size and number of frames.
    const request = new Uint32Array([blockSize, blocks, frameSize, count])
    socket.option(SOL_PACKET, PACKET_RX_RING, new Uint8Array(request.buffer))
    const bytes = blocks * blockSize
    const address = libc().mmap(0, bytes, PROT_READ_WRITE, MAP_SHARED, socket.descriptor, 0)
    if (address < 0) throw new SystemError('mmap', libc().errno())
    return new Ring(address, frameSize, count)
  }

  /** A copy of at most so many frames that lie side by side, the oldest first, which the kernel has back then. */
  take(most: number): Uint8Array<ArrayBuffer> {
    const words = this.#words
    const step = this.#frameSize / 4
    const first = this.#next
    const limit = Math.min(this.#count, first + most)
    let end = first
    // Atomic, so that what is read of a frame is not older than the word that gives it to us; and the other way round.
    while (end < limit && (Atomics.load(words, end * step) & TP_STATUS_USER) !== 0) end++
    const copy = words.slice(first * step, end * step)
    for (let frame = first; frame < end; frame++) Atomics.store(words, frame * step, 0)
    this.#next = end === this.#count ? 0 : end
    return new Uint8Array(copy.buffer)
  }

  /** Gives the memory back; the kernel keeps its own share until the socket is closed. */
  close(): void {
    if (this.#count === 0) return
    this.#count = 0
    this.#words = new Int32Array(0)
    libc().munmap(this.#address, this.#size)
  }
}
