import { isEntry, isLast, type TracedPacket, tracedPacket } from './steps.ts'
import type { TraceEvent, TraceStep } from './trace-events.ts'

/**
 * Theory of operation. Events of several packets come mixed, each with a number that the kernel makes of the packet's place
 * in memory: a later packet may have it again, so the step in which our table marks a packet begins a new one. A packet is
 * handed out when its end was seen and no more events wait, as a chain of the link that it leaves by may still follow.
 */

type Collected = {
  id: number
  steps: TraceStep[]
  hasGap: boolean
  isEnded: boolean
  /** When its latest step was taken, of the clock that `add` is given. */
  at: number
}

/** Packets that vanish have no last event: past so many the oldest are taken for ended. */
const mostOpen = 10_000

/** Puts events together to packets, as they come. */
export class PacketCollector {
  /** In the order of their first events. */
  readonly #packets = new Set<Collected>()
  /** The latest packet of each number. */
  readonly #latest = new Map<number, Collected>()

  /** Takes further events; returns the packets whose end was seen, in the order of their beginnings. */
  add(events: readonly TraceEvent[], now = 0): TracedPacket[] {
    this.#take(events, now)
    return this.#handOut(({ isEnded }) => isEnded)
  }

  /** The packets of which nothing was told since some time: they vanished. */
  giveUp(before: number): TracedPacket[] {
    return this.#handOut(({ at }) => at < before)
  }

  /**
   * Takes further events; returns all packets, also those of which no end was seen. To be asked when nothing more is
   * expected.
   */
  finish(events: readonly TraceEvent[] = []): TracedPacket[] {
    this.#take(events, 0)
    return this.#handOut(() => true)
  }

  #take(events: readonly TraceEvent[], now: number): void {
    for (const event of events)
      if (event.type === 'lost') this.#noteGap()
      else this.#takeStep(event, now)
  }

  #takeStep(step: TraceStep, now: number): void {
    const earlier = this.#latest.get(step.id)
    const isNew = earlier === undefined || (isEntry(step) && !isMarkedAgain(earlier, step))
    if (earlier !== undefined && isNew) earlier.isEnded = true
    const packet = isNew ? this.#begin(step) : earlier
    packet.steps.push(step)
    packet.at = now
    if (isLast(step)) packet.isEnded = true
  }

  #begin(first: TraceStep): Collected {
    const packet = { id: first.id, steps: [], hasGap: !isEntry(first), isEnded: false, at: 0 }
    this.#packets.add(packet)
    this.#latest.set(first.id, packet)
    if (this.#packets.size > mostOpen)
      for (const oldest of this.#packets) {
        oldest.isEnded = true
        break
      }
    return packet
  }

  #noteGap(): void {
    for (const packet of this.#packets) if (!packet.isEnded) packet.hasGap = true
  }

  #handOut(isDue: (packet: Collected) => boolean): TracedPacket[] {
    return [...this.#packets].filter(isDue).map(packet => {
      this.#packets.delete(packet)
      if (this.#latest.get(packet.id) === packet) this.#latest.delete(packet.id)
      return tracedPacket(packet.id, packet.steps, packet.hasGap)
    })
  }
}

/** Another trace of the same namespace marks the packet too, right behind ours. */
const isMarkedAgain = ({ steps, isEnded }: Collected, { table, base }: TraceStep): boolean =>
  !isEnded &&
  steps.every(
    step => step.isOwn && step.base?.name === base?.name && !(isEntry(step) && step.table === table),
  )

/** All packets of a list of events, in the order of their first event. Pure. */
export const packetsOf = (events: readonly TraceEvent[]): TracedPacket[] =>
  new PacketCollector().finish(events)
