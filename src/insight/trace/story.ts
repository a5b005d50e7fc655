import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { HeaderChange } from '../walk/header-change.ts'
import { type StoryEvent, storyEvents } from './events.ts'
import { type JoinedPackets, joinPackets } from './join.ts'
import type { TracedTarget, TraceObservation } from './observation.ts'
import { type StoryEnd, storyEnd } from './outcome.ts'
import { type StoryPoint, storyPoints } from './points.ts'
import { knowsTheWay } from './traced-space.ts'

/**
 * One packet and its answer, joined over NAT: what a capture at each point shows, hook by hook what was done, and the end.
 */
export type Story = {
  space: string
  /** Whether it began in the space, or came to it. */
  direction: TraceObservation['direction']
  protocol: TracedTarget['protocol']
  /** Its first packet as it left its socket, or as it came to this host. */
  tuple: FlowTuple
  /** The connection was there before. */
  isOld: boolean
  /** Seconds since 1970. */
  begunAt: number
  /** Milliseconds from the first packet to the answer, as far as one came. */
  milliseconds: number | undefined
  points: StoryPoint[]
  events: StoryEvent[]
  /** The connection as the host tracks it; undefined when it has no entry. */
  connection: { original: FlowTuple; reply: FlowTuple; translations: HeaderChange[] } | undefined
  /** What is worth knowing beside the end. */
  notes: string[]
  end: StoryEnd
}

/** The story of an observation. Pure. */
export const storyOf = (seen: TraceObservation): Story => {
  const joined = joinPackets(seen)
  return {
    space: seen.space.name,
    direction: seen.direction,
    protocol: seen.target.protocol,
    tuple: seen.tuple,
    isOld: seen.isOld,
    begunAt: seen.sentAt,
    milliseconds: seen.answer.type === 'none' ? undefined : seen.answer.milliseconds,
    points: storyPoints(seen, joined),
    events: storyEvents(seen, joined),
    connection: seen.entry && {
      original: seen.entry.flow.original,
      reply: seen.entry.flow.reply,
      translations: seen.entry.translations,
    },
    notes: [...ageNotes(seen), ...translationNotes(seen, joined), ...gapNotes(seen)],
    end: storyEnd(seen, joined),
  }
}

const ageNotes = ({ isOld }: TraceObservation): string[] =>
  isOld ? ['the connection was there before: how it began was not seen'] : []

/** Nobody outside knows the way to an inside address, so what leaves with one is not answered. */
const translationNotes = ({ space, direction }: TraceObservation, { request }: JoinedPackets): string[] => {
  if (direction === 'in') return []
  const last = request.host?.end.type === 'sent' ? request.host.hooks.findLast(({ left }) => left) : undefined
  const { source, destination, icmpId } = last?.left ?? {}
  const link = last?.output?.name
  if (source === undefined || !space.addresses.includes(source)) return []
  // Between spaces nothing has to be translated.
  if (link !== undefined && space.cables.includes(link)) return []
  if (knowsTheWay(space, destination)) return []
  const id = icmpId === undefined ? '' : `, id ${icmpId}`
  return [
    `no translation happened: it left by ${link ?? 'its link'} with its inside source ${source}${id}, to which nobody outside knows a way back (natspace explain 8)`,
  ]
}

const gapNotes = ({ hasGap }: TraceObservation): string[] =>
  hasGap
    ? [
        'events of the kernel were lost, as they came faster than they could be read: something may be missing',
      ]
    : []
