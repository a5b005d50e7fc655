import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { HeaderChange } from '../walk/header-change.ts'
import { type StoryEvent, storyEvents } from './events.ts'
import { type JoinedPackets, joinPackets } from './join.ts'
import type { TraceObservation } from './observation.ts'
import { type StoryEnd, storyEnd } from './outcome.ts'
import { type StoryPoint, storyPoints } from './points.ts'

/** One probe and its answer, joined over NAT: what a capture at each point shows, hook by hook what was done, and the end. */
export type Story = {
  space: string
  protocol: 'icmp' | 'tcp' | 'udp'
  /** The probe as it left its socket. */
  tuple: FlowTuple
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
    protocol: seen.target.protocol,
    tuple: seen.tuple,
    points: storyPoints(seen, joined),
    events: storyEvents(seen, joined),
    connection: seen.entry && {
      original: seen.entry.flow.original,
      reply: seen.entry.flow.reply,
      translations: seen.entry.translations,
    },
    notes: [...translationNotes(seen, joined), ...bothEndsNotes(seen, joined), ...gapNotes(seen)],
    end: storyEnd(seen, joined),
  }
}

/** Nobody outside knows the way to an inside address, so what leaves with one is not answered. */
const translationNotes = ({ space }: TraceObservation, { request }: JoinedPackets): string[] => {
  const last = request.host?.end.type === 'sent' ? request.host.hooks.at(-1) : undefined
  const { source, icmpId } = last?.left ?? {}
  const link = last?.output?.name
  if (source === undefined || !space.addresses.includes(source)) return []
  // Between spaces nothing has to be translated.
  if (link !== undefined && space.cables.includes(link)) return []
  const id = icmpId === undefined ? '' : `, id ${icmpId}`
  return [
    `no translation happened: it left by ${link ?? 'its link'} with its inside source ${source}${id}, to which nobody outside knows a way back (natspace explain 8)`,
  ]
}

/** Where both ends are translated, nothing that is known beforehand tells the answer from other packets. */
const bothEndsNotes = ({ entry }: TraceObservation, { reply }: JoinedPackets): string[] => {
  const fields = entry?.translations.map(({ field }) => field) ?? []
  return reply.host === undefined &&
    reply.inside !== undefined &&
    fields.includes('source') &&
    fields.includes('destination')
    ? ['both ends were translated, so the way of the answer through this host could not be followed']
    : []
}

const gapNotes = ({ hasGap }: TraceObservation): string[] =>
  hasGap
    ? [
        'events of the kernel were lost, as they came faster than they could be read: something may be missing',
      ]
    : []
