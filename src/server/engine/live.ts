import type { Kernel } from '../../linux/kernel.ts'
import type { StatePaths } from '../../space/state/records.ts'
import { KernelSigns } from '../../space/watch/kernel-signs.ts'
import type { WatchReport } from '../../space/watch/report.ts'
import { Watcher } from '../../space/watch/watcher.ts'
import type { Counters, ServerEvent, Topology } from '../protocol.ts'
import { Moment } from './moment.ts'
import { Stirrings } from './stirrings.ts'
import { countersOf, mirroredCounters } from './topology/space-view.ts'
import { isSamePicture } from './topology/topology.ts'

/**
 * Theory of operation. While somebody listens, signs of the kernel are read every few milliseconds. Any of them is a reason
 * to make the picture anew, a moment later and for many at once; it is told when it shows something else than before. What
 * differs from what was asked for, and who made it so, is told by the watcher of `natspace watch --dry-run`. Counters are
 * read twice a second, from one list. Without listeners nothing is read, and nothing is open.
 */

/** Milliseconds between two readings of signs. */
const readEvery = 20
/** A picture is made when nothing came for so long, or at the latest after more. Milliseconds. */
const pictureMoment = { quiet: 30, latest: 120 }
/** Milliseconds between two readings of counters. */
const countEvery = 500
/** Some changes have no sign, such as neighbours that appear: the longest time between two looks. */
const safetyNet = 5000

export type LiveOptions = {
  paths: StatePaths
  openKernel: () => Kernel
  push: (event: ServerEvent) => void
  observe: (kernel: Kernel) => Topology
  /** What went wrong, in words. */
  words: (error: unknown) => string
}

export class Live implements Disposable {
  readonly #options: LiveOptions
  readonly #moment = new Moment(pictureMoment.quiet, pictureMoment.latest)
  readonly #signs: KernelSigns
  readonly #stirrings: Stirrings
  readonly #watcher: Watcher
  readonly #watched = new Moment(0, 0)
  #topology: Topology
  #counters = new Map<string, string>()
  #countedAt = 0
  #lookedAt = performance.now()
  #isChecking = false
  #isOver = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #trouble: string | undefined

  /** Begins to listen. Throws what opening the subscriptions, and the first look, throw. */
  constructor(options: LiveOptions) {
    this.#options = options
    const { paths, openKernel, observe } = options
    this.#signs = KernelSigns.open()
    try {
      this.#stirrings = Stirrings.open()
    } catch (error) {
      this.#signs[Symbol.dispose]()
      throw error
    }
    try {
      this.#watcher = new Watcher({
        paths,
        openKernel,
        source: this.#signs,
        dryRun: true,
        report: report => this.#report(report),
      })
      this.#watcher.begin()
      using kernel = openKernel()
      this.#topology = observe(kernel)
    } catch (error) {
      this.#close()
      throw error
    }
    this.#schedule()
  }

  /** The picture as it was last told. */
  get topology(): Topology {
    return this.#topology
  }

  /** Something changed that has no sign, such as what the doctor found. */
  stir(): void {
    this.#moment.sign(performance.now())
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#guarded(() => this.#turn())
      if (!this.#isOver) this.#schedule()
    }, readEvery)
  }

  /** What the kernel refuses now it may answer in a moment: it is told once, and tried again. */
  #guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#tellTrouble(error)
      this.#moment.looked(performance.now() - safetyNet, performance.now())
    }
  }

  #tellTrouble(error: unknown): void {
    const words = this.#options.words(error)
    // It may have been closed meanwhile.
    if (words !== this.#trouble && !this.#isOver) this.#options.push({ type: 'lost', what: words })
    this.#trouble = words
  }

  #turn(): void {
    const now = performance.now()
    if (this.#stirrings.read() || now - this.#lookedAt > safetyNet) this.#moment.sign(now)
    if (this.#watcher.hear() || this.#watcher.due <= Date.now()) this.#watched.sign(now)
    if (this.#watched.isDue(now) && !this.#isChecking) this.#check()
    if (this.#moment.isDue(now)) this.#look(now)
    else if (now - this.#countedAt >= countEvery) this.#count(now)
  }

  #look(now: number): void {
    this.#lookedAt = now
    using kernel = this.#options.openKernel()
    const topology = this.#options.observe(kernel)
    const isNews = !isSamePicture(topology, this.#topology)
    this.#topology = topology
    this.#trouble = undefined
    if (isNews) this.#options.push({ type: 'topology', topology })
    this.#moment.looked(now, performance.now())
  }

  #check(): void {
    this.#isChecking = true
    const from = performance.now()
    const done = (took: number) => {
      this.#isChecking = false
      this.#watched.looked(performance.now() - took, performance.now())
    }
    void this.#watcher.check().then(
      () => done(performance.now() - from),
      (error: unknown) => {
        this.#tellTrouble(error)
        done(safetyNet)
      },
    )
  }

  #report(report: WatchReport): void {
    const { push } = this.#options
    if (report.type === 'lost') push({ type: 'lost', what: `events of ${report.channel}` })
    if (report.type !== 'event') return
    const { type, time, ...event } = report
    push({ type, time, event })
  }

  /** Edges that counted something since they were told last. */
  #count(now: number): void {
    this.#countedAt = now
    using kernel = this.#options.openKernel()
    const links = new Map(kernel.links(undefined).map(link => [link.name, link]))
    const edges: Record<string, Counters> = {}
    for (const { id, kind, ends } of this.#topology.edges) {
      const counters =
        kind === 'cable'
          ? mirroredCounters(links.get(ends[1].interface ?? ''))
          : kind === 'uplink'
            ? countersOf(links.get(ends[0].interface ?? ''))
            : undefined
      if (counters === undefined) continue
      const text = Object.values(counters).join(' ')
      if (this.#counters.get(id) === text) continue
      this.#counters.set(id, text)
      edges[id] = counters
    }
    for (const id of this.#counters.keys())
      if (!this.#topology.edges.some(edge => edge.id === id)) this.#counters.delete(id)
    if (Object.keys(edges).length > 0) this.#options.push({ type: 'counters', time: Date.now(), edges })
  }

  #close(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#signs[Symbol.dispose]()
    this.#stirrings[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.#close()
  }
}
