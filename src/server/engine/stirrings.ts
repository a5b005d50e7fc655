import { DecodeError } from '../../linux/netlink/codec.ts'
import { Connection } from '../../linux/netlink/connection.ts'
import { ProtocolError } from '../../linux/netlink/errors.ts'
import { EventSocket } from '../../linux/netlink/event-socket.ts'
import {
  decodeGeneration,
  multicastGroups,
  NETLINK_NETFILTER,
  newGenerationType,
  readGeneration,
} from '../../linux/nftables/index.ts'
import { NETLINK_ROUTE, routeGroups } from '../../linux/rtnetlink/types.ts'

/**
 * Whether anything at all has changed that a picture shows: links, addresses, routes and rules, here and in every space, and
 * the ruleset. What this process changes itself in the ruleset, such as a table to trace by, is no reason.
 */
export class Stirrings implements Disposable {
  readonly #route: EventSocket
  readonly #firewall: EventSocket
  readonly #ownId: number

  private constructor(route: EventSocket, firewall: EventSocket, ownId: number) {
    this.#route = route
    this.#firewall = firewall
    this.#ownId = ownId
  }

  /** Throws SystemError (EPERM without CAP_NET_ADMIN). */
  static open(): Stirrings {
    using connection = Connection.open(NETLINK_NETFILTER)
    const ownId = readGeneration(connection).processId
    const route = EventSocket.open(NETLINK_ROUTE, { groups: Object.values(routeGroups), allNamespaces: true })
    try {
      const only = { groups: [multicastGroups.NFNLGRP_NFTABLES], only: newGenerationType }
      return new Stirrings(route, EventSocket.open(NETLINK_NETFILTER, only), ownId)
    } catch (error) {
      route[Symbol.dispose]()
      throw error
    }
  }

  /** Whether something has come by now. Does not wait. Throws SystemError. */
  read(): boolean {
    const [route, firewall] = [this.#route.read(), this.#firewall.read()]
    return (
      route.lost ||
      firewall.lost ||
      route.events.length > 0 ||
      firewall.events.some(({ payload }) => this.#isForeign(payload))
    )
  }

  #isForeign(payload: Uint8Array): boolean {
    try {
      return decodeGeneration(payload).processId !== this.#ownId
    } catch (error) {
      // What cannot be read may be about anything.
      if (error instanceof DecodeError || error instanceof ProtocolError) return true
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#route[Symbol.dispose]()
    this.#firewall[Symbol.dispose]()
  }
}
