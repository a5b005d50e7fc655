import type { Link } from '../../linux/rtnetlink/link.ts'
import type { Point, StoryEvent } from '../trace/events.ts'
import type { Sighting, StoryPoint } from '../trace/points.ts'
import { changesBetween, isTranslation } from '../walk/header-change.ts'
import type { PredictionFacts } from './facts.ts'
import { Passage, type PlaceAssumption } from './passage.ts'
import { Tracking } from './tracking.ts'
import { headerOf, type Wire } from './wire.ts'

/** What is written down while a flow is followed: its events in order, and how it looks at each point. */
export class Journal {
  readonly facts: PredictionFacts
  readonly tracking = { inside: new Tracking(), host: new Tracking() }
  readonly events: StoryEvent[] = []
  readonly #assume: PlaceAssumption | undefined
  readonly #seen: { packet: StoryEvent['packet']; point: Point; wire: Wire }[] = []
  /** The link to the outside, once it is known. */
  uplink: Link | undefined

  constructor(facts: PredictionFacts, assume: PlaceAssumption | undefined) {
    this.facts = facts
    this.#assume = assume
  }

  /** A packet that comes to a namespace, or begins there. */
  passage(at: 'inside' | 'host', packet: StoryEvent['packet'], wire: Wire): Passage {
    const { facts } = this
    const context = {
      at,
      facts: facts[at],
      cable: facts.space.hostInterface,
      tracking: this.tracking[at],
      assume: this.#assume,
    }
    return new Passage(context, packet, wire)
  }

  /** Notes how a packet looks at a point; in the order of its way. */
  sight(packet: StoryEvent['packet'], point: Point, wire: Wire): void {
    this.#seen.push({ packet, point, wire })
  }

  /** How a packet looked at a point; undefined where it was not seen. */
  seenAt(packet: StoryEvent['packet'], point: Point): Wire | undefined {
    return this.#seen.find(item => item.packet === packet && item.point === point)?.wire
  }

  /** Each point with both packets. */
  points(): StoryPoint[] {
    const { interface: inner, hostInterface } = this.facts.space
    const row = (point: Point, name: string | undefined): StoryPoint => ({
      point,
      interface: name,
      request: this.#sighting('request', point),
      reply: this.#sighting('reply', point),
    })
    return [row('inside', inner), row('cable', hostInterface), row('uplink', this.uplink?.name)]
  }

  #sighting(packet: StoryEvent['packet'], point: Point): Sighting | undefined {
    const way = this.#seen.filter(item => item.packet === packet)
    const index = way.findIndex(item => item.point === point)
    const wire = way[index]?.wire
    if (wire === undefined) return undefined
    const before = way[index - 1]?.wire
    const header = headerOf(wire)
    if (before === undefined) return { header, changed: [] }
    const changes = changesBetween({ header: headerOf(before) }, { header, mark: 0 }).filter(isTranslation)
    const later = (['sourcePort', 'icmpId'] as const).filter(
      field => before[field] !== undefined && wire[field] === undefined,
    )
    return { header, changed: [...changes.map(({ field }) => field), ...later] }
  }
}
