import type { Where } from '../../linux/change.ts'
import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { PacketCollector } from '../walk/packet-collector.ts'
import { isEntry } from '../walk/steps.ts'
import { type TraceEvent, TraceWatcher } from '../walk/trace-events.ts'
import { TraceTable, type TraceTableOptions } from '../walk/trace-table.ts'
import type { TimedPacket } from './observation.ts'

/** More packets are never under way at once. */
const mostBegun = 20_000

/** The rules of one namespace, and the packets of what is traced there. */
export class PlaceObserver implements Disposable {
  /** How often events were lost. */
  gaps = 0
  readonly #watcher: TraceWatcher
  readonly #table: TraceTable
  readonly #collector = new PacketCollector()
  /** When packets that are not handed out yet began, by their numbers. */
  readonly #begun = new Map<number, number>()

  constructor(kernel: Kernel, where: Where, options: TraceTableOptions) {
    this.#table = TraceTable.open(kernel, where, options)
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

  /** Name of the table that marks packets there. */
  get table(): string {
    return this.#table.name
  }

  /** The packets whose end was seen by now; `most`: of so many events only. Does not wait. */
  read(most?: number): TimedPacket[] {
    return this.#timed(this.#collector.add(this.#events(most), performance.now()))
  }

  /** The packets of which nothing was told for so many milliseconds: they vanished. */
  vanished(milliseconds: number): TimedPacket[] {
    return this.#timed(this.#collector.giveUp(performance.now() - milliseconds))
  }

  /** All packets that were not handed out yet, also those that vanished. */
  finish(): TimedPacket[] {
    return this.#timed(this.#collector.finish(this.#events()))
  }

  #events(most?: number): TraceEvent[] {
    const events = this.#watcher.read(most)
    const time = Date.now() / 1000
    for (const event of events)
      if (event.type === 'lost') this.gaps++
      else if (isEntry(event) && !this.#begun.has(event.id)) this.#begun.set(event.id, time)
    return events
  }

  #timed(packets: ReturnType<PacketCollector['add']>): TimedPacket[] {
    const now = Date.now() / 1000
    const timed = packets.map(packet => ({ ...packet, time: this.#begun.get(packet.id) ?? now }))
    for (const { id } of packets) this.#begun.delete(id)
    // What another trace has marked as well began twice.
    if (this.#begun.size > mostBegun) this.#begun.clear()
    return timed
  }

  [Symbol.dispose](): void {
    this.#watcher[Symbol.dispose]()
    this.#table[Symbol.dispose]()
  }
}

/** Whether a packet with the ends of a tuple was stopped by a rule. Pure. */
export const isDropped = (packets: readonly TimedPacket[], { source, destination }: FlowTuple): boolean =>
  packets.some(
    ({ end, hooks }) =>
      end.type === 'dropped' &&
      hooks[0]?.arrived?.source === source &&
      hooks[0].arrived.destination === destination,
  )
