import { Facts } from '../../insight/doctor/facts.ts'
import { FlowFollower, type FollowNews } from '../../insight/follow/flow-follower.ts'
import { goneTest } from '../../insight/follow/gone.ts'
import type { Story } from '../../insight/trace/story.ts'
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
  #facts: { facts: Facts; until: number } | undefined
  #told = { shown: 0, seen: 0, at: 0 }

  /** Throws as FlowFollower. */
  constructor(options: FollowedOptions) {
    this.#options = options
    const { kernel, space, from, filter } = options
    this.#follower = new FlowFollower(kernel, space, {
      timeout,
      filter,
      ...(from === undefined ? {} : { from }),
    })
    this.#isGone = goneTest(kernel, space)
  }

  get follow(): Follow {
    return { ...this.#options.request, seen: this.#sampler.seen }
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
    const { story } = news
    const isPlain = story.end.outcome === 'answered'
    return this.#sampler.takes(isPlain, performance.now()) ? [{ type: 'walk', walk: this.#walk(story) }] : []
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
    const { seen, shown } = this.#sampler
    const now = performance.now()
    if (seen - shown === this.#told.seen - this.#told.shown || now - this.#told.at < sampledEvery) return []
    this.#told = { seen, shown, at: now }
    return [{ type: 'sampled', seen, shown }]
  }

  [Symbol.dispose](): void {
    this.#follower[Symbol.dispose]()
    this.#options.kernel[Symbol.dispose]()
  }
}
