import { didSomething, type Point, type StoryEvent } from '../insight/trace/events.ts'
import type { TraceObservation } from '../insight/trace/observation.ts'
import type { Story } from '../insight/trace/story.ts'
import { type HeaderChange, isTranslation } from '../insight/walk/header-change.ts'
import { type Proof, prove } from './proof.ts'
import type { LabRow, LabSighting } from './sightings.ts'
import type { Teller } from './teller.ts'

/** Parts of a packet's way, asked of its story, and claims about them. All pure. */

/** A packet and its answer, as the engine of `natspace trace` and captures at several points saw them at the same time. */
export type Walk = { seen: TraceObservation; story: Story; rows: LabRow[] }

/** One part of the way: what happened to the request or the reply at a point, in a hook. */
export type Part = { packet: StoryEvent['packet']; point: Point; hook: StoryEvent['hook'] }

export const eventsAt = ({ events }: Pick<Story, 'events'>, { packet, point, hook }: Part): StoryEvent[] =>
  events.filter(event => event.packet === packet && event.point === point && event.hook === hook)

/** Whether something other than an accept was said. */
export const isStop = ({ verdict }: StoryEvent): boolean => verdict !== undefined && verdict !== 'accept'

export const isTranslating = ({ changes }: StoryEvent): boolean => changes.some(isTranslation)

/** Whether an event changed exactly these fields, in this order. */
export const changed = (event: StoryEvent | undefined, changes: readonly HeaderChange[]): boolean =>
  JSON.stringify(event?.changes) === JSON.stringify(changes)

/** The events that did something or met a rule; all of them where none did. */
export const telling = (events: readonly StoryEvent[]): StoryEvent[] => {
  const acting = events.filter(event => didSomething(event) || event.rule !== undefined)
  return acting.length > 0 ? acting : [...events]
}

/** Whether it was forwarded: the TTL is one less. */
export const isOneHopOn = (event: StoryEvent | undefined): boolean =>
  event?.changes.some(
    ({ field, before, after }) => field === 'ttl' && Number(after) === Number(before) - 1,
  ) === true

/** Both the chain of natspace and the FORWARD chain of the careful admin let it pass, the latter by a rule of ours. */
export const isAccepted = (events: readonly StoryEvent[]): boolean =>
  !events.some(isStop) &&
  events.some(event => event.chain?.table === 'natspace' && event.verdict === 'accept') &&
  events.some(
    event =>
      event.chain?.name === 'FORWARD' &&
      event.decidedBy === 'rule' &&
      event.rules.at(-1)?.owner === 'natspace',
  )

/** `veth1 forward     inet natspace forward, in outward: "accept"` */
const eventLine = (event: StoryEvent, teller: Teller): string => {
  const { interface: name = '?', hook, kind, decidedBy, rule } = event
  const last =
    kind === 'chain' && decidedBy === 'policy' && rule !== undefined ? `, after "${teller.plain(rule)}"` : ''
  return lineOf(teller.plain(name), hook, `${teller.event(event)}${last}`)
}

/** A line of evidence: where, in which hook or how, and what. */
export const lineOf = (where: string, how: string, what: string): string =>
  `${where.padEnd(5)} ${how.padEnd(11)} ${what}`

/** What a capture saw at a link, as evidence. */
export const capturedLines = (
  name: string,
  sighting: LabSighting | undefined,
  { packet }: Teller,
): string[] => {
  if (sighting === undefined) return []
  const { direction, header } = sighting
  return [lineOf(name, direction === 'in' ? 'came in' : 'went out', packet(header))]
}

/** Both tuples of the connection, as evidence. */
export const connectionLines = ({ connection }: Pick<Story, 'connection'>, { tuple }: Teller): string[] =>
  connection === undefined
    ? []
    : [`conntrack         ${tuple(connection.original)}; its replies ${tuple(connection.reply)}`]

/** What was seen for a claim: events of the story, and lines beside them. */
export type Observed = { ok: boolean; events?: readonly StoryEvent[]; more?: readonly string[] }

/** A sentence that must be true, with what was seen; nothing seen is no proof. */
export const claim = (
  name: string,
  sentence: string | undefined,
  teller: Teller,
  observe: () => Observed,
): Proof =>
  prove(name, sentence ?? '', () => {
    const { ok, events = [], more = [] } = observe()
    const lines = [...events.map(event => eventLine(event, teller)), ...more]
    return { ok: ok && lines.length > 0, seen: lines.join('\n') || 'nothing of it' }
  })
