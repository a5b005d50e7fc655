import { errno, SystemError } from '../sys/errno.ts'
import { libc } from '../sys/libc.ts'
import { littleEndian } from './writer.ts'

const SOL_NETLINK = 270
const NETLINK_LISTEN_ALL_NSID = 8
const MSG_TRUNC = 0x20
const MSG_DONTWAIT = 0x40
const MSG_CMSG_CLOEXEC = 0x40000000

/** Bytes whose address stays: a runtime may keep small arrays that own no buffer where its collector moves them. */
const unmoved = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(new ArrayBuffer(size))

/** struct msghdr with room for one datagram and for the number of a namespace, used again and again. */
export class EventDatagram {
  readonly #bytes: Uint8Array
  readonly #sender = unmoved(12)
  readonly #control = unmoved(64)
  readonly #vectorBytes = unmoved(16)
  readonly #vector = new BigUint64Array(this.#vectorBytes.buffer)
  readonly #header = new DataView(new ArrayBuffer(56))
  readonly #headerBytes = new Uint8Array(this.#header.buffer)

  constructor(size: number) {
    this.#bytes = unmoved(size)
  }

  /** The next datagram of the kernel, valid until the next call. */
  receive(descriptor: number): { bytes: Uint8Array; namespaceId: number | undefined } | 'nothing' | 'lost' {
    for (;;) {
      this.#prepare()
      const length = libc().recvmsg(
        descriptor,
        this.#headerBytes,
        MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC,
      )
      if (length < 0) {
        const number = libc().errno()
        if (number === errno.EINTR) continue
        if (number === errno.EAGAIN) return 'nothing'
        if (number === errno.ENOBUFS) return 'lost'
        throw new SystemError('recvmsg', number)
      }
      const sender = new DataView(this.#sender.buffer).getUint32(4, littleEndian)
      if (sender !== 0) continue
      // Longer than any event is known to be: as good as dropped.
      if (length > this.#bytes.length) return 'lost'
      return { bytes: this.#bytes.subarray(0, length), namespaceId: this.#namespaceId() }
    }
  }

  #prepare(): void {
    const address = (bytes: Uint8Array) => libc().address(bytes)
    this.#vector[0] = address(this.#bytes)
    this.#vector[1] = BigInt(this.#bytes.length)
    // Name and its length, vector and its length, control and its length, flags.
    this.#header.setBigUint64(0, address(this.#sender), littleEndian)
    this.#header.setUint32(8, this.#sender.length, littleEndian)
    this.#header.setBigUint64(16, address(this.#vectorBytes), littleEndian)
    this.#header.setBigUint64(24, 1n, littleEndian)
    this.#header.setBigUint64(32, address(this.#control), littleEndian)
    this.#header.setBigUint64(40, BigInt(this.#control.length), littleEndian)
    this.#header.setUint32(48, 0, littleEndian)
  }

  /** The number beside the datagram: struct cmsghdr (length, level, type) and an int. */
  #namespaceId(): number | undefined {
    const size = Number(this.#header.getBigUint64(40, littleEndian))
    const view = new DataView(this.#control.buffer)
    for (let at = 0; at + 16 <= size; ) {
      const length = Number(view.getBigUint64(at, littleEndian))
      if (length < 16) return undefined
      const level = view.getInt32(at + 8, littleEndian)
      const type = view.getInt32(at + 12, littleEndian)
      if (level === SOL_NETLINK && type === NETLINK_LISTEN_ALL_NSID)
        return view.getInt32(at + 16, littleEndian)
      at += (length + 7) & ~7
    }
    return undefined
  }
}
