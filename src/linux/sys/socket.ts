import { Descriptor } from './descriptor.ts'
import { errno, SystemError } from './errno.ts'
import { libc } from './libc.ts'
import { insideNamespace } from './namespace.ts'
import {
  addressFamilyNumber,
  decodeSocketAddress,
  type Endpoint,
  encodeSocketAddress,
  socketAddressSize,
} from './socket-address.ts'

/**
 * Theory of operation. Sockets of any namespace, used from here: one is created inside its namespace and belongs there
 * for ever (see namespace.ts), and all that follows goes by its descriptor. All are non-blocking; whatever has to wait
 * does so in poll(2) with a limit in milliseconds, so nothing here can hang. As the kernel shakes hands by itself, one
 * thread can hold both ends of a connection: listen, connect, then accept.
 */

const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const IPPROTO_ICMP = 1
const IPPROTO_ICMPV6 = 58
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_ERROR = 4
const SO_LINGER = 13
const IPPROTO_IP = 0
const IPPROTO_IPV6 = 41
const IP_MTU_DISCOVER = 10
const IPV6_MTU_DISCOVER = 23
/** IP_PMTUDISC_DONT, IP_PMTUDISC_PROBE (linux/in.h); those of IPv6 have the same numbers. */
const splitting = { allowed: 0, forbidden: 3 }
const MSG_NOSIGNAL = 0x4000
const POLLIN = 1
const POLLOUT = 4
const largestDatagram = 65_535

/**
 * `icmp` is a raw socket (CAP_NET_RAW): it receives every ICMP message for this namespace, that of IPv4 with the IP header.
 * What it sends to IPv6 gets its checksum from the kernel.
 */
export type SocketKind = 'tcp' | 'udp' | 'icmp'

const kinds: Record<SocketKind, { type: number; protocol: number }> = {
  tcp: { type: SOCK_STREAM, protocol: 0 },
  udp: { type: SOCK_DGRAM, protocol: 0 },
  icmp: { type: SOCK_RAW, protocol: IPPROTO_ICMP },
}

/** Where a socket is made: the descriptor's number of a namespace (default: this thread's), and the IP family (default 4). */
export type SocketPlace = { namespace?: number | undefined; family?: 4 | 6 | undefined }

/** What was received, and from where; a connection knows its peer, so `from` is for datagrams only. */
export type Received = { bytes: Uint8Array; from: Endpoint | undefined }

const integer = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer)

const failed = (call: string): SystemError => new SystemError(call, libc().errno())

/** A TCP, UDP or raw ICMP socket: `using socket = Socket.open('tcp', { namespace })`. */
export class Socket implements Disposable {
  readonly #descriptor: Descriptor

  private constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor
  }

  /** socket(2) inside a namespace. Throws SystemError (EPERM for `icmp` without CAP_NET_RAW). */
  static open(kind: SocketKind, { namespace, family = 4 }: SocketPlace = {}): Socket {
    const { type } = kinds[kind]
    const protocol = kind === 'icmp' && family === 6 ? IPPROTO_ICMPV6 : kinds[kind].protocol
    const create = () => {
      const number = libc().socket(addressFamilyNumber(family), type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)
      if (number < 0) throw failed('socket')
      return new Descriptor(number)
    }
    return new Socket(namespace === undefined ? create() : insideNamespace(namespace, create))
  }

  /** A TCP server: socket, bind, listen. Throws SystemError (EADDRINUSE). */
  static listen(endpoint: Endpoint, place: SocketPlace = {}): Socket {
    const socket = Socket.open('tcp', place)
    try {
      libc().setsockopt(socket.descriptor, SOL_SOCKET, SO_REUSEADDR, integer(1), 4)
      socket.bind(endpoint)
      if (libc().listen(socket.descriptor, 16) !== 0) throw failed('listen')
      return socket
    } catch (error) {
      socket.close()
      throw error
    }
  }

  /** A TCP client, connected. Throws SystemError (ECONNREFUSED, ENETUNREACH, EHOSTUNREACH; ETIMEDOUT after `milliseconds`). */
  static connect(endpoint: Endpoint, milliseconds: number, place: SocketPlace = {}): Socket {
    const socket = Socket.open('tcp', place)
    try {
      socket.#connect(endpoint, milliseconds)
      return socket
    } catch (error) {
      socket.close()
      throw error
    }
  }

  #connect(endpoint: Endpoint, milliseconds: number): void {
    if (!this.startConnect(endpoint) && !this.isConnected(milliseconds))
      throw new SystemError('connect', errno.ETIMEDOUT)
  }

  /**
   * Begins to connect; returns whether that was all, as it is for datagrams, which only get a peer. Throws SystemError
   * (ENETUNREACH, EHOSTUNREACH). Afterwards ask `isConnected`.
   */
  startConnect(endpoint: Endpoint): boolean {
    const address = encodeSocketAddress(endpoint)
    if (libc().connect(this.descriptor, address, address.length) === 0) return true
    const number = libc().errno()
    if (number !== errno.EINPROGRESS) throw new SystemError('connect', number)
    return false
  }

  /** Whether a connection that was begun stands within `milliseconds`. Throws SystemError when it failed (ECONNREFUSED). */
  isConnected(milliseconds: number): boolean {
    if (!this.#ready(POLLOUT, milliseconds)) return false
    const result = new Int32Array(1)
    if (
      libc().getsockopt(this.descriptor, SOL_SOCKET, SO_ERROR, new Uint8Array(result.buffer), integer(4)) !==
      0
    )
      throw failed('getsockopt')
    if (result[0] !== 0) throw new SystemError('connect', result[0] ?? errno.EIO)
    return true
  }

  /** Makes the end of a connection a reset, so that nothing of it waits afterwards. Throws SystemError. */
  resetAtClose(): void {
    // struct linger: int l_onoff; int l_linger, in seconds.
    const linger = new Uint8Array(new Int32Array([1, 0]).buffer)
    if (libc().setsockopt(this.descriptor, SOL_SOCKET, SO_LINGER, linger, linger.length) !== 0)
      throw failed('setsockopt')
  }

  /**
   * Whether what is sent may be split into fragments; where it may not, no size of a path that was learned before counts
   * either. Throws SystemError.
   */
  setSplitting(choice: keyof typeof splitting, family: 4 | 6 = 4): void {
    const [level, option] = family === 4 ? [IPPROTO_IP, IP_MTU_DISCOVER] : [IPPROTO_IPV6, IPV6_MTU_DISCOVER]
    if (libc().setsockopt(this.descriptor, level, option, integer(splitting[choice]), 4) !== 0)
      throw failed('setsockopt')
  }

  get descriptor(): number {
    return this.#descriptor.number
  }

  /** Port 0 lets the kernel choose: see `local`. Throws SystemError. */
  bind(endpoint: Endpoint): void {
    const address = encodeSocketAddress(endpoint)
    if (libc().bind(this.descriptor, address, address.length) !== 0) throw failed('bind')
  }

  /** The next connection, or undefined when none came within `milliseconds`. Throws SystemError. */
  accept(milliseconds: number): Socket | undefined {
    if (!this.#ready(POLLIN, milliseconds)) return undefined
    const number = libc().accept4(this.descriptor, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC)
    if (number >= 0) return new Socket(new Descriptor(number))
    if (libc().errno() === errno.EAGAIN) return undefined
    throw failed('accept4')
  }

  /** Own end (getsockname). Throws SystemError. */
  get local(): Endpoint {
    return this.#name('getsockname')
  }

  /** The other end as this one sees it (getpeername): after translation, if there is any on the way. Throws SystemError. */
  get peer(): Endpoint {
    return this.#name('getpeername')
  }

  #name(call: 'getsockname' | 'getpeername'): Endpoint {
    const address = new Uint8Array(socketAddressSize)
    if (libc()[call](this.descriptor, address, integer(address.length)) !== 0) throw failed(call)
    const endpoint = decodeSocketAddress(address)
    if (endpoint === undefined) throw new SystemError(call, errno.EINVAL)
    return endpoint
  }

  /**
   * Sends the bytes, to `to` or to the peer; a few bytes always fit in an empty buffer. Throws SystemError (ENETUNREACH:
   * no route; EPERM: the own firewall; EAGAIN: buffer full).
   */
  send(bytes: Uint8Array, to?: Endpoint): void {
    const address = to === undefined ? null : encodeSocketAddress(to)
    for (;;) {
      const size = address?.length ?? 0
      if (libc().sendto(this.descriptor, bytes, bytes.length, MSG_NOSIGNAL, address, size) >= 0) return
      const number = libc().errno()
      if (number !== errno.EINTR) throw new SystemError('sendto', number)
    }
  }

  /**
   * What comes next within `milliseconds`, or undefined when nothing did; no bytes mean that the peer has closed.
   * Throws SystemError (ECONNRESET).
   */
  receive(milliseconds: number): Received | undefined {
    if (!this.#ready(POLLIN, milliseconds)) return undefined
    const buffer = new Uint8Array(largestDatagram)
    const sender = new Uint8Array(socketAddressSize)
    const length = libc().recvfrom(this.descriptor, buffer, buffer.length, 0, sender, integer(sender.length))
    if (length >= 0) return { bytes: buffer.subarray(0, length), from: decodeSocketAddress(sender) }
    if (libc().errno() === errno.EAGAIN) return undefined
    throw failed('recvfrom')
  }

  /** poll(2); a signal does not end the wait before its time. */
  #ready(events: number, milliseconds: number): boolean {
    const end = performance.now() + milliseconds
    // struct pollfd: int fd; short events; short revents.
    const pollfd = new DataView(new ArrayBuffer(8))
    const bytes = new Uint8Array(pollfd.buffer)
    new Int32Array(pollfd.buffer)[0] = this.descriptor
    new Int16Array(pollfd.buffer)[2] = events
    for (;;) {
      const left = Math.max(0, Math.ceil(end - performance.now()))
      const count = libc().poll(bytes, 1, left)
      if (count > 0) return true
      if (count === 0) return false
      const number = libc().errno()
      if (number !== errno.EINTR) throw new SystemError('poll', number)
    }
  }

  close(): void {
    this.#descriptor.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
