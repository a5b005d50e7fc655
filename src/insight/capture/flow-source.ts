import { conntrackGroups, decodeFlowEvent, type Flow, lacksConntrack } from '../../linux/conntrack/index.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { EventSocket } from '../walk/event-socket.ts'
import { FlowTable } from './flow-table.ts'

/** Milliseconds between two looks at the list where the kernel sends no events. */
const listEvery = 200

/**
 * Keeps a table of the flows of this host that begin or end at some addresses: read from the list of connection tracking, then
 * followed by its events. The kernel tells of a flow before its first packet leaves the host.
 */
export class FlowSource implements Disposable {
  readonly table = new FlowTable()
  readonly #kernel: Kernel
  readonly #addresses: ReadonlySet<string>
  readonly #socket: EventSocket | undefined
  readonly #hasEvents: boolean
  #listedAt = Number.NEGATIVE_INFINITY

  private constructor(kernel: Kernel, addresses: ReadonlySet<string>, socket: EventSocket | undefined) {
    this.#kernel = kernel
    this.#addresses = addresses
    this.#socket = socket
    this.#hasEvents =
      socket !== undefined && kernel.sysctl(undefined, 'net.netfilter.nf_conntrack_events') !== '0'
    this.#list()
  }

  /** Subscribes, then reads the list. Throws SystemError (EPERM), and what `Kernel.flows` throws. */
  static open(kernel: Kernel, addresses: ReadonlySet<string>): FlowSource {
    const socket = subscribe()
    try {
      return new FlowSource(kernel, addresses, socket)
    } catch (error) {
      socket?.[Symbol.dispose]()
      throw error
    }
  }

  /** Takes in what the kernel has told by now; `now` in milliseconds. Does not wait. Throws SystemError, ProtocolError. */
  refresh(now: number): void {
    this.table.forget(now)
    if (!this.#hasEvents) {
      if (now - this.#listedAt >= listEvery) this.#list(now)
      return
    }
    for (const event of this.#socket?.read() ?? []) {
      if (event === 'lost') {
        // Which flows ended is not known any more.
        this.table.clear()
        this.#list(now)
        continue
      }
      const decoded = decodeFlowEvent(event)
      if (decoded === undefined || !this.#isOurs(decoded.flow)) continue
      if (decoded.type === 'destroy') this.table.remove(decoded.flow, now)
      else this.table.add(decoded.flow)
    }
  }

  #isOurs({ original, reply }: Flow): boolean {
    return [original.source, original.destination, reply.source, reply.destination].some(address =>
      this.#addresses.has(address),
    )
  }

  #list(now = Number.NEGATIVE_INFINITY): void {
    this.#listedAt = now
    for (const address of this.#addresses)
      for (const filter of [
        { originalSource: address },
        { originalDestination: address },
        { replySource: address },
        { replyDestination: address },
      ])
        for (const flow of this.#kernel.flows(undefined, filter)) this.table.add(flow)
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]()
  }
}

/** Without connection tracking there are no flows, and nothing is translated. */
const subscribe = (): EventSocket | undefined => {
  const { NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY } = conntrackGroups
  try {
    return EventSocket.open(undefined, [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY])
  } catch (error) {
    if (lacksConntrack(error)) return undefined
    throw error
  }
}
