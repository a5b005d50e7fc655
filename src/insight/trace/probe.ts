import type { FlowTuple } from '../../linux/conntrack/index.ts'
import { encodeEcho } from '../../linux/net/icmp.ts'
import { parseIp } from '../../linux/net/ip.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { decodePacket, layerOf, quotedTupleOf } from '../../linux/packet/index.ts'
import { SystemError } from '../../linux/sys/errno.ts'
import { openNamespace } from '../../linux/sys/namespace.ts'
import { Socket } from '../../linux/sys/socket.ts'

/**
 * Theory of operation. A probe is one question that a program in the space could ask: an ICMP echo, the beginning of a TCP
 * connection, a UDP datagram. Its socket belongs to the space, and its source is fixed before anything is sent, so that what
 * is traced can be told from everything else. A connection is ended by a reset: nothing of it waits afterwards.
 */

/** Where a probe goes; `port` is for TCP and UDP. Addresses in canonical form. */
export type ProbeTarget = {
  family: 4 | 6
  protocol: 'icmp' | 'tcp' | 'udp'
  address: string
  port?: number
}

export type ProbeOptions = {
  /** Source port, or identifier of the echo; chosen when left out. */
  sourcePort?: number
  /** What a UDP datagram carries (default: nothing). */
  payload?: Uint8Array
}

/** What the program in the space would have noticed; `milliseconds` since the probe was sent. */
export type ProbeAnswer =
  | { type: 'none' }
  | { type: 'answered'; milliseconds: number }
  /** What the kernel said of it, such as ECONNREFUSED. `call` is sendto or connect when it came at once. */
  | { type: 'error'; call: string; code: string; milliseconds: number }
  /** An error of ICMP about the echo. */
  | { type: 'icmp-error'; icmpType: number; icmpCode: number; from: string; milliseconds: number }

const ports = { tcp: PROTOCOL_NUMBER.tcp, udp: PROTOCOL_NUMBER.udp }
const echoRequest = { 4: 8, 6: 128 } as const
const echoReply = { 4: 0, 6: 129 } as const

/** One question to the outside, asked from inside a space. */
export class Probe implements Disposable {
  readonly target: ProbeTarget
  /** As its packets leave the space. */
  readonly tuple: FlowTuple
  readonly #socket: Socket
  readonly #payload: Uint8Array
  #sentAt = 0
  #isConnecting = false

  private constructor(target: ProbeTarget, tuple: FlowTuple, socket: Socket, payload: Uint8Array) {
    this.target = target
    this.tuple = tuple
    this.#socket = socket
    this.#payload = payload
  }

  /**
   * Opens the socket; sends nothing yet. `fallback` is the source where the space has no route that would give one. Throws
   * SystemError (EPERM without CAP_NET_RAW for ICMP; EADDRINUSE, EACCES for the source port), NamespaceError.
   */
  static open(path: string, target: ProbeTarget, fallback: string, options: ProbeOptions = {}): Probe {
    using namespace = openNamespace(path)
    const { family, protocol } = target
    const place = { namespace: namespace.number, family }
    const socket = Socket.open(protocol, place)
    try {
      // At once, so that it holds however this process ends.
      if (protocol === 'tcp') socket.resetAtClose()
      const source = sourceOf(target, place) ?? fallback
      const id = options.sourcePort ?? randomId()
      if (protocol !== 'icmp')
        socket.bind({ address: family === 4 ? '0.0.0.0' : '::', port: options.sourcePort ?? 0 })
      const tuple = tupleOf(target, source, protocol === 'icmp' ? id : socket.local.port)
      return new Probe(target, tuple, socket, options.payload ?? new Uint8Array())
    } catch (error) {
      socket.close()
      throw error
    }
  }

  /** To wait for an answer with `waitReadable`; a connection that stands makes nothing to read. */
  get descriptor(): number {
    return this.#socket.descriptor
  }

  /** Sends it; returns what went wrong at once, such as a missing route. */
  send(): ProbeAnswer {
    // What came for others since the socket was opened must not fill its buffer.
    if (this.target.protocol === 'icmp') this.#checkEchoes()
    this.#sentAt = performance.now()
    const { address, port = 0, protocol } = this.target
    try {
      if (protocol === 'icmp') this.#socket.send(this.#echo(), { address, port: 0 })
      else if (protocol === 'udp') {
        this.#socket.startConnect({ address, port })
        this.#socket.send(this.#payload)
      } else this.#isConnecting = !this.#socket.startConnect({ address, port })
      return { type: 'none' }
    } catch (error) {
      return this.#failure(error)
    }
  }

  /** What has come by now; does not wait. */
  check(): ProbeAnswer {
    try {
      if (this.target.protocol === 'icmp') return this.#checkEchoes()
      if (this.#isConnecting && !this.#socket.isConnected(0)) return { type: 'none' }
      if (this.target.protocol === 'udp' && this.#socket.receive(0) === undefined) return { type: 'none' }
      return { type: 'answered', milliseconds: this.#elapsed() }
    } catch (error) {
      return this.#failure(error)
    }
  }

  /** Every message of ICMP for the space comes by. */
  #checkEchoes(): ProbeAnswer {
    const { family } = this.target
    for (;;) {
      const received = this.#socket.receive(0)
      if (received === undefined) return { type: 'none' }
      const from = received.from?.address ?? ''
      const packet = family === 4 ? received.bytes : withHeader(received.bytes, from, this.tuple.source)
      const decoded = decodePacket(packet, { link: 'ip' })
      const message = family === 4 ? layerOf(decoded, 'icmp') : layerOf(decoded, 'icmpv6')
      if (message === undefined) continue
      const { icmpType, icmpCode, query } = message
      const milliseconds = this.#elapsed()
      // The answer of a broadcast address or of an anycast one bears another source.
      if (icmpType === echoReply[family] && query?.id === this.tuple.icmp?.id)
        return { type: 'answered', milliseconds }
      const quoted = quotedTupleOf(decoded)
      if (quoted?.destination === this.target.address && quoted.icmp?.id === this.tuple.icmp?.id)
        return { type: 'icmp-error', icmpType, icmpCode, from, milliseconds }
    }
  }

  #echo(): Uint8Array {
    const payload = new Uint8Array(56)
    const echo = encodeEcho({ type: 'request', identifier: this.tuple.icmp?.id ?? 0, sequence: 1, payload })
    // The kernel makes the checksum of ICMPv6, which covers the addresses.
    if (this.target.family === 6) echo.set([echoRequest[6], 0, 0, 0])
    return echo
  }

  #elapsed(): number {
    return performance.now() - this.#sentAt
  }

  #failure(error: unknown): ProbeAnswer {
    if (!(error instanceof SystemError)) throw error
    return { type: 'error', call: error.call, code: error.code, milliseconds: this.#elapsed() }
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}

/** The source that the routes of the space give; undefined without a route. A UDP socket with a peer sends nothing. */
const sourceOf = ({ address }: ProbeTarget, place: Parameters<typeof Socket.open>[1]): string | undefined => {
  using socket = Socket.open('udp', place)
  try {
    socket.startConnect({ address, port: 9 })
    return socket.local.address
  } catch (error) {
    if (error instanceof SystemError) return undefined
    throw error
  }
}

const randomId = (): number => 1 + Math.floor(Math.random() * 0xfffe)

const tupleOf = ({ family, protocol, address, port }: ProbeTarget, source: string, own: number): FlowTuple =>
  protocol === 'icmp'
    ? {
        source,
        destination: address,
        protocol: family === 4 ? PROTOCOL_NUMBER.icmp : PROTOCOL_NUMBER.icmpv6,
        icmp: { type: echoRequest[family], code: 0, id: own },
      }
    : { source, destination: address, protocol: ports[protocol], sourcePort: own, destinationPort: port ?? 0 }

/** A message of ICMPv6 behind a header of IPv6 (RFC 8200 section 3), which a raw socket does not hand out. */
const withHeader = (message: Uint8Array, source: string, destination: string): Uint8Array => {
  const packet = new Uint8Array(40 + message.length)
  const view = new DataView(packet.buffer)
  view.setUint8(0, 0x60)
  view.setUint16(4, message.length)
  view.setUint8(6, PROTOCOL_NUMBER.icmpv6)
  view.setUint8(7, 64)
  packet.set(parseIp(source) ?? new Uint8Array(16), 8)
  packet.set(parseIp(destination) ?? new Uint8Array(16), 24)
  packet.set(message, 40)
  return packet
}
