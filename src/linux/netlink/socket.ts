import { Descriptor } from '../sys/descriptor.ts'
import { errno, SystemError } from '../sys/errno.ts'
import { libc } from '../sys/libc.ts'
import { insideNamespace } from '../sys/namespace.ts'
import { littleEndian } from './writer.ts'

/** A bound netlink socket: sends datagrams to the kernel and receives what the kernel, and nobody else, answers. */

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_RCVTIMEO = 20
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12
const MSG_TRUNC = 0x20
const MSG_DONTWAIT = 0x40

/** struct sockaddr_nl: family, pad, port id, groups. */
const addressSize = 12
/** The kernel's own dumps come in pieces of at most 32 KiB; echoes of large batches can be larger. */
const receiveSize = 256 * 1024
/** An answer of the kernel is queued before sendto returns; waiting this long means that something is broken. */
const receiveSeconds = 10

// One receive buffer serves every socket: whatever is decoded from it is copied out before the next receive.
let receiveBuffer: Uint8Array | undefined

const integer = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer)

/** struct sockaddr_nl with port id 0: the kernel, or as an own address, any that is free. */
const kernelAddress = (): Uint8Array => {
  const address = new Uint8Array(addressSize)
  new DataView(address.buffer).setUint16(0, AF_NETLINK, littleEndian)
  return address
}

// What calls write to and read from is made once, not for each of the thousands of sockets that a host with many
// namespaces needs: every call is over before the next one begins.
const kernel = kernelAddress()
const one = integer(1)
const timeout = new Uint8Array(new BigInt64Array([BigInt(receiveSeconds), 0n]).buffer)
const peer = kernelAddress()
const peerView = new DataView(peer.buffer)
const peerLength = integer(addressSize)
const peerLengthView = new DataView(peerLength.buffer)

/** The port id in the address that a call fills in. */
const peerPort = (): number => peerView.getUint32(4, littleEndian)

export class NetlinkSocket implements Disposable {
  readonly #descriptor: Descriptor
  readonly portId: number
  #sendSize = 0

  private constructor(descriptor: Descriptor, portId: number) {
    this.#descriptor = descriptor
    this.portId = portId
  }

  /** Opens a socket in the namespace `namespace` (a descriptor's number; default: this thread's). Throws SystemError. */
  static open(protocol: number, namespace?: number): NetlinkSocket {
    const create = () => {
      const number = libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)
      if (number < 0) throw new SystemError('socket', libc().errno())
      return number
    }
    const number = namespace === undefined ? create() : insideNamespace(namespace, create)
    const descriptor = new Descriptor(number)
    try {
      if (libc().bind(number, kernel, addressSize) !== 0) throw new SystemError('bind', libc().errno())
      peerLengthView.setInt32(0, addressSize, littleEndian)
      if (libc().getsockname(number, peer, peerLength) !== 0)
        throw new SystemError('getsockname', libc().errno())
      const socket = new NetlinkSocket(descriptor, peerPort())
      for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK])
        libc().setsockopt(number, SOL_NETLINK, option, one, 4)
      libc().setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length)
      return socket
    } catch (error) {
      descriptor.close()
      throw error
    }
  }

  get descriptor(): number {
    return this.#descriptor.number
  }

  #option(level: number, name: number, value: number): boolean {
    return libc().setsockopt(this.#descriptor.number, level, name, integer(value), 4) === 0
  }

  /** Joins a multicast group. Throws SystemError. */
  join(group: number): void {
    if (!this.#option(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group))
      throw new SystemError('setsockopt', libc().errno())
  }

  /** Asks for a larger receive buffer: subscriptions, and batches with thousands of answers. */
  growReceiveBuffer(size: number): void {
    if (!this.#option(SOL_SOCKET, SO_RCVBUFFORCE, size)) this.#option(SOL_SOCKET, SO_RCVBUF, size)
  }

  /** Sends all bytes as one datagram. Throws SystemError (EMSGSIZE past what the socket may buffer). */
  send(bytes: Uint8Array): void {
    if (bytes.length > 100_000 && bytes.length > this.#sendSize) {
      // SO_SNDBUFFORCE needs the privilege of the first user namespace; the other is cut at net.core.wmem_max.
      if (!this.#option(SOL_SOCKET, SO_SNDBUFFORCE, bytes.length * 2))
        this.#option(SOL_SOCKET, SO_SNDBUF, bytes.length * 2)
      this.#sendSize = bytes.length
    }
    for (;;) {
      if (libc().sendto(this.descriptor, bytes, bytes.length, 0, kernel, addressSize) >= 0) return
      const number = libc().errno()
      if (number !== errno.EINTR) throw new SystemError('sendto', number)
    }
  }

  /**
   * Receives one datagram of the kernel; datagrams of other processes are dropped. Returns a view into a shared buffer
   * that the next receive overwrites, or undefined when `wait` is false and nothing is queued. Throws SystemError
   * (ENOBUFS: events were lost; EAGAIN: no answer in time).
   */
  receive(wait = true): Uint8Array | undefined {
    receiveBuffer ??= new Uint8Array(receiveSize)
    const flags = MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT)
    for (;;) {
      peerLengthView.setInt32(0, addressSize, littleEndian)
      const length = libc().recvfrom(
        this.descriptor,
        receiveBuffer,
        receiveBuffer.length,
        flags,
        peer,
        peerLength,
      )
      if (length < 0) {
        const number = libc().errno()
        if (number === errno.EINTR) continue
        if (number === errno.EAGAIN && !wait) return undefined
        throw new SystemError('recvfrom', number)
      }
      if (length > receiveBuffer.length) throw new SystemError('recvfrom', errno.EMSGSIZE)
      if (peerPort() === 0) return receiveBuffer.subarray(0, length)
    }
  }

  [Symbol.dispose](): void {
    this.#descriptor.close()
  }
}
