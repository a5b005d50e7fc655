import { errno, SystemError } from '../../sys/errno.ts'
import { libc } from '../../sys/libc.ts'
import {
  type CapturedPacket,
  type CaptureOptions,
  type CaptureStatistics,
  defaultSnapLength,
  type PacketSource,
} from './captured-packet.ts'
import { directionOf, linkAddressSize } from './link-address.ts'
import { integer, PacketSocket } from './packet-socket.ts'

/**
 * Theory of operation. Packets are read from the queue of a packet socket by two system calls each: recvfrom for its bytes,
 * its length and its way, and SIOCGSTAMPNS for the time at which the kernel saw it. The queue takes memory only while
 * packets wait in it, and packets of any length; where there are many short ones, `RingCapture` is quicker. What does not
 * fit in the queue is dropped by the kernel, and counted.
 *
 * The bytes are those that the kernel holds: checksums may be left to the network card, several segments may still be
 * one packet, and a VLAN tag that the kernel keeps beside a packet is not among them.
 */

const SOL_SOCKET = 1
const SO_RCVBUF = 8
const SO_RCVBUFFORCE = 33
const MSG_TRUNC = 0x20
const SIOCGSTAMPNS = 0x8907
const ENETDOWN = 100

/** The kernel counts a small packet as 768 bytes of buffer: this is room for 40,000 of them, or most of a second. */
const defaultBufferSize = 16 * 1024 * 1024
const batchSize = 512
/** Milliseconds; a fifth of one was enough wherever it was measured. */
const stampsPause = 2

/**
 * A capture at one interface: `using capture = PacketCapture.open({ interface: 3 })`. Equivalent to:
 * `tcpdump -i NAME -p -w FILE FILTER`
 */
export class PacketCapture implements PacketSource {
  readonly #socket: PacketSocket
  readonly #snapLength: number
  readonly #buffer: Uint8Array
  // Buffers of their own, so that what the kernel writes to has one address for ever.
  readonly #sender = new DataView(new ArrayBuffer(linkAddressSize))
  readonly #senderBytes = new Uint8Array(this.#sender.buffer)
  readonly #senderSize = new Int32Array(1)
  readonly #senderSizeBytes = new Uint8Array(this.#senderSize.buffer)
  readonly #stamp: BigInt64Array
  readonly #stampAddress: number
  #wentDown = false

  private constructor(socket: PacketSocket, snapLength: number, stamp: BigInt64Array) {
    this.#socket = socket
    this.#snapLength = snapLength
    this.#buffer = new Uint8Array(snapLength)
    this.#stamp = stamp
    this.#stampAddress = addressOf(stamp)
  }

  /**
   * Begins to capture. Throws SystemError (EPERM without CAP_NET_RAW in the namespace; ENODEV for an interface that is not
   * there) and CaptureError.
   */
  static open(options: CaptureOptions): PacketCapture {
    const { snapLength = defaultSnapLength, bufferSize = defaultBufferSize } = options
    const stamp = new BigInt64Array(2)
    const socket = PacketSocket.open(options, fresh => {
      const size = integer(bufferSize)
      // The first needs the privilege of the first user namespace; the other is cut at net.core.rmem_max.
      if (libc().setsockopt(fresh.descriptor, SOL_SOCKET, SO_RCVBUFFORCE, size, 4) !== 0)
        fresh.option(SOL_SOCKET, SO_RCVBUF, size)
      // The first question has no answer yet (ENOENT). It switches the stamps on, which the kernel does a moment later in a
      // work queue: until then a packet would have the time at which it is read.
      libc().ioctl(fresh.descriptor, SIOCGSTAMPNS, addressOf(stamp))
      libc().poll(null, 0, stampsPause)
    })
    return new PacketCapture(socket, snapLength, stamp)
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
      const packet = this.#read()
      if (packet === undefined) break
      packets.push(packet)
    }
    return packets
  }

  #read(): CapturedPacket | undefined {
    const buffer = this.#buffer
    for (;;) {
      this.#senderSize[0] = linkAddressSize
      const length = libc().recvfrom(
        this.descriptor,
        buffer,
        buffer.length,
        MSG_TRUNC,
        this.#senderBytes,
        this.#senderSizeBytes,
      )
      if (length >= 0)
        return {
          time: this.#time(),
          bytes: buffer.slice(0, Math.min(length, this.#snapLength)),
          length,
          ...directionOf(this.#sender),
        }
      const number = libc().errno()
      if (number === errno.EAGAIN) return undefined
      // Told once each time; when the interface comes up again, the packets come too.
      if (number === ENETDOWN) this.#wentDown = true
      else if (number !== errno.EINTR) throw new SystemError('recvfrom', number)
    }
  }

  /** When the kernel saw the packet that was read last: struct timespec. */
  #time(): bigint {
    if (libc().ioctl(this.descriptor, SIOCGSTAMPNS, this.#stampAddress) !== 0)
      throw new SystemError('ioctl', libc().errno())
    return (this.#stamp[0] ?? 0n) * 1_000_000_000n + (this.#stamp[1] ?? 0n)
  }

  /** They wait in the queue of the socket, which is larger. */
  hold(): number {
    return 0
  }

  statistics(): CaptureStatistics {
    return this.#socket.statistics()
  }

  close(): void {
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const addressOf = (stamp: BigInt64Array): number => Number(libc().address(new Uint8Array(stamp.buffer)))
