import { type Flow, type FlowTuple, mirrorOf } from '../../linux/conntrack/index.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { arrivedOf, arrivedTuple, isIcmpError } from '../trace/join.ts'
import type { TimedPacket, TracedSpace } from '../trace/observation.ts'
import type { ConntrackEntry, FlowWatcher } from '../walk/conntrack-entry.ts'
import { tupleKey } from '../walk/flow-index.ts'
import { sightOf, tupleOfHeader } from '../walk/flow-sight.ts'
import type { PacketHeader } from '../walk/packet-header.ts'
import { errorFlow } from './error-flow.ts'
import { attach, isStopped, joinedOf, type OpenFlow, type Progress, progressOf } from './open-flow.ts'
import { addressesOf, isForPublished, isFrom, isHousekeeping, type Scope, wants } from './scope.ts'
import { ToldFlows } from './told-flows.ts'

/**
 * Theory of operation. Packets of many flows come from two places, the space and the host. Each is led to its flow by the
 * connection that the kernel says it is of, by its tuple in connection tracking, or, as long as there is none, by the tuple
 * itself. The first packet of a flow opens its story, and the answer, a refusal, a drop or the time limit ends it; shortly
 * afterwards, so that what belongs to it has come. Then the flow counts as told: its further packets are passed over, unless
 * one is dropped. An answer that comes before its question, as it may where two queues are read, waits a moment for it.
 */

/** Flows that are followed at once; of more only the number is kept. */
const mostOpen = 1000
/** Packets that wait for their flow. */
const mostWaiting = 1000
/** How long they do, and what still may come when a flow is answered, and when it was stopped. Milliseconds. */
const patience = 250
const settling = { answered: 15, refused: 15, stopped: 80 }
/** A packet that vanished is known to have done so only after a while. */
const vanishing = 350

type Place = 'inside' | 'host'
type Waiting = { place: Place; packet: TimedPacket; since: number }

/** Where a packet belongs: a flow by its tuple, and the direction. */
type Located = { tuple: FlowTuple; key: string; isReply: boolean; entry: ConntrackEntry | undefined }

/** A flow whose story is over, and what ended it. */
export type EndedFlow = { flow: OpenFlow; progress: Progress }

export type FlowBookOptions = {
  space: ResolvedSpace
  traced: TracedSpace
  scope: Scope
  /** Milliseconds from a flow's first packet. */
  timeout: number
  flows: Pick<FlowWatcher, 'find' | 'byId'>
  /** Whether a connection was there before anything was watched. */
  wasThere: (flow: Flow) => boolean
}

/** Sorts packets into flows, and says when the story of one is over. Knows no kernel and no clock. */
export class FlowBook {
  /** Flows that were not followed, as too many were open. */
  skipped = 0
  #count = 0
  readonly #options: FlowBookOptions
  readonly #addresses: readonly string[]
  readonly #open = new Map<string, OpenFlow>()
  /** Open flows that come to the space, by the tuple that they have there. */
  readonly #arrived = new Map<string, OpenFlow>()
  readonly #told = new ToldFlows()
  #waiting: Waiting[] = []

  constructor(options: FlowBookOptions) {
    this.#options = options
    this.#addresses = addressesOf(options.space)
  }

  /** Flows whose story is not over. */
  get open(): number {
    return this.#open.size
  }

  /** Takes packets of one place, in order; `now` in milliseconds. */
  take(place: Place, packets: readonly TimedPacket[], now: number): void {
    for (const packet of packets)
      if (!this.#place(place, packet, now, true) && this.#waiting.length < mostWaiting)
        this.#waiting.push({ place, packet, since: now })
  }

  /** A connection is not tracked any more: another may have its tuple. */
  forget({ id, original }: Flow): void {
    this.#told.forget(tupleKey(original), id)
  }

  /** Events were lost: of every flow that is open something may be missing. */
  noteGap(): void {
    for (const flow of this.#open.values()) flow.hasGap = true
  }

  /** Flows that are over by now. */
  due(now: number): EndedFlow[] {
    this.#retry(now)
    const due = [...this.#open.values()].filter(({ dueAt }) => dueAt <= now)
    const ended = due.map(flow => this.#end(flow))
    for (const { flow } of ended)
      if (flow.later !== undefined) this.#place(flow.later.place, flow.later.packet, now, false)
    return ended
  }

  #retry(now: number): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const item of waiting) {
      const mayWait = now - item.since < patience
      if (!this.#place(item.place, item.packet, now, mayWait) && mayWait) this.#waiting.push(item)
    }
  }

  #end(flow: OpenFlow): EndedFlow {
    this.#open.delete(flow.key)
    for (const [key, other] of this.#arrived) if (other === flow) this.#arrived.delete(key)
    flow.entry ??= this.#options.flows.find(flow.original)?.entry
    const progress = progressOf(flow, joinedOf(flow, this.#options.traced))
    this.#told.add(flow.key, {
      number: flow.number,
      id: flow.entry?.flow.id,
      hasDropTold: progress === 'stopped',
      seenAt: flow.begunAt,
    })
    return { flow, progress }
  }

  /** Whether a packet was placed, or is none that matters; otherwise it may wait for its flow. */
  #place(place: Place, packet: TimedPacket, now: number, mayWait: boolean): boolean {
    const header = arrivedOf(packet)
    if (header === undefined || isHousekeeping(header)) return true
    if (isIcmpError(header)) return this.#placeError(place, packet, header, now)
    const tuple = tupleOfHeader(asHostSees(place, packet) ?? header)
    if (tuple === undefined) return true
    const located = this.#locate(packet, tuple)
    const flow = located && this.#open.get(located.key)
    if (flow !== undefined) {
      if (flow.entry === undefined && located?.entry !== undefined) flow.entry = located.entry
      this.#attach(flow, place, packet, now)
      return true
    }
    const told = located && this.#told.find(located.key, located.entry?.flow.id, now)
    if (located !== undefined && told !== undefined) {
      if (told.hasDropTold || !isDropToTell(packet)) return true
      told.hasDropTold = true
      return this.#begin(place, packet, header, { ...located, number: told.number, isOld: true }, now)
    }
    return this.#placeFirst(place, packet, header, located, { tuple, now, mayWait })
  }

  /** A packet of a flow that is not known yet. */
  #placeFirst(
    place: Place,
    packet: TimedPacket,
    header: PacketHeader,
    located: Located | undefined,
    { tuple, now, mayWait }: { tuple: FlowTuple; now: number; mayWait: boolean },
  ): boolean {
    const isAnswer =
      located?.isReply ?? (isAnswering(header) || (place === 'inside' && hookOf(packet) !== 'output'))
    const wasThere = located?.entry !== undefined && this.#options.wasThere(located.entry.flow)
    // What the host tells of itself, and what comes into the space, has been seen before, or will be soon.
    const isLater = isAnswer || (place === 'inside' && hookOf(packet) !== 'output')
    if (isLater && !wasThere && mayWait) return false
    // An answer alone is no flow.
    if (isAnswer && located === undefined) return true
    const isMiddle = header.tcpFlags !== undefined && (header.tcpFlags & SYN) === 0
    const state = packet.hooks.find(({ connection }) => connection !== undefined)?.connection?.state
    const isOld = wasThere || isLater || isMiddle || state === 'established'
    const found = located ?? { tuple, key: tupleKey(tuple), isReply: false, entry: undefined }
    return this.#begin(place, packet, header, { ...found, number: undefined, isOld }, now)
  }

  #begin(
    place: Place,
    packet: TimedPacket,
    header: PacketHeader,
    { tuple, key, entry, number, isOld, isReply }: Located & { number: number | undefined; isOld: boolean },
    now: number,
  ): true {
    const direction = this.#directionOf(place, packet, header, tuple, { entry, isReply })
    if (!this.#isWanted(direction, packet, header, tuple, { entry, isReply })) return true
    if (this.#open.size >= mostOpen) {
      this.skipped++
      return true
    }
    const flow: OpenFlow = {
      number: number ?? ++this.#count,
      key,
      direction,
      tuple,
      original: tuple,
      family: header.family,
      isOld,
      begunAt: now,
      sentAt: packet.time,
      // Sooner nobody knows whether it has vanished.
      dueAt: now + Math.max(this.#options.timeout, vanishing),
      isEnding: false,
      hasGap: false,
      entry,
      inside: [],
      host: [],
      later: undefined,
    }
    this.#open.set(key, flow)
    this.#attach(flow, place, packet, now)
    return true
  }

  #attach(flow: OpenFlow, place: Place, packet: TimedPacket, now: number): void {
    attach(flow, place, packet)
    this.#noteSource(flow, place, packet)
    const joined = joinedOf(flow, this.#options.traced)
    if (flow.direction === 'in' && joined.request.host !== undefined) {
      const arrived = arrivedTuple(flow, joined.request.host)
      this.#arrived.set(tupleKey(arrived), flow)
    }
    const isPart = [joined.request, joined.reply].some(({ [place]: part }) => part === packet)
    if (!isPart && isDropToTell(packet)) flow.later ??= { place, packet }
    const progress = progressOf(flow, joined)
    if (progress === 'open' || flow.isEnding) return
    flow.isEnding = true
    // Who refuses has seen the request, though the refusal itself be dropped: where this host has not, it is still to come.
    const { inside: sent, host: came } = joined.request
    const isBegun = came !== undefined || (sent !== undefined && isStopped(sent))
    const isIncomplete = progress !== 'answered' && !isBegun
    flow.dueAt = Math.min(flow.dueAt, now + (isIncomplete ? vanishing : settling[progress]))
  }

  /** A packet of the request in the space tells how it left its socket. */
  #noteSource(flow: OpenFlow, place: Place, packet: TimedPacket): void {
    if (place !== 'inside' || flow.direction !== 'out' || hookOf(packet) !== 'output') return
    const left = asHostSees(place, packet)
    const [tuple, host] = [arrivedOf(packet), left].map(header => header && tupleOfHeader(header))
    if (tuple !== undefined && host !== undefined && tupleKey(host) === flow.key) flow.tuple = tuple
  }

  #placeError(place: Place, packet: TimedPacket, header: PacketHeader, now: number): boolean {
    const id = packet.hooks.find(({ connection }) => connection?.id !== undefined)?.connection?.id
    const entry = id === undefined ? undefined : this.#options.flows.byId(id)
    const flow =
      entry === undefined
        ? errorFlow([...this.#open.values()], place, header)
        : this.#open.get(tupleKey(entry.flow.original))
    // Of a flow that was told it tells nothing new.
    if (flow === undefined) return entry !== undefined
    this.#attach(flow, place, packet, now)
    return true
  }

  #locate(packet: TimedPacket, tuple: FlowTuple): Located | undefined {
    const { flows } = this.#options
    const connection = packet.hooks.find(item => item.connection !== undefined)?.connection
    const byId = connection?.id === undefined ? undefined : flows.byId(connection.id)
    const sight = byId && sightOf(byId.flow, tuple)
    const found = byId !== undefined && sight !== undefined ? { entry: byId, sight } : flows.find(tuple)
    // What had this tuple is gone, and this begins anew.
    const isNew =
      connection?.state === undefined ? found?.sight.direction === 'original' : connection.state === 'new'
    const isGone = found?.entry.isPresent === false && found.entry !== byId && isNew
    if (found !== undefined && !isGone) {
      const { entry } = found
      const original = entry.flow.original
      return { tuple: original, key: tupleKey(original), isReply: found.sight.direction === 'reply', entry }
    }
    const [key, mirror] = [tupleKey(tuple), tupleKey(mirrorOf(tuple))]
    if (this.#open.has(key) || this.#told.has(key)) return { tuple, key, isReply: false, entry: undefined }
    if (this.#open.has(mirror) || this.#told.has(mirror))
      return { tuple: mirrorOf(tuple), key: mirror, isReply: true, entry: undefined }
    const [there, back] = [this.#arrived.get(key), this.#arrived.get(mirror)]
    const flow = there ?? back
    return flow && { tuple: flow.original, key: flow.key, isReply: there === undefined, entry: flow.entry }
  }

  #directionOf(
    place: Place,
    packet: TimedPacket,
    header: PacketHeader,
    tuple: FlowTuple,
    { entry, isReply }: Pick<Located, 'entry' | 'isReply'>,
  ): 'out' | 'in' {
    if (entry !== undefined || isReply) return this.#addresses.includes(tuple.source) ? 'out' : 'in'
    if (place === 'inside') return hookOf(packet) === 'output' ? 'out' : 'in'
    const isFromCable = packet.hooks[0]?.input?.name === this.#options.space.hostInterface
    return isFromCable || this.#addresses.includes(header.source) ? 'out' : 'in'
  }

  #isWanted(
    direction: 'out' | 'in',
    packet: TimedPacket,
    header: PacketHeader,
    tuple: FlowTuple,
    { entry, isReply }: Pick<Located, 'entry' | 'isReply'>,
  ): boolean {
    const { scope, space } = this.#options
    if (!wants(scope, direction)) return false
    if (direction === 'out') return true
    const asked = isReply || entry !== undefined ? headerOf(tuple, header) : header
    if (scope.from !== undefined && !isFrom(scope.from, asked)) return false
    const last = packet.hooks.at(-1)
    const destination = last?.left?.destination ?? last?.arrived?.destination ?? ''
    const isToSpace =
      entry === undefined
        ? this.#addresses.includes(destination)
        : this.#addresses.includes(entry.flow.reply.source)
    if (isToSpace) return true
    // It went elsewhere; or nobody knows where.
    if (packet.end.type === 'sent' || packet.end.type === 'unknown') return false
    return scope.from?.address !== undefined || isForPublished(space, asked)
  }
}

const SYN = 2
const FIN = 1
const RST = 4
const ACK = 16

const hookOf = ({ hooks }: TimedPacket): string | undefined => hooks[0]?.hook

/** How a packet looks to the host: what leaves the space may have been translated there. */
const asHostSees = (place: Place, { hooks }: TimedPacket): PacketHeader | undefined =>
  place === 'inside' && hooks[0]?.hook === 'output'
    ? hooks.findLast(({ left }) => left !== undefined)?.left
    : undefined

/** What nobody sends unasked: a reset, the second step of a TCP connection, the reply to an echo. */
const isAnswering = ({ tcpFlags = 0, protocol, icmpType }: PacketHeader): boolean =>
  (tcpFlags & RST) !== 0 ||
  (tcpFlags & (SYN | ACK)) === (SYN | ACK) ||
  (protocol === PROTOCOL_NUMBER.icmp && icmpType === 0) ||
  (protocol === PROTOCOL_NUMBER.icmpv6 && icmpType === 129)

/** The ends of a flow's first packet, in the place of those of the packet that was seen. */
const headerOf = (tuple: FlowTuple, header: PacketHeader): PacketHeader => ({
  ...header,
  source: tuple.source,
  destination: tuple.destination,
  ...(tuple.sourcePort === undefined ? {} : { sourcePort: tuple.sourcePort }),
  ...(tuple.destinationPort === undefined ? {} : { destinationPort: tuple.destinationPort }),
})

/** Whether a packet of a flow that was told is worth another story. */
const isDropToTell = (packet: TimedPacket): boolean => isStopped(packet) && !packet.hasGap && !isStray(packet)

/** The last words of a connection that has ended come to a closed door everywhere; that is no drop to be told of. */
const isStray = ({ end, hooks }: TimedPacket): boolean => {
  if (((hooks[0]?.arrived?.tcpFlags ?? 0) & (RST | FIN)) !== 0) return true
  if (hooks.some(({ connection }) => connection?.state === 'invalid')) return true
  if (end.type !== 'dropped' || end.visit.decidedBy === undefined || end.visit.decidedBy === 'policy')
    return false
  return /\bct state\b[^"]*\binvalid\b/.test(end.visit.decidedBy.rule?.text ?? '')
}
