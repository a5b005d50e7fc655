import type { Kernel } from '../../linux/kernel.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { Filter } from '../../linux/packet/index.ts'
import { waitReadable } from '../../linux/sys/poll.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import type { TracedSpace, TracedTarget, TraceObservation } from '../trace/observation.ts'
import { PlaceObserver } from '../trace/place-observer.ts'
import { type Story, storyOf } from '../trace/story.ts'
import { surroundingsOf } from '../trace/surroundings.ts'
import { tracedSpace } from '../trace/traced-space.ts'
import { FlowWatcher } from '../walk/conntrack-entry.ts'
import { legacyTables } from '../walk/legacy-tables.ts'
import type { MarkRate } from '../walk/trace-rate.ts'
import { DropEvidence } from './drop-evidence.ts'
import { type EndedFlow, FlowBook } from './flow-book.ts'
import { matchesFilter } from './header-filter.ts'
import { type LeftOut, leftOutPackets } from './left-out.ts'
import { markingOf, watchedFlows } from './marking.ts'
import { joinedOf, type OpenFlow, type Progress } from './open-flow.ts'
import type { Scope } from './scope.ts'
import { TurnKernel } from './turn-kernel.ts'

/**
 * Theory of operation. The space and the host are watched at once, each by a tracing table of its own. What they tell is read
 * in turns: first the space, then the host, then connection tracking, so that of everything that is read its earlier part
 * was read too. Routes, neighbours and settings are asked for when the story of a flow is over, and at most once in a turn.
 */

export type FollowOptions = Scope & {
  /** Milliseconds from a flow's first packet in which it has to be answered. */
  timeout: number
  /** Only flows whose first packet is selected, as it is at any point. */
  filter?: Filter | undefined
  /** How many packets are looked at in a second, where that is to be less than usual. */
  rate?: MarkRate
  /** Events that are read in one turn from each place, so that no turn takes long; what is left waits for the next. */
  atOnce?: number
  /**
   * Asked before a story is made, which takes time: whether it is wanted. `hasGap`: something of it was not looked at or lost.
   */
  isWanted?: (flow: { progress: Progress; hasGap: boolean }) => boolean
}

/** The story of a flow, and what it is made of; `flow` counts flows from 1. */
export type FollowedFlow = { flow: number; observation: TraceObservation; story: Story }

/** What a turn brought. `lost`: the kernel dropped events there, so something may be missing. */
export type FollowNews = ({ type: 'flow' } & FollowedFlow) | { type: 'lost'; place: 'inside' | 'host' }

/** A packet of which nothing more was told for so long has vanished. Milliseconds. */
export const vanishing = 250
/** Shorter times cannot be told from what reading takes. Milliseconds. */
const leastTime = 10
/** Milliseconds between two looks at the list of connections where the kernel sends no events. */
const listEvery = 200

/** Follows the flows of one space. Nothing of it is left when it is disposed of, or the process ends. */
export class FlowFollower implements Disposable {
  readonly #kernel: Kernel
  readonly #space: ResolvedSpace
  readonly #options: FollowOptions
  readonly #traced: TracedSpace
  readonly #flows: FlowWatcher
  readonly #inside: PlaceObserver
  readonly #host: PlaceObserver
  readonly #evidence: DropEvidence
  readonly #book: FlowBook
  readonly #hasEvents: boolean
  readonly #opened: Disposable[] = []
  readonly #gaps = { inside: 0, host: 0 }
  #listedAt = performance.now()
  #leftOut = 0
  #connections = 0

  /** Throws SystemError, NetlinkError, NamespaceError, BatchError (EPERM without CAP_NET_ADMIN). */
  constructor(kernel: Kernel, space: ResolvedSpace, options: FollowOptions) {
    this.#kernel = kernel
    this.#space = space
    this.#options = options
    const marking = markingOf(space, options, options.rate)
    try {
      this.#traced = tracedSpace(kernel, space)
      this.#evidence = this.#keep(new DropEvidence(space.namespacePath))
      this.#flows = this.#keep(FlowWatcher.open(kernel, undefined, watchedFlows(space, options)))
      const there = new Set(this.#flows.entries.map(({ flow }) => flow.id))
      this.#hasEvents = kernel.sysctl(undefined, 'net.netfilter.nf_conntrack_events') !== '0'
      this.#inside = this.#keep(new PlaceObserver(kernel, space.namespacePath, marking.inside))
      this.#host = this.#keep(new PlaceObserver(kernel, undefined, marking.host))
      this.#book = new FlowBook({
        space,
        traced: this.#traced,
        scope: options,
        timeout: options.timeout,
        flows: this.#flows,
        wasThere: ({ id }) => there.has(id),
      })
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  #keep<T extends Disposable>(opened: T): T {
    this.#opened.push(opened)
    return opened
  }

  /** Flows whose story is not over. */
  get open(): number {
    return this.#book.open
  }

  /** Flows that were not followed, as too many were at once. */
  get skipped(): number {
    return this.#book.skipped
  }

  /** Connections of the space that connection tracking has told of since, followed or not; those that were dropped are none. */
  get connections(): number {
    return this.#connections
  }

  /** Waits until there is something to read, for at most so many milliseconds. The thread stands still meanwhile. */
  wait(milliseconds: number): void {
    waitReadable([this.#inside.descriptor, this.#host.descriptor, this.#flows.descriptor], milliseconds)
  }

  /** Takes what has come by now, and returns the stories that are over. Does not wait. Throws as the constructor. */
  turn(): FollowNews[] {
    const { atOnce } = this.#options
    const inside = [...this.#inside.read(atOnce), ...this.#inside.vanished(vanishing)]
    const host = [...this.#host.read(atOnce), ...this.#host.vanished(vanishing)]
    this.#readFlows()
    const now = performance.now()
    this.#evidence.read(now, this.#book.open > 0)
    this.#book.take('host', host, now)
    this.#book.take('inside', inside, now)
    const gaps = this.#newGaps()
    // Behind the packets: those of a flow that begins may be among the lost ones.
    if (gaps.length > 0) this.#book.noteGap()
    const ended = this.#book.due(now)
    // Who was not answered may have been, by a packet that was left out.
    if (ended.some(({ progress }) => progress === 'open') && this.#hasLeftOut())
      for (const { flow } of ended) flow.hasGap = true
    const asked = new TurnKernel(this.#kernel)
    return [...gaps, ...ended.flatMap(item => this.#tell(item, asked, now))]
  }

  /** Packets that were not looked at, as there were too many. Throws as `Kernel.ruleset`. */
  leftOut(): LeftOut {
    const [inside, host] = [
      leftOutPackets(this.#kernel, this.#space.namespacePath, this.#inside.table),
      leftOutPackets(this.#kernel, undefined, this.#host.table),
    ]
    return { beginnings: inside.beginnings + host.beginnings, others: inside.others + host.others }
  }

  #readFlows(): void {
    for (const news of this.#flows.read(this.#options.atOnce)) {
      if (news.type === 'new') this.#connections++
      if (news.type === 'destroy') this.#book.forget(news.flow)
    }
    const now = performance.now()
    if (this.#hasEvents || now - this.#listedAt < listEvery) return
    this.#listedAt = now
    this.#flows.list()
  }

  /** Whether packets that begin or end connections were left out since somebody asked. */
  #hasLeftOut(): boolean {
    const { beginnings } = this.leftOut()
    const hasMore = beginnings > this.#leftOut
    this.#leftOut = beginnings
    return hasMore
  }

  #newGaps(): FollowNews[] {
    return (['inside', 'host'] as const).flatMap((place): FollowNews[] => {
      const { gaps } = place === 'inside' ? this.#inside : this.#host
      const isNew = gaps > this.#gaps[place]
      this.#gaps[place] = gaps
      return isNew ? [{ type: 'lost', place }] : []
    })
  }

  #tell({ flow, progress }: EndedFlow, asked: TurnKernel, now: number): FollowNews[] {
    if (this.#options.isWanted?.({ progress, hasGap: flow.hasGap }) === false) return []
    const observation = this.#observationOf(flow, progress, asked, now)
    const story = storyOf(observation)
    const { filter } = this.#options
    if (filter !== undefined && !matchesFilter(filter, story)) return []
    return [{ type: 'flow', flow: flow.number, observation, story }]
  }

  #observationOf(
    flow: OpenFlow,
    progress: EndedFlow['progress'],
    asked: TurnKernel,
    now: number,
  ): TraceObservation {
    const { direction, tuple, original, isOld, sentAt, family, inside, host, hasGap } = flow
    const entry = flow.entry && { flow: flow.entry.flow, translations: flow.entry.translations }
    const { request, reply } = joinedOf(flow, this.#traced)
    const question = (direction === 'out' ? request.inside : undefined) ?? request.host ?? request.inside
    const answer = direction === 'out' ? reply.inside : reply.host
    const begun = question?.time ?? sentAt
    return {
      space: this.#traced,
      direction,
      target: targetOf(flow),
      tuple,
      isOld,
      sentAt: begun,
      answer:
        progress === 'answered' && answer !== undefined
          ? { type: 'answered', milliseconds: between(begun, answer.time) }
          : { type: 'none' },
      timeout: this.#options.timeout,
      inside,
      host,
      entry,
      ...surroundingsOf(asked, this.#space, {
        direction,
        tuple: original,
        sent: tuple,
        entry,
        family,
        request: request.host,
        reply: reply.host,
      }),
      ...this.#evidence.between(flow.begunAt, now, progress === 'answered' || progress === 'refused'),
      legacy: progress === 'answered' ? { 4: [], 6: [] } : legacyTables(undefined),
      hasGap,
    }
  }

  [Symbol.dispose](): void {
    for (const opened of this.#opened.splice(0).reverse()) opened[Symbol.dispose]()
  }
}

/** Milliseconds between two reads; events bear no time, so less than a turn takes is none. */
const between = (from: number, to: number): number => {
  const milliseconds = Math.round((to - from) * 1000)
  return milliseconds < leastTime ? 0 : milliseconds
}

const targetOf = ({ family, tuple }: OpenFlow): TracedTarget => {
  const { protocol, destination, destinationPort } = tuple
  const names: Partial<Record<number, TracedTarget['protocol']>> = {
    [PROTOCOL_NUMBER.tcp]: 'tcp',
    [PROTOCOL_NUMBER.udp]: 'udp',
    [PROTOCOL_NUMBER.icmp]: 'icmp',
    [PROTOCOL_NUMBER.icmpv6]: 'icmp',
  }
  return {
    family,
    protocol: names[protocol] ?? 'other',
    address: destination,
    ...(destinationPort === undefined ? {} : { port: destinationPort }),
  }
}
