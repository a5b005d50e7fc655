import { Facts } from '../../insight/doctor/facts.ts'
import { FlowFollower, type FollowNews } from '../../insight/follow/flow-follower.ts'
import { goneTest } from '../../insight/follow/gone.ts'
import type { Progress } from '../../insight/follow/open-flow.ts'
import type { Story } from '../../insight/trace/story.ts'
import type { MarkRate } from '../../insight/walk/trace-rate.ts'
import type { FlowEnd } from '../../insight/walk/traced-flow.ts'
import type { Kernel } from '../../linux/kernel.ts'
import type { Filter } from '../../linux/packet/index.ts'
import { NamespaceError } from '../../linux/sys/namespace.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import type { StatePaths } from '../../space/state/records.ts'
import type { Follow, Topology, Walk } from '../protocol.ts'
import { Sampler } from './sampler.ts'
import { storyCaptures } from './walk/captures.ts'
import { flowFault } from './walk/fault.ts'
import type { Pipelines } from './walk/pipelines.ts'
import { pipelinesAt } from './walk/probe-walk.ts'
import { walkOf } from './walk/walk.ts'
import type { WalkRing } from './walk/walk-ring.ts'

/** Milliseconds from a flow's first packet in which it has to be answered. */
const timeout = 2000
/** Packets that are looked at in a second: far more than is shown, and little enough for a busy host. */
const rate: MarkRate = { ends: 100, beginnings: 50, others: 5 }
/** Events that are read in one turn from each place: some milliseconds of work. */
const atOnce = 500
/** Stories that are made in a second to be held against a filter. */
const mostFiltered = 60
/** What is asked for the fault of one flow serves others for so many milliseconds. */
const factsHold = 1000
/** Milliseconds between two words about what was not shown. */
const sampledEvery = 500

export type FollowedOptions = {
  request: Omit<Follow, 'seen'>
  space: ResolvedSpace
  from: FlowEnd | undefined
  filter: Filter | undefined
  paths: StatePaths
  host: string
  pipelines: Pipelines
  topology: () => Topology
  ring: WalkRing
  /** For this follow alone, and closed with it. */
  kernel: Kernel
}

/** What one turn brought. */
export type FollowedNews =
  | { type: 'walk'; walk: Walk }
  | { type: 'lost'; what: string }
  | { type: 'sampled'; shown: number; seen: number }
  | { type: 'ended'; why: string }

/** The flows of one space, followed until somebody ends it or the space goes. */
export class Followed implements Disposable {
  readonly #options: FollowedOptions
  readonly #follower: FlowFollower
  readonly #sampler = new Sampler(performance.now())
  readonly #isGone: (now?: 'now') => boolean
  #filtered = { since: 0, count: 0 }
  #facts: { facts: Facts; until: number } | undefined
  #told = { shown: 0, seen: 0, at: 0 }

  /** Throws as FlowFollower. */
  constructor(options: FollowedOptions) {
    this.#options = options
    const { kernel, space, from, filter } = options
    this.#follower = new FlowFollower(kernel, space, {
      timeout,
      filter,
      rate,
      atOnce,
      isWanted: flow => this.#isWanted(flow),
      ...(from === undefined ? {} : { from }),
    })
    this.#isGone = goneTest(kernel, space)
  }

  get follow(): Follow {
    return { ...this.#options.request, seen: this.#seen }
  }

  /** What has come by now; does not wait. Throws what the kernel's questions throw. */
  turn(): FollowedNews[] {
    try {
      const news = this.#follower.turn().flatMap(item => this.#tell(item))
      if (this.#isGone()) return [...news, { type: 'ended', why: 'the space went down' }]
      return [...news, ...this.#sampled()]
    } catch (error) {
      // With the namespace what is asked for there goes away.
      if (error instanceof NamespaceError && this.#isGone('now'))
        return [{ type: 'ended', why: 'the space went down' }]
      throw error
    }
  }

  #tell(news: FollowNews): FollowedNews[] {
    if (news.type === 'lost')
      return [{ type: 'lost', what: `events of ${news.place === 'inside' ? 'the space' : 'this host'}` }]
    // With a filter only what passed it was a flow of this follow at all; else it was chosen before.
    const isChosen = this.#options.filter === undefined || this.#takes(news.story.end.outcome === 'answered')
    return isChosen ? [{ type: 'walk', walk: this.#walk(news.story) }] : []
  }

  /** Most of a storm is not even looked at, but connection tracking tells how much there was. */
  get #seen(): number {
    const { from, filter } = this.#options
    const isAll = from === undefined && filter === undefined
    return Math.max(this.#sampler.seen, isAll ? this.#follower.connections : 0)
  }

  #takes(isPlain: boolean): boolean {
    return this.#sampler.takes(isPlain, performance.now())
  }

  /** What a flow was is not known where packets of it were left out: then it is counted, and no loss is told. */
  #isWanted({ progress, hasGap }: { progress: Progress; hasGap: boolean }): boolean {
    if (hasGap && progress === 'open') {
      this.#sampler.pass()
      return false
    }
    if (this.#options.filter === undefined) return this.#takes(progress === 'answered')
    const now = performance.now()
    if (now - this.#filtered.since >= 1000) this.#filtered = { since: now, count: 0 }
    if (this.#filtered.count++ < mostFiltered) return true
    this.#sampler.pass()
    return false
  }

  #walk(story: Story): Walk {
    const { kernel, paths, space, host, pipelines, topology, ring } = this.#options
    const family = story.tuple.source.includes(':') ? 6 : 4
    const fault = this.#fault(story)
    return walkOf(ring.nextId(), story, {
      pipelines: pipelinesAt({ kernel, paths }, pipelines, space, family),
      topology: topology(),
      captures: storyCaptures(story, host),
      ...(fault === undefined ? {} : { fault }),
    })
  }

  #fault(story: Story): Walk['fault'] {
    const { kernel, paths, space } = this.#options
    const now = performance.now()
    if (this.#facts === undefined || this.#facts.until < now) {
      const { source, destination } = story.tuple
      const address = story.direction === 'out' ? destination : source
      const to = { family: address.includes(':') ? 6 : 4, protocol: 'icmp', address } as const
      const subject = { name: space.name, path: space.namespacePath, space }
      this.#facts = { facts: new Facts(kernel, paths, subject, to), until: now + factsHold }
    }
    return flowFault(this.#facts.facts, story)
  }

  /** Now and then, and only where it says something new. */
  #sampled(): FollowedNews[] {
    const { shown } = this.#sampler
    const seen = this.#seen
    const now = performance.now()
    // What is still under way may be shown yet.
    const isAllShown = seen - shown <= this.#follower.open
    const isTold = seen === this.#told.seen && shown === this.#told.shown
    if (isAllShown || isTold || now - this.#told.at < sampledEvery) return []
    this.#told = { seen, shown, at: now }
    return [{ type: 'sampled', seen, shown }]
  }

  [Symbol.dispose](): void {
    this.#follower[Symbol.dispose]()
    this.#options.kernel[Symbol.dispose]()
  }
}
