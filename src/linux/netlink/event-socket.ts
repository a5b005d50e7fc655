import { SystemError } from '../sys/errno.ts'
import { libc } from '../sys/libc.ts'
import { splitMessages } from './connection.ts'
import { ProtocolError } from './errors.ts'
import { EventDatagram } from './event-datagram.ts'
import { NetlinkSocket } from './socket.ts'
import { littleEndian } from './writer.ts'

/**
 * Theory of operation. A subscription to groups of events. When its buffer is full the kernel drops every further event,
 * and says so at the next read. A socket that listens to all namespaces hears of each that has a number here, which every
 * namespace has to which a cable leads; the number comes beside each event, so one socket serves any number of namespaces
 * and keeps none of them alive.
 */

const SOL_SOCKET = 1
const SO_ATTACH_FILTER = 26
const SO_RCVBUF = 8
const SOL_NETLINK = 270
const NETLINK_LISTEN_ALL_NSID = 8

/** Room for events until they are read. Without root of the machine the kernel gives less. */
const defaultBufferSize = 4 * 1024 * 1024
/** The kernel puts events into datagrams of at most 32 KiB. */
const receiveSize = 64 * 1024
/** Read at one go: whoever sends faster than we read must not keep us here for ever. */
const mostDatagrams = 10_000

/** One event of the kernel. */
export type NetlinkEvent = {
  type: number
  /** Of the socket whose request caused it: 0 where no request did. */
  portId: number
  /** Number, in the namespace of this socket, of the one where it happened; undefined is this one. */
  namespaceId: number | undefined
  payload: Uint8Array
}

export type EventSocketOptions = {
  groups: readonly number[]
  /** Hears of all namespaces that have a number in this one. */
  allNamespaces?: boolean
  /** Only messages of this type: the kernel drops the others before they take room. */
  only?: number
  /** Bytes. */
  bufferSize?: number | undefined
}

/** A subscription to events, in the namespace of this thread. */
export class EventSocket implements Disposable {
  readonly #socket: NetlinkSocket
  readonly #message = new EventDatagram(receiveSize)

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Throws SystemError (EPERM: groups of netfilter need CAP_NET_ADMIN). */
  static open(protocol: number, options: EventSocketOptions): EventSocket {
    const { groups, allNamespaces, only, bufferSize } = options
    const socket = NetlinkSocket.open(protocol)
    try {
      if (bufferSize === undefined) socket.growReceiveBuffer(defaultBufferSize)
      else set(socket, SOL_SOCKET, SO_RCVBUF, integer(bufferSize))
      if (allNamespaces) set(socket, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, integer(1))
      if (only !== undefined) attachTypeFilter(socket, only)
      for (const group of groups) socket.join(group)
      return new EventSocket(socket)
    } catch (error) {
      socket[Symbol.dispose]()
      throw error
    }
  }

  /** To wait for events with `waitReadable`. */
  get descriptor(): number {
    return this.#socket.descriptor
  }

  /** What has come by now, in order; `lost` where some were dropped, or cannot be read. Does not wait. Throws SystemError. */
  read(): { events: NetlinkEvent[]; lost: boolean } {
    const events: NetlinkEvent[] = []
    let lost = false
    for (let count = 0; count < mostDatagrams; count++) {
      const received = this.#message.receive(this.descriptor)
      if (received === 'nothing') break
      if (received === 'lost') {
        lost = true
        continue
      }
      const { bytes: datagram, namespaceId } = received
      try {
        for (const { type, portId, bytes, from, to } of splitMessages(datagram))
          events.push({ type, portId, namespaceId, payload: bytes.slice(from, to) })
      } catch (error) {
        // What cannot be read is as good as dropped.
        if (!(error instanceof ProtocolError)) throw error
        lost = true
      }
    }
    return { events, lost }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}

const integer = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer)

const set = (socket: NetlinkSocket, level: number, name: number, value: Uint8Array): void => {
  if (libc().setsockopt(socket.descriptor, level, name, value, value.length) !== 0)
    throw new SystemError('setsockopt', libc().errno())
}

/**
 * Lets only datagrams pass whose first message is of this type. Classic BPF: struct sock_filter is code, two jumps and a
 * constant; loads are in network byte order, while struct nlmsghdr has the machine's.
 */
const attachTypeFilter = (socket: NetlinkSocket, type: number): void => {
  const typeOffset = 4
  const wanted = littleEndian ? ((type & 0xff) << 8) | (type >> 8) : type
  const program: [number, number, number, number][] = [
    [0x28, 0, 0, typeOffset],
    [0x15, 0, 1, wanted],
    [0x06, 0, 0, 0xffffffff],
    [0x06, 0, 0, 0],
  ]
  const code = new DataView(new ArrayBuffer(program.length * 8))
  for (const [index, [operation, yes, no, constant]] of program.entries()) {
    code.setUint16(index * 8, operation, littleEndian)
    code.setUint8(index * 8 + 2, yes)
    code.setUint8(index * 8 + 3, no)
    code.setUint32(index * 8 + 4, constant, littleEndian)
  }
  const instructions = new Uint8Array(code.buffer)
  // struct sock_fprog: count, padding, pointer.
  const head = new DataView(new ArrayBuffer(16))
  head.setUint16(0, program.length, littleEndian)
  head.setBigUint64(8, libc().address(instructions), littleEndian)
  set(socket, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(head.buffer))
  // The kernel has copied it; until here it must not move.
  if (instructions.length === 0) throw new RangeError('an empty filter')
}
