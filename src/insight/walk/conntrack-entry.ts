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
import { type FlowSight, isTraced, selectorsOf, sightOf, translationsOf } from './flow-sight.ts'
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

/** Past so many flows those that are gone are forgotten. */
const mostEntries = 10_000

/**
 * The flows of one namespace that may be the traced ones: read from the list at the start, and followed by their events. A
 * flow is listed only when its first packet has left the host: one that was dropped before has no entry.
 */
export class FlowWatcher implements Disposable {
  readonly #kernel: Kernel
  readonly #where: Where
  readonly #traced: TracedFlow[]
  readonly #socket: EventSocket
  readonly #entries = new Map<string, ConntrackEntry>()

  private constructor(kernel: Kernel, where: Where, traced: readonly TracedFlow[], socket: EventSocket) {
    this.#kernel = kernel
    this.#where = where
    this.#traced = [...traced]
    this.#socket = socket
    this.#list()
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
    return [...this.#entries.values()]
  }

  /** Takes in the events that have come by now; returns those of flows that may be traced. Does not wait. */
  read(): FlowNews[] {
    const news: FlowNews[] = []
    for (const event of this.#socket.read()) {
      if (event === 'lost') {
        this.#list()
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
    // A later flow may have the tuples of one that is gone.
    for (const entry of this.entries.reverse()) {
      const sight = sightOf(entry.flow, tuple)
      if (sight !== undefined) return { entry, sight }
    }
    return undefined
  }

  /** The flow with the number that a traced packet's connection has (`TraceConnection.id`). */
  byId(id: number): ConntrackEntry | undefined {
    return this.entries.findLast(({ flow }) => flow.id === id)
  }

  #isTraced(flow: Flow): boolean {
    return this.#traced.some(traced => isTraced(traced, flow))
  }

  #list(): void {
    const flows = this.#traced
      .flatMap(selectorsOf)
      .flatMap(selector => this.#kernel.flows(this.#where, selector))
    const found = new Set<string>()
    for (const flow of flows.filter(item => this.#isTraced(item))) {
      found.add(keyOf(flow))
      this.#take(flow, true)
    }
    for (const [key, entry] of this.#entries) if (!found.has(key)) entry.isPresent = false
  }

  #take(flow: Flow, isPresent: boolean): void {
    const known = this.#entries.get(keyOf(flow))
    const merged = known === undefined ? flow : mergeFlow(known.flow, flow)
    if (known === undefined && this.#entries.size >= mostEntries) this.#forgetGone()
    this.#entries.set(keyOf(flow), { flow: merged, isPresent, translations: translationsOf(merged) })
  }

  #forgetGone(): void {
    for (const [key, { isPresent }] of this.#entries) if (!isPresent) this.#entries.delete(key)
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
