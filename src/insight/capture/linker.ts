import type { CapturedPacket } from '../../linux/packet/index.ts'
import type { FlowTable } from './flow-table.ts'
import { type Identity, identityOf } from './identity.ts'
import type { PointRole } from './points.ts'
import { Queue } from './queue.ts'
import type { TupleKey } from './tuple-key.ts'

/**
 * Theory of operation. Packets come point by point and are put into the order of their times: up to the `watermark`, a time
 * before which no point can tell of another one. There each gets its number in the file. It then is held back for a moment,
 * until the same packet must have passed the other points too, and looks for it among those with the same identity.
 *
 * Nothing is guessed. Sightings are one packet only if connection tracking says that their tuples are the two sides of one
 * flow's translation (or they have one tuple), if they follow each other in time along the way through this host, each stage
 * once, and with a TTL that fell by one where it is forwarded. Where another sighting could be meant as well, or packets
 * were lost and nothing but their contents tells them apart, none is linked.
 *
 * A point that was added to those of the space is `beside` them in this host, where a packet may pass one interface after
 * another on the same stage (the port of a bridge and the bridge), or `beyond`, in another namespace: there a packet is on its
 * way to this host or comes from it, as its time says, and routers of which nobody knows may have forwarded it.
 */

/** Nanoseconds for which a packet waits for its others. */
const patience = 200_000_000
/** Packets that wait at most: past these the oldest do not. */
const mostHeld = 10_000
/** Packets with one identity past which nobody looks for the right ones any more. */
const mostAlike = 64

/** Where packets come from: an interface's part of the way and what its packets begin with. */
export type LinkerPoint = { role: PointRole; link: 'ethernet' | 'ip' }

/** The same packet at another point; `relation` is what lies between, seen from there: 'before SNAT 10.0.0.2 -> 192.0.2.1'. */
export type Mate = { number: number; relation: string }

export type NumberedPacket = {
  /** From 1, in the order of the file. */
  number: number
  /** Place in the list of points. */
  point: number
  packet: CapturedPacket
  /** The same packet at other points, in the order in which it passed them. */
  mates: Mate[]
}

type Group = {
  members: Sighting[]
  /** What is said of a member on the other side of the translation, by the side it is on; empty where nothing is translated. */
  before: string
  after: string
}

/** How far along the way: 0 before this host, 1 entering its routing, 2 leaving it, 3 past it. */
type Stage = 0 | 1 | 2 | 3

type Sighting = {
  number: number
  point: number
  stage: Stage
  /** Nanoseconds since the linker began: a number is exact enough, and quicker than a bigint. */
  at: number
  packet: CapturedPacket
  identity: Identity | undefined
  isDecided: boolean
  group: Group | undefined
}

const isElsewhere = (role: PointRole | undefined): boolean => role === 'inner' || role === 'beyond'

const stageOf = (role: PointRole, direction: 'in' | 'out'): Stage =>
  isElsewhere(role) ? (direction === 'out' ? 0 : 3) : direction === 'in' ? 1 : 2

/** Orders packets of several points, numbers them, and finds out which are the same. */
export class PacketLinker {
  readonly #points: readonly LinkerPoint[]
  readonly #flows: FlowTable
  readonly #most: number
  readonly #origin: bigint
  #arrived: Sighting[] = []
  #count = 0
  /** Numbered and not handed out. */
  readonly #held = new Queue<Sighting>()
  /** Handed out, and still able to cast doubt on others. */
  readonly #past = new Queue<Sighting>()
  readonly #alike = new Map<number, Sighting[]>()
  #lossyUntil = -1

  /** `most`: packets that are numbered; what comes later does not count. `origin`: a time near those of the packets. */
  constructor(
    points: readonly LinkerPoint[],
    flows: FlowTable,
    { most = Number.POSITIVE_INFINITY, origin }: { most?: number; origin: bigint },
  ) {
    this.#points = points
    this.#flows = flows
    this.#most = most
    this.#origin = origin
  }

  /** Whether as many packets as were asked for have their numbers. */
  get isFull(): boolean {
    return this.#count >= this.#most
  }

  /** Packets with a number so far. */
  get count(): number {
    return this.#count
  }

  /** Takes packets of one point, in their order. */
  add(point: number, packets: readonly CapturedPacket[]): void {
    const { role, link } = this.#points[point] as LinkerPoint
    for (const packet of packets)
      this.#arrived.push({
        number: 0,
        point,
        stage: stageOf(role, packet.direction),
        at: Number(packet.time - this.#origin),
        packet,
        identity: identityOf(packet.bytes, link),
        isDecided: false,
        group: undefined,
      })
  }

  /** The kernel dropped packets before this time: for a while contents alone prove nothing. */
  noteLoss(time: bigint): void {
    this.#lossyUntil = Number(time - this.#origin) + patience
  }

  /** Up to this time all packets have been added. Returns those that need not wait any more, in order. */
  advance(watermark: bigint): NumberedPacket[] {
    const now = Number(watermark - this.#origin)
    this.#number(now)
    return this.#handOut(now - patience, mostHeld)
  }

  /** Nothing more comes: returns all that is left. */
  finish(): NumberedPacket[] {
    this.#number(Number.POSITIVE_INFINITY)
    return this.#handOut(Number.POSITIVE_INFINITY, 0)
  }

  #number(until: number): void {
    const due: Sighting[] = []
    const later: Sighting[] = []
    for (const sighting of this.#arrived) (sighting.at <= until ? due : later).push(sighting)
    this.#arrived = later
    due.sort((one, other) => one.at - other.at || one.stage - other.stage)
    for (const sighting of due) {
      if (this.isFull) return
      sighting.number = ++this.#count
      this.#held.push(sighting)
      const { identity } = sighting
      if (identity === undefined) continue
      const alike = this.#alike.get(identity.key)
      if (alike === undefined) this.#alike.set(identity.key, [sighting])
      else alike.push(sighting)
    }
  }

  #handOut(until: number, most: number): NumberedPacket[] {
    let count = 0
    while (count < this.#held.length) {
      const next = this.#held.at(count) as Sighting
      if (next.at > until && this.#held.length - count <= most) break
      count++
    }
    const packets = this.#held.take(count).map(sighting => {
      if (!sighting.isDecided) this.#decide(sighting)
      const { number, point, packet } = sighting
      this.#past.push(sighting)
      return { number, point, packet, mates: matesOf(sighting) }
    })
    this.#forget(until)
    return packets
  }

  #forget(until: number): void {
    let count = 0
    while (count < this.#past.length) {
      const next = this.#past.at(count) as Sighting
      if (next.at > until - patience && this.#past.length - count <= mostHeld) break
      count++
    }
    for (const { identity } of this.#past.take(count)) {
      if (identity === undefined) continue
      // In the same order as these: the sighting is the first of its kind.
      const alike = this.#alike.get(identity.key)
      alike?.shift()
      if (alike?.length === 0) this.#alike.delete(identity.key)
    }
  }

  /** Finds all sightings of a packet, once for all of them. */
  #decide(sighting: Sighting): void {
    sighting.isDecided = true
    const { identity } = sighting
    if (identity === undefined) return
    const alike = this.#alike.get(identity.key) ?? []
    if (alike.length < 2 || alike.length > mostAlike) return
    const sight = this.#flows.find(identity.tuple)
    if (sight === 'shared') return
    const name = sight?.name ?? identity.tuple
    const members = alike.filter(other => this.#nameOf(other.identity) === name)
    const isDoubtful = members.some(member => member !== sighting && member.isDecided)
    for (const member of members) member.isDecided = true
    if (isDoubtful || (!identity.isNumbered && sighting.at <= this.#lossyUntil)) return
    this.#settle(members)
    members.sort((one, other) => one.stage - other.stage || one.at - other.at)
    if (!this.#isWay(members) || !members.every(member => this.#isAtItsSide(member))) return
    const translation = sight?.flow.translation[sight.direction] ?? ''
    // The addresses of an error are not those of the flow it is about.
    const text = translation !== '' && identity.isError ? 'NAT' : translation
    const group =
      text === ''
        ? { members, before: '', after: '' }
        : { members, before: `before ${text}`, after: `after ${text}` }
    for (const member of members) member.group = group
  }

  /** What the sightings of one packet share: the flow and the direction, or the very tuple where no flow is known. */
  #nameOf(identity: Identity | undefined): string | TupleKey | undefined {
    if (identity === undefined) return undefined
    const sight = this.#flows.find(identity.tuple)
    return sight === undefined ? identity.tuple : sight === 'shared' ? undefined : sight.name
  }

  /** Where a packet is beyond this host, its time says on which side. */
  #settle(members: readonly Sighting[]): void {
    const here = members.filter(({ stage }) => stage === 1 || stage === 2)
    if (here.length === 0) return
    const first = Math.min(...here.map(({ at }) => at))
    for (const member of members)
      if (this.#roleOf(member) === 'beyond') member.stage = member.at <= first ? 0 : 3
  }

  #roleOf({ point }: Sighting): PointRole | undefined {
    return this.#points[point]?.role
  }

  /** Whether sightings, sorted by stage and time, can be one packet's way through this host. */
  #isWay(members: readonly Sighting[]): boolean {
    if (members.length < 2) return false
    for (let index = 1; index < members.length; index++) {
      const [one, other] = [members[index - 1] as Sighting, members[index] as Sighting]
      const [role, next] = [this.#roleOf(one), this.#roleOf(other)]
      if (one.at > other.at || other.at - one.at > patience) return false
      const mayShareStage =
        role === next ? role === 'beyond' || role === 'beside' : role === 'beside' || next === 'beside'
      if (one.stage === other.stage && (one.point === other.point || !mayShareStage)) return false
      // The cable leads from the inner end to the host end alone, and nothing else does.
      if (one.stage === 0 && other.stage === 1 && (role === 'inner') !== (next === 'host')) return false
      if (one.stage === 2 && other.stage === 3 && (role === 'host') !== (next === 'inner')) return false
      const hops = one.stage <= 1 && other.stage >= 2 ? 1 : 0
      const fell = (one.identity?.timeToLive ?? 0) - (other.identity?.timeToLive ?? 0)
      if (fell !== hops && !(fell > hops && (role === 'beyond' || next === 'beyond'))) return false
    }
    return true
  }

  /** Whether a tuple is on the side of the translation where its point is. A quoted packet goes the other way. */
  #isAtItsSide({ identity, stage }: Sighting): boolean {
    const sight = identity && this.#flows.find(identity.tuple)
    if (sight === undefined || sight === 'shared' || sight.side === 'untranslated') return true
    const isBefore = stage <= 1
    return (sight.side === 'before') === (identity?.isError ? !isBefore : isBefore)
  }
}

const matesOf = (sighting: Sighting): Mate[] => {
  const { group } = sighting
  if (group === undefined) return []
  const isBefore = sighting.stage <= 1
  const mates: Mate[] = []
  for (const { number, stage } of group.members) {
    if (number === sighting.number) continue
    const isCrossed = stage <= 1 !== isBefore
    mates.push({ number, relation: isCrossed ? (isBefore ? group.after : group.before) : '' })
  }
  return mates
}
