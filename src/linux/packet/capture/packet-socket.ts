import { Descriptor } from '../../sys/descriptor.ts'
import { SystemError } from '../../sys/errno.ts'
import { libc } from '../../sys/libc.ts'
import { insideNamespace } from '../../sys/namespace.ts'
import { type Instruction, programBytes } from '../filter/instruction.ts'
import { CaptureError } from './capture-error.ts'
import { type CaptureOptions, type CaptureStatistics, defaultSnapLength } from './captured-packet.ts'
import { AF_PACKET, encodeLinkAddress, hardwareType, linkAddressSize, linkTypeOf } from './link-address.ts'

const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_ERROR = 4
const SO_ATTACH_FILTER = 26
export const SOL_PACKET = 263
const PACKET_STATISTICS = 6
const PACKET_IGNORE_OUTGOING = 23

/** An int as setsockopt(2) takes it. */
export const integer = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer)

/**
 * A packet socket (packet(7)) gets a copy of every packet that an interface receives or sends. It is created inside the
 * namespace of the interface and read from here (see sys/namespace.ts). It is opened deaf (protocol 0), gets its filter
 * and its buffer, and only then is bound, so that nothing that the filter refuses is ever queued. How packets are read from
 * it is left to whoever opens it.
 */
export class PacketSocket implements Disposable {
  readonly #descriptor: Descriptor
  #seen = 0
  #dropped = 0
  #link: 'ethernet' | 'ip' = 'ethernet'

  private constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor
  }

  /**
   * Begins to capture; `prepare` makes room for packets before the first. Throws SystemError (EPERM without CAP_NET_RAW in
   * the namespace; ENODEV for an interface that is not there) and CaptureError.
   */
  static open(options: CaptureOptions, prepare: (socket: PacketSocket) => void): PacketSocket {
    const { namespace, snapLength = defaultSnapLength } = options
    if (!Number.isInteger(snapLength) || snapLength < 1 || snapLength > defaultSnapLength)
      throw new CaptureError(options.interface, `a snapshot length of 1 to ${defaultSnapLength} is possible`)
    if (!Number.isInteger(options.interface) || options.interface < 1)
      throw new CaptureError(options.interface, 'an index is a number from 1 on')
    const create = () => {
      const number = libc().socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
      if (number < 0) throw new SystemError('socket', libc().errno())
      return new Descriptor(number)
    }
    const socket = new PacketSocket(namespace === undefined ? create() : insideNamespace(namespace, create))
    try {
      socket.#begin(options, prepare)
      return socket
    } catch (error) {
      socket.close()
      throw error
    }
  }

  #begin(
    { interface: index, filter, outgoing = true }: CaptureOptions,
    prepare: (socket: PacketSocket) => void,
  ): void {
    if (!outgoing) this.option(SOL_PACKET, PACKET_IGNORE_OUTGOING, integer(1))
    if (filter !== undefined) this.#attach(filter)
    prepare(this)
    const address = encodeLinkAddress(index)
    if (libc().bind(this.descriptor, address, address.length) !== 0)
      throw new SystemError('bind', libc().errno())
    this.#link = this.#linkType(index, filter !== undefined)
  }

  /** Equivalent to: setsockopt(2). Throws SystemError. */
  option(level: number, name: number, value: Uint8Array): void {
    if (libc().setsockopt(this.descriptor, level, name, value, value.length) !== 0)
      throw new SystemError('setsockopt', libc().errno())
  }

  /** struct sock_fprog: the number of instructions, and where they are. */
  #attach(filter: readonly Instruction[]): void {
    const program = programBytes(filter)
    const view = new DataView(new ArrayBuffer(16))
    const native = new Uint16Array(view.buffer)
    native[0] = filter.length
    new BigUint64Array(view.buffer)[1] = libc().address(program)
    this.option(SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(view.buffer))
  }

  #linkType(index: number, filtered: boolean): 'ethernet' | 'ip' {
    const sender = new DataView(new ArrayBuffer(linkAddressSize))
    const size = integer(linkAddressSize)
    if (libc().getsockname(this.descriptor, new Uint8Array(sender.buffer), size) !== 0)
      throw new SystemError('getsockname', libc().errno())
    const link = linkTypeOf(sender)
    if (link === undefined)
      throw new CaptureError(index, `its hardware type ${hardwareType(sender)} is not understood`)
    if (filtered && link === 'ip')
      throw new CaptureError(index, 'its packets have no Ethernet header, and filters count from one')
    return link
  }

  /** For poll(2): readable when packets are there. */
  get descriptor(): number {
    return this.#descriptor.number
  }

  /** What packets begin with here. */
  get link(): 'ethernet' | 'ip' {
    return this.#link
  }

  /** What went wrong since it was asked last, such as ENETDOWN; 0 for nothing. Throws SystemError. */
  takeError(): number {
    const [error, size] = [new Int32Array(1), integer(4)]
    if (libc().getsockopt(this.descriptor, SOL_SOCKET, SO_ERROR, new Uint8Array(error.buffer), size) !== 0)
      throw new SystemError('getsockopt', libc().errno())
    return error[0] ?? 0
  }

  /** Throws SystemError. Equivalent to the lines at the end of tcpdump(8): `packets received by filter`, `dropped by kernel`. */
  statistics(): CaptureStatistics {
    // struct tpacket_stats; the kernel starts anew from 0 whenever it is asked.
    const [counted, size] = [new Uint32Array(2), integer(8)]
    const bytes = new Uint8Array(counted.buffer)
    if (libc().getsockopt(this.descriptor, SOL_PACKET, PACKET_STATISTICS, bytes, size) !== 0)
      throw new SystemError('getsockopt', libc().errno())
    this.#seen += counted[0] ?? 0
    this.#dropped += counted[1] ?? 0
    return { seen: this.#seen, dropped: this.#dropped }
  }

  close(): void {
    this.#descriptor.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
