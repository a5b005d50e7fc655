import type { Where } from '../../linux/change.ts'
import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { PacketCollector } from '../walk/packet-collector.ts'
import { isEntry } from '../walk/steps.ts'
import { type TraceEvent, TraceWatcher } from '../walk/trace-events.ts'
import { TraceTable } from '../walk/trace-table.ts'
import type { TracedFlow } from '../walk/traced-flow.ts'
import type { TimedPacket } from './observation.ts'

/** The rules of one namespace, followed for one flow. */
export class PlaceObserver implements Disposable {
  hasGap = false
  readonly #watcher: TraceWatcher
  readonly #table: TraceTable
  readonly #collector = new PacketCollector()
  readonly #packets: TimedPacket[] = []
  /** Packets that began and are not handed out yet, in order. */
  readonly #begun: { id: number; time: number }[] = []

  constructor(kernel: Kernel, where: Where, flow: TracedFlow) {
    this.#table = TraceTable.open(kernel, where, { flows: [flow] })
    try {
      // Behind the table, whose chains it has to know.
      this.#watcher = TraceWatcher.open(kernel, where)
    } catch (error) {
      this.#table[Symbol.dispose]()
      throw error
    }
  }

  get descriptor(): number {
    return this.#watcher.descriptor
  }

  read(): void {
    this.#take(this.#collector.add(this.#events()))
  }

  /** All packets, also those that vanished. */
  finish(): TimedPacket[] {
    this.#take(this.#collector.finish(this.#events()))
    return this.#packets
  }

  /** Whether a packet of the tuple was stopped by a rule. */
  isDropped({ source, destination }: FlowTuple): boolean {
    return this.#packets.some(
      ({ end, hooks }) =>
        end.type === 'dropped' &&
        hooks[0]?.arrived?.source === source &&
        hooks[0].arrived.destination === destination,
    )
  }

  #events(): TraceEvent[] {
    const events = this.#watcher.read()
    const time = Date.now() / 1000
    for (const event of events)
      if (event.type === 'lost') this.hasGap = true
      else if (isEntry(event)) this.#begun.push({ id: event.id, time })
    return events
  }

  #take(packets: ReturnType<PacketCollector['add']>): void {
    for (const packet of packets) {
      const place = this.#begun.findIndex(({ id }) => id === packet.id)
      const [begun] = place < 0 ? [] : this.#begun.splice(place, 1)
      this.#packets.push({ ...packet, time: begun?.time ?? Date.now() / 1000 })
    }
  }

  [Symbol.dispose](): void {
    this.#watcher[Symbol.dispose]()
    this.#table[Symbol.dispose]()
  }
}
