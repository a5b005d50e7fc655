import type { Story, StoryEvent, StoryPoint, Walk } from '../../../src/server/protocol.ts'
import { type Entry, entryOf, madeEntry, translatedEntry } from './connection.ts'
import { headersOfTuple, withChanges, withoutChanges } from './headers.ts'
import type { HeaderChange, Headers, Lane, PacketName } from './parts.ts'

/**
 * Theory of operation. A story has what happened at hooks, and how the packet looked at three points. For a person to watch
 * it go, both become one line of frames: the packet is sent, passes what the kernel asks of it in the one namespace, crosses
 * the cable, passes the other, leaves, is answered; and the answer the same way back. Each frame knows the headers before
 * and behind it, what connection tracking knows by then, and where the packet stands in the picture and in the pipeline.
 */

/** Where a packet is in the picture: a node of it, or the way between two. */
export type Place = 'space' | 'cable' | 'host' | 'uplink' | 'remote'

/** One moment of a packet's way. */
export type Frame = {
  packet: PacketName
  /**
   * `start`: it is sent; `event`: a chain, connection tracking or routing; `crossing`: it is on a link; `turn`: it is taken,
   * and answered; `end`: where it ended, when no event stands for that.
   */
  kind: 'start' | 'event' | 'crossing' | 'turn' | 'end'
  place: Place
  lane: Lane | undefined
  /** Of the pipeline (see `stationOf`); undefined on a link. */
  station: string | undefined
  interface: string | undefined
  event: StoryEvent | undefined
  /** Undefined when it is not known. */
  before: Headers | undefined
  after: Headers | undefined
  changes: readonly HeaderChange[]
  entry: Entry | undefined
  /** It was stopped here. */
  isGuilty: boolean
}

/** The frames of a walk, in their order; at least one. Pure. */
export const framesOf = ({ story }: Pick<Walk, 'story'>): Frame[] => {
  const frames = [...packetFrames(story, 'request'), ...packetFrames(story, 'reply')]
  return withEntries(ended(frames.length === 0 ? [unseen(story)] : frames, story), story)
}

/** The name of a place in the pipeline: `host/prerouting/inet natspace guard`. */
export const stationOf = (lane: Lane, hook: string, chain?: string): string =>
  chain === undefined ? `${lane}/${hook}` : `${lane}/${hook}/${chain}`

/** The name of a chain among all: `inet natspace guard`. */
export const chainName = ({ family, table, name }: { family: string; table: string; name: string }): string =>
  `${family} ${table} ${name}`

const emptyFrame = {
  lane: undefined,
  station: undefined,
  interface: undefined,
  event: undefined,
  changes: [],
  entry: undefined,
  isGuilty: false,
} as const satisfies Partial<Frame>

const laneOf = ({ point }: Pick<StoryEvent, 'point'>): Lane => (point === 'inside' ? 'inside' : 'host')

/** Headers are filled in later: a step of the way, and what was seen of the packet there. */
type Step = Omit<Frame, 'before' | 'after'> & { seen: Headers | undefined }

const packetFrames = (story: Story, packet: PacketName): Frame[] => {
  const events = story.events.filter(event => event.packet === packet)
  const [inside, cable, uplink] = (['inside', 'cable', 'uplink'] as const).map(point =>
    story.points.find(item => item.point === point),
  )
  const isSeen = [inside, cable, uplink].some(point => point?.[packet] !== undefined)
  if (events.length === 0 && !isSeen) return []
  const context = { story, packet, events, inside, cable, uplink }
  const isLeaving = (packet === 'request') === (story.direction === 'out')
  return withHeaders(isLeaving ? leavingSteps(context) : comingSteps(context), story, packet)
}

type Context = {
  story: Story
  packet: PacketName
  events: StoryEvent[]
  inside: StoryPoint | undefined
  cable: StoryPoint | undefined
  uplink: StoryPoint | undefined
}

/** What a namespace sends to itself comes to no cable. */
const loopback = 'lo'

/** The request did not get to where it could be answered: what comes back is from whoever stopped it. */
const isStopped = ({ end }: Story): boolean =>
  (end.outcome === 'dropped' || end.outcome === 'lost') && end.at.packet === 'request'

/** From the space to the host and on. */
const leavingSteps = (context: Context): Step[] => {
  const { packet, inside, cable, uplink, events, story } = context
  const isSelf = inside?.interface === loopback
  const isTaken = uplink?.interface === undefined && events.some(({ hook }) => hook === 'input')
  // The host may answer in the space's stead.
  const isOfHost =
    inside?.[packet] === undefined &&
    cable?.[packet] === undefined &&
    events.every(event => laneOf(event) === 'host')
  return [
    isOfHost
      ? at('start', packet, 'host', undefined, stationOf('host', 'programs'))
      : at('start', packet, 'space', inside?.interface, stationOf('inside', 'programs')),
    ...eventSteps(context, 'inside'),
    ...(isSelf
      ? []
      : crossing(packet, 'cable', cable?.interface, inside?.[packet] ?? cable?.[packet], cable?.[packet])),
    ...eventSteps(context, 'host'),
    ...crossing(packet, 'uplink', uplink?.interface, uplink?.[packet]),
    ...(packet === 'reply' || isStopped(story)
      ? []
      : isSelf && inside?.reply !== undefined
        ? [at('turn', packet, 'space', loopback, stationOf('inside', 'programs'))]
        : isTaken
          ? [at('turn', packet, 'host', undefined, stationOf('host', 'programs'))]
          : story.points.some(({ point, reply }) => point === 'uplink' && reply !== undefined)
            ? [at('turn', packet, 'remote', undefined, undefined)]
            : []),
  ]
}

/** From outside, or from the host itself, into the space. */
const comingSteps = (context: Context): Step[] => {
  const { packet, inside, cable, uplink, events, story } = context
  const isFromHost =
    uplink?.[packet] === undefined || uplink.interface === undefined || events[0]?.hook === 'output'
  const isAnswer = packet === 'reply'
  const isSelf = inside?.interface === loopback
  return [
    ...(isSelf
      ? [at('start', packet, 'space', loopback, stationOf('inside', 'programs'))]
      : isFromHost
        ? [at('start', packet, 'host', undefined, stationOf('host', 'programs'))]
        : isAnswer
          ? []
          : [at('start', packet, 'remote', undefined, undefined)]),
    ...(isFromHost ? [] : crossing(packet, 'uplink', uplink?.interface, uplink?.[packet])),
    ...eventSteps(context, 'host'),
    ...(isSelf
      ? []
      : crossing(packet, 'cable', cable?.interface, cable?.[packet] ?? inside?.[packet], inside?.[packet])),
    ...eventSteps(context, 'inside'),
    ...(isAnswer || isStopped(story) || !story.events.some(event => event.packet === 'reply')
      ? []
      : story.events.some(event => event.packet === 'reply' && event.point === 'inside')
        ? [at('turn', packet, 'space', inside?.interface, stationOf('inside', 'programs'))]
        : events.some(({ hook }) => hook === 'input')
          ? [at('turn', packet, 'host', undefined, stationOf('host', 'programs'))]
          : []),
  ]
}

const at = (
  kind: Frame['kind'],
  packet: PacketName,
  place: Place,
  link: string | undefined,
  station: string | undefined,
): Step => ({
  ...emptyFrame,
  kind,
  packet,
  place,
  interface: link,
  lane: place === 'space' ? 'inside' : place === 'host' ? 'host' : undefined,
  station,
  seen: undefined,
})

/** A link on which the packet was seen; `later` is how it looked at its other end. */
const crossing = (
  packet: PacketName,
  place: 'cable' | 'uplink',
  link: string | undefined,
  seen: StoryPoint['request'],
  later: StoryPoint['request'] = seen,
): Step[] =>
  seen === undefined || link === undefined
    ? []
    : [{ ...at('crossing', packet, place, link, undefined), seen: (later ?? seen).header }]

const eventSteps = ({ packet, events, story }: Context, lane: Lane): Step[] => {
  const own = events.filter(event => laneOf(event) === lane)
  return own.map((event, index) => ({
    ...at('event', packet, lane === 'inside' ? 'space' : 'host', event.interface, undefined),
    lane,
    station: stationOfEvent(event, own[index + 1], lane, isBegun(story, packet, lane)),
    event,
    changes: event.changes,
    seen: undefined,
  }))
}

/** Whether a packet begins in that namespace, so that it is routed before its first hook. */
const isBegun = ({ direction }: Story, packet: PacketName, lane: Lane): boolean =>
  lane === 'inside' && (packet === 'request') === (direction === 'out')

const stationOfEvent = (
  event: StoryEvent,
  next: StoryEvent | undefined,
  lane: Lane,
  isBegunHere: boolean,
): string => {
  if (event.hook === 'routing') {
    const isOut =
      next === undefined
        ? isBegunHere
        : next.hook === 'output' || (isBegunHere && next.hook === 'postrouting')
    return stationOf(lane, isOut || isBegunHere ? 'routing-out' : 'routing-in')
  }
  return stationOf(lane, event.hook, event.chain === undefined ? 'conntrack' : chainName(event.chain))
}

/** Goes along the steps with the headers: from what was seen first back to the beginning, and then on. */
const withHeaders = (steps: readonly Step[], story: Story, packet: PacketName): Frame[] => {
  const first = steps.findIndex(({ seen }) => seen !== undefined)
  const known = steps[first]?.seen
  const changes = steps.slice(0, Math.max(first, 0)).flatMap(step => step.changes)
  let headers =
    known === undefined
      ? packet === 'request'
        ? headersOfTuple(story.tuple)
        : undefined
      : withoutChanges(known, changes)
  return steps.map(({ seen, ...step }) => {
    const before = headers
    headers = seen ?? (before && withChanges(before, step.changes))
    return { ...step, before: step.kind === 'event' ? before : headers, after: headers }
  })
}

/** Nothing at all was seen of it. */
const unseen = (story: Story): Frame => {
  const isOut = story.direction === 'out'
  const headers = headersOfTuple(story.tuple)
  return {
    ...emptyFrame,
    packet: 'request',
    kind: 'start',
    place: isOut ? 'space' : 'remote',
    lane: isOut ? 'inside' : undefined,
    station: isOut ? stationOf('inside', 'programs') : undefined,
    before: headers,
    after: headers,
  }
}

const stopping: readonly (string | undefined)[] = ['drop', 'queue', 'stolen', 'reject']

/** Marks where it was stopped, and adds the end when no frame stands for it. */
const ended = (frames: Frame[], { end, direction }: Story): Frame[] => {
  const isBad = end.outcome === 'dropped' || end.outcome === 'lost'
  const lane: Lane = end.at.point === 'inside' ? 'inside' : 'host'
  const guilty = isBad
    ? frames.findLastIndex(
        ({ packet, event }) =>
          packet === end.at.packet &&
          event !== undefined &&
          laneOf(event) === lane &&
          event.hook === end.at.hook &&
          stopping.includes(event.verdict),
      )
    : -1
  const marked = frames.map((frame, index) => (index === guilty ? { ...frame, isGuilty: true } : frame))
  if (guilty === frames.length - 1 && guilty >= 0) return marked
  const last = marked.at(-1) as Frame
  // What stopped it has no event: it goes behind the last of the packet, before what the sender was told.
  if (isBad && guilty < 0) {
    const behind = marked.findLastIndex(({ packet }) => packet === end.at.packet)
    const previous = marked[behind] ?? last
    const stop: Frame = {
      ...emptyFrame,
      packet: end.at.packet,
      kind: 'end',
      ...stopPlace(end.at, lane, previous),
      interface: end.at.interface,
      before: previous.after,
      after: previous.after,
      isGuilty: true,
    }
    return [...marked.slice(0, behind + 1), stop, ...marked.slice(behind + 1)]
  }
  return [
    ...marked,
    {
      ...emptyFrame,
      packet: last.packet,
      kind: 'end',
      ...endPlace(last, direction),
      interface: end.at.interface,
      before: last.after,
      after: last.after,
    },
  ]
}

type Standing = Pick<Frame, 'place' | 'lane' | 'station'>

const stopPlace = ({ hook, point, chain }: Story['end']['at'], lane: Lane, previous: Frame): Standing => {
  if (hook === 'routing') {
    const isOut = previous.lane === lane && previous.station === stationOf(lane, 'programs')
    return {
      place: lane === 'inside' ? 'space' : 'host',
      lane,
      station: stationOf(lane, isOut ? 'routing-out' : 'routing-in'),
    }
  }
  if (hook !== undefined)
    return { place: lane === 'inside' ? 'space' : 'host', lane, station: stationOf(lane, hook, chain) }
  if (point === 'uplink') return { place: 'uplink', lane: undefined, station: undefined }
  return { place: previous.place, lane: previous.lane, station: previous.station }
}

/** Where a packet is at last that nobody stopped. */
const endPlace = (last: Frame, direction: Story['direction']): Standing => {
  const isLeaving = (last.packet === 'request') === (direction === 'out')
  if (last.kind === 'turn') return { place: last.place, lane: last.lane, station: last.station }
  if (isLeaving)
    return last.place === 'uplink'
      ? { place: 'remote', lane: undefined, station: undefined }
      : { place: last.place, lane: last.lane, station: last.station }
  if (last.lane === 'inside' || last.place === 'cable')
    return { place: 'space', lane: 'inside', station: stationOf('inside', 'programs') }
  return { place: last.place, lane: last.lane, station: last.station }
}

/** Goes along the frames with what connection tracking of the host knows. */
const withEntries = (frames: readonly Frame[], story: Story): Frame[] => {
  const known = story.connection && entryOf('known', story.connection.original, story.connection.reply)
  let entry: Entry | undefined
  return frames.map((frame, index) => {
    const { event, packet, lane, before } = frame
    if (lane === 'host' && entry === undefined && isTracked(frame) && before !== undefined)
      entry =
        packet === 'reply' || story.isOld || isOlder(event)
          ? (known ?? (packet === 'request' ? madeEntry(before) : undefined))
          : madeEntry(before)
    if (packet === 'request' && lane === 'host' && entry?.state === 'made')
      entry = translatedEntry(entry, frame.changes)
    if (frame.isGuilty && entry?.state === 'made') entry = { ...entry, state: 'gone' }
    const hasLeft = frame.kind === 'crossing' || frame.kind === 'turn' || frame.kind === 'end'
    const isBehindHost = frames
      .slice(0, index)
      .some(other => other.lane === 'host' && other.packet === packet)
    if (entry?.state === 'made' && hasLeft && isBehindHost) entry = known ?? { ...entry, state: 'known' }
    if (packet === 'reply' && event?.kind === 'conntrack' && entry !== undefined && entry.state !== 'gone')
      entry = { ...entry, state: 'answered' }
    return { ...frame, entry }
  })
}

/** Whether a frame is at connection tracking, or behind it where the kernel says nothing of it. */
const isTracked = ({ event }: Frame): boolean =>
  event !== undefined &&
  (event.kind === 'conntrack' || (event.hook !== 'prerouting' && event.hook !== 'ingress'))

/** The packet belongs to what is known already. */
const isOlder = (event: StoryEvent | undefined): boolean =>
  event?.kind === 'conntrack' && !(event.rule ?? '').startsWith('a new connection')
