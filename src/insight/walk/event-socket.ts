import type { Where } from '../../linux/change.ts'
import { type Reply, splitMessages } from '../../linux/netlink/connection.ts'
import { NetlinkSocket } from '../../linux/netlink/socket.ts'
import { NETLINK_NETFILTER } from '../../linux/nftables/index.ts'
import { errno, SystemError } from '../../linux/sys/errno.ts'
import { openNamespace } from '../../linux/sys/namespace.ts'

/**
 * Theory of operation. When the buffer of a subscription is full the kernel drops every further event until all that is in
 * the buffer was read. It tells so at once, in front of what is still there; so the gap lies behind that.
 */

/** Room for events until they are read: those of some 10,000 steps. Without root of the machine the kernel gives less. */
const bufferSize = 8 * 1024 * 1024

/** Read at one go: whoever sends faster than we read must not keep us here for ever. */
const mostDatagrams = 50_000

/** One event, or a gap: at this place of the sequence the kernel dropped events, as nobody read them in time. */
export type EventOrGap = Reply | 'lost'

/**
 * A subscription to groups of netfilter's events in one namespace. Unlike a plain connection it keeps the place of a gap
 * among the events around it.
 */
export class EventSocket implements Disposable {
  readonly #socket: NetlinkSocket
  #hasGap = false

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Subscribes. Throws SystemError (EPERM without CAP_NET_ADMIN over the namespace), NamespaceError. */
  static open(where: Where, groups: readonly number[]): EventSocket {
    using namespace = where === undefined ? undefined : openNamespace(where)
    const socket = NetlinkSocket.open(NETLINK_NETFILTER, namespace?.number)
    try {
      socket.growReceiveBuffer(bufferSize)
      for (const group of groups) socket.join(group)
    } catch (error) {
      socket[Symbol.dispose]()
      throw error
    }
    return new EventSocket(socket)
  }

  /** To wait for events with `waitReadable`. */
  get descriptor(): number {
    return this.#socket.descriptor
  }

  /** What has come by now, in order, at most so many datagrams of it; does not wait. Throws SystemError, ProtocolError. */
  read(most = mostDatagrams): EventOrGap[] {
    const events: EventOrGap[] = []
    for (let count = 0; count < most; count++) {
      const datagram = this.#receive()
      if (datagram === undefined) {
        if (this.#hasGap) events.push('lost')
        this.#hasGap = false
        break
      }
      if (datagram === 'lost') {
        this.#hasGap = true
        continue
      }
      for (const { type, flags, bytes, from, to } of splitMessages(datagram))
        events.push({ type, flags, payload: bytes.slice(from, to) })
    }
    return events
  }

  #receive(): Uint8Array | 'lost' | undefined {
    try {
      return this.#socket.receive(false)
    } catch (error) {
      if (error instanceof SystemError && error.errno === errno.ENOBUFS) return 'lost'
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}
