/**
 * What the server tells as it happens. Theory of operation: the stream begins with a snapshot; what follows changes it.
 * Events are put into a queue and taken out of it once for each picture that the screen shows, so that however fast they
 * come, the page draws at its own pace. A stream that breaks is opened again, after half a second, and then after twice
 * as long each time; it then begins with a new snapshot, so nothing has to be asked for again.
 */
import type {
  Counters,
  Follow,
  ServerEvent,
  Topology,
  WalkSummary,
  WatchEvent,
} from '../../../src/server/protocol.ts'

export type Connection = 'connecting' | 'connected' | 'lost' | 'ended'

/** Packets and bytes a second through one edge. */
export type Rate = { receivedPackets: number; sentPackets: number; receivedBytes: number; sentBytes: number }

export type Live = {
  connection: Connection
  /** Why it ended. */
  why: string
  topology: Topology | undefined
  counters: Record<string, Counters>
  rates: Record<string, Rate>
  /** When the counters were read, in milliseconds since 1970. */
  counted: number
  walks: WalkSummary[]
  follows: Follow[]
  /** How many of a follow's walks are shown, of how many that were seen. */
  sampled: Record<string, { shown: number; seen: number }>
  /** Why a follow ended. */
  ended: Record<string, string>
  /** What a watch told, and what was lost; the newest first. */
  notes: Note[]
}
export type Note = { time: number } & ({ kind: 'event'; event: WatchEvent } | { kind: 'lost'; what: string })

const keptWalks = 200
const keptNotes = 50

export const atFirst: Live = {
  connection: 'connecting',
  why: '',
  topology: undefined,
  counters: {},
  rates: {},
  counted: 0,
  walks: [],
  follows: [],
  sampled: {},
  ended: {},
  notes: [],
}

/** Counts that went down began anew: the interface was made again. */
const perSecond = (before: number, after: number, seconds: number): number =>
  after >= before && seconds > 0 ? (after - before) / seconds : 0

function ratesOf(live: Live, time: number, edges: Record<string, Counters>): Record<string, Rate> {
  const seconds = (time - live.counted) / 1000
  const rates: Record<string, Rate> = {}
  for (const [id, after] of Object.entries(edges)) {
    const before = live.counters[id] ?? after
    rates[id] = {
      receivedPackets: perSecond(before.receivedPackets, after.receivedPackets, seconds),
      sentPackets: perSecond(before.sentPackets, after.sentPackets, seconds),
      receivedBytes: perSecond(before.receivedBytes, after.receivedBytes, seconds),
      sentBytes: perSecond(before.sentBytes, after.sentBytes, seconds),
    }
  }
  return rates
}

/** The counters that a topology brings are where the next ones are counted from. */
const countersIn = (topology: Topology): Record<string, Counters> =>
  Object.fromEntries(
    topology.edges.flatMap(({ id, counters }) => (counters === undefined ? [] : [[id, counters]])),
  )

const noted = (live: Live, note: Note): Live => ({
  ...live,
  notes: [note, ...live.notes].slice(0, keptNotes),
})

/**
 * Walks that came one after another, at once: in a flood each alone would copy the list. A walk is told when it begins to
 * be known and when it has ended: the last word counts.
 */
function withWalks(live: Live, told: readonly WalkEvent[]): Live {
  const seen = new Map<string, number>()
  for (const { follow } of told) if (follow !== null) seen.set(follow, (seen.get(follow) ?? 0) + 1)
  const walks = new Map<string, WalkSummary>()
  for (const { walk } of told.toReversed()) {
    if (walks.size === keptWalks) break
    if (!walks.has(walk.id)) walks.set(walk.id, walk)
  }
  for (const walk of live.walks) if (walks.size < keptWalks && !walks.has(walk.id)) walks.set(walk.id, walk)
  const follows = live.follows.map(follow => ({ ...follow, seen: follow.seen + (seen.get(follow.id) ?? 0) }))
  return { ...live, follows, walks: [...walks.values()] }
}

type WalkEvent = Extract<ServerEvent, { type: 'walk' }>

/** What is known after all these events, in their order. */
export function afterAll(live: Live, events: readonly ServerEvent[], now: number): Live {
  let known = live
  let walks: WalkEvent[] = []
  for (const event of events) {
    if (event.type === 'walk') {
      walks.push(event)
      continue
    }
    if (walks.length > 0) known = withWalks(known, walks)
    walks = []
    known = after(known, event, now)
  }
  return walks.length > 0 ? withWalks(known, walks) : known
}

/** What is known after an event. An event of a type that this page does not know changes nothing. */
export function after(live: Live, event: ServerEvent, now: number): Live {
  switch (event.type) {
    case 'snapshot': {
      const { topology, walks, follows } = event
      const counted = { counters: countersIn(topology), rates: {}, counted: topology.time }
      return { ...live, ...counted, connection: 'connected', why: '', topology, walks, follows }
    }
    case 'topology': {
      // Counters are told for themselves; those of a new edge begin here.
      const counters = { ...countersIn(event.topology), ...live.counters }
      return { ...live, topology: event.topology, counters }
    }
    case 'counters':
      return {
        ...live,
        rates: ratesOf(live, event.time, event.edges),
        counters: { ...live.counters, ...event.edges },
        counted: event.time,
      }
    case 'event':
      return noted(live, { time: event.time, kind: 'event', event: event.event })
    case 'walk':
      return withWalks(live, [event])
    case 'sampled': {
      const { follow, shown, seen } = event
      return { ...live, sampled: { ...live.sampled, [follow]: { shown, seen } } }
    }
    case 'lost':
      return noted(live, { time: now, kind: 'lost', what: event.what })
    case 'follow-ended': {
      const follows = live.follows.filter(({ id }) => id !== event.follow)
      return { ...live, follows, ended: { ...live.ended, [event.follow]: event.why } }
    }
    case 'end':
      return { ...live, connection: 'ended', why: event.why }
    default:
      return live
  }
}

/** Milliseconds before the stream is opened for the n-th time again: 0.5 s, 1 s, 2 s, and 10 s at most. */
export const backOff = (attempt: number): number => Math.min(10_000, 500 * 2 ** Math.max(0, attempt - 1))
