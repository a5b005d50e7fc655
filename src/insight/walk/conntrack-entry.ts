import type { Where } from '../../linux/change.ts'
import {
  conntrackGroups,
  decodeFlowEvent,
  type Flow,
  type FlowEvent,
  type FlowTuple,
} from '../../linux/conntrack/index.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { EventSocket } from './event-socket.ts'
import { FlowIndex } from './flow-index.ts'
import { type FlowSight, isTraced, selectorsOf, translationsOf } from './flow-sight.ts'
import type { HeaderChange } from './header-change.ts'
import type { TracedFlow } from './traced-flow.ts'

/** A flow of a namespace's connection tracking, as it was last seen. */
export type ConntrackEntry = {
  flow: Flow
  /** Whether it is still tracked, as far as is known. */
  isPresent: boolean
  /** What is translated in the original direction; empty where there is no NAT. */
  translations: HeaderChange[]
}

/** News of a flow, or a gap: the kernel dropped events at this place, and the list was read anew. */
export type FlowNews = FlowEvent | { type: 'lost' }

/** Past so many flows those that are gone are forgotten, and where that is not enough the oldest. */
const mostEntries = 20_000

/**
 * The flows of one namespace that may be the traced ones: read from the list at the start, and followed by their events. A
 * flow is listed only when its first packet has left the host: one that was dropped before has no entry.
 */
export class FlowWatcher implements Disposable {
  readonly #kernel: Kernel
  readonly #where: Where
  readonly #traced: TracedFlow[]
  readonly #socket: EventSocket
  readonly #index = new FlowIndex()

  private constructor(kernel: Kernel, where: Where, traced: readonly TracedFlow[], socket: EventSocket) {
    this.#kernel = kernel
    this.#where = where
    this.#traced = [...traced]
    this.#socket = socket
    this.list()
  }

  /**
   * Subscribes, then reads the list. Throws SystemError (EPERM), NamespaceError, and what `Kernel.flows` throws.
   * Equivalent to: `conntrack -L`, `conntrack -E`
   */
  static open(kernel: Kernel, where: Where, traced: readonly TracedFlow[]): FlowWatcher {
    const socket = EventSocket.open(where, Object.values(conntrackGroups))
    try {
      return new FlowWatcher(kernel, where, traced, socket)
    } catch (error) {
      socket[Symbol.dispose]()
      throw error
    }
  }

  /** To wait for events with `waitReadable`. */
  get descriptor(): number {
    return this.#socket.descriptor
  }

  /** Those that were seen, in the order in which they were; gone ones too, unless there are very many. */
  get entries(): ConntrackEntry[] {
    return [...this.#index.entries()].map(([, entry]) => entry)
  }

  /** Takes in the events that have come by now, or the first `most`; returns those of flows that may be traced. Does not wait. */
  read(most?: number): FlowNews[] {
    const news: FlowNews[] = []
    for (const event of this.#socket.read(most)) {
      if (event === 'lost') {
        this.list()
        news.push({ type: 'lost' })
        continue
      }
      const decoded = decodeFlowEvent(event)
      if (decoded === undefined || !this.#isTraced(decoded.flow)) continue
      this.#take(decoded.flow, decoded.type !== 'destroy')
      news.push(decoded)
    }
    return news
  }

  /** The flow that packets with this tuple belong to, before or after translation, and where they stand in it. */
  find(tuple: FlowTuple): { entry: ConntrackEntry; sight: FlowSight } | undefined {
    return this.#index.find(tuple)
  }

  /** The flow with the number that a traced packet's connection has (`TraceConnection.id`). */
  byId(id: number): ConntrackEntry | undefined {
    return this.#index.byId(id)
  }

  #isTraced(flow: Flow): boolean {
    return this.#traced.some(traced => isTraced(traced, flow))
  }

  /** Reads the list anew: for a kernel that tells of no events. Throws what `Kernel.flows` throws. */
  list(): void {
    const flows = this.#traced
      .flatMap(selectorsOf)
      .flatMap(selector => this.#kernel.flows(this.#where, selector))
    const found = new Set<string>()
    for (const flow of flows.filter(item => this.#isTraced(item))) {
      found.add(keyOf(flow))
      this.#take(flow, true)
    }
    for (const [key, entry] of this.#index.entries()) if (!found.has(key)) entry.isPresent = false
  }

  #take(flow: Flow, isPresent: boolean): void {
    const key = keyOf(flow)
    const known = this.#index.get(key)
    const merged = known === undefined ? flow : mergeFlow(known.flow, flow)
    if (known === undefined && this.#index.size >= mostEntries) this.#forget()
    this.#index.set(key, { flow: merged, isPresent, translations: translationsOf(merged) })
  }

  /** Seldom, as many go at once. */
  #forget(): void {
    for (const [key, { isPresent }] of this.#index.entries()) if (!isPresent) this.#index.delete(key)
    for (const [key] of this.#index.entries()) {
      if (this.#index.size <= mostEntries / 2) break
      this.#index.delete(key)
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}

const keyOf = ({ id, zone, original }: Flow): string =>
  `${id} ${zone} ${original.protocol} ${original.source} ${original.sourcePort} ${original.destination} ${
    original.destinationPort
  } ${original.icmp?.id}`

/** An event leaves out what it is not about. */
const mergeFlow = (old: Flow, now: Flow): Flow => ({
  ...now,
  timeout: now.timeout ?? old.timeout,
  state: now.state ?? old.state,
  counters: now.counters ?? old.counters,
  use: now.use ?? old.use,
})
