import type { Kernel } from '../../linux/kernel.ts'
import { NatspaceError } from '../errors.ts'
import type { Context } from '../reconcile/types.ts'
import { readSpaceRecord, recordText, type SpaceRecord, type StatePaths } from '../state/records.ts'
import { Attempts, type Held } from './attempts.ts'
import { culpritsOf } from './culprit.ts'
import { driftOf, isLocked, type Look, look, mendable, resourcesOf, textsOf, wholeDrift } from './look.ts'
import { Notes } from './notes.ts'
import { type Limits, usualLimits } from './patience.ts'
import { repair } from './repair.ts'
import type { Uplink, WatchEvent, WatchReport } from './report.ts'
import { type Culprit, type Interest, noInterest, type Sign, type SignSource } from './sign.ts'
import { Told } from './told.ts'
import { isOfTheMoment, isTrouble, isUndone } from './trouble.ts'

/**
 * Theory of operation. desired − observed = operations, again and again: a sign of the kernel is the reason to look, never
 * the knowledge of what to do. A look compares every space with its record; what differs is put right by what `up` does,
 * under the same lock, whole or not at all, and is read again afterwards. So a sign that was lost, or that came from the
 * own repair, costs one more look and can do no harm, and a look that finds nothing ends the matter. Each look opens what
 * it needs and closes it again: an open socket would keep a deleted namespace, and its cable, alive.
 */

export type WatcherOptions = {
  paths: StatePaths
  /** The kernel for one look; closed after it. */
  openKernel: () => Kernel
  source: SignSource
  /** Default: all spaces, those too that come later. */
  names?: ReadonlySet<string> | undefined
  dryRun?: boolean
  limits?: Limits
  /** Milliseconds that a repair waits for another natspace; meanwhile nothing is read. */
  lockPatience?: number
  report: (report: WatchReport) => void
  /** Milliseconds; a test has its own. */
  now?: () => number
}

/** The longest time between two looks: some changes have no sign, such as those by iptables-legacy. */
const safetyNet = 60_000
/** How long a repair waits for another natspace: as long as the kernel can well keep the signs that come meanwhile. */
const lockPatience = 200
/** How soon it is tried again to get the lock that another natspace holds. */
const lockPause = { first: 10, longest: 200 }
/** How soon it is tried again when a look fails; longer each time. */
const firstTrouble = 100
/** Looks in a row while there is something new to follow in each. */
const mostLooks = 3
/** Signs that are kept until the next look, to tell who gave them: of a storm a part will do. */
const mostSigns = 64

export class Watcher {
  readonly #options: WatcherOptions
  readonly #attempts: Attempts
  readonly #now: () => number
  /** What was told of what differs and stays so, and of what is lacking. */
  readonly #told = new Told()
  readonly #toldLacking = new Told()
  /** Texts of the records as they were last seen. */
  #known = new Map<string, string>()
  readonly #notes = new Notes()
  #uplink: Uplink | undefined
  #interest: Interest = noInterest
  #signs: Sign[] = []
  /** When the first of the signs came. */
  #noticed: number | undefined
  #due = 0
  #lockPause = lockPause.first
  #pending = false
  /** Looks in a row that failed. */
  #troubles = 0
  #repairs = 0
  #lost = 0

  constructor(options: WatcherOptions) {
    this.#options = options
    this.#attempts = new Attempts(options.limits ?? usualLimits)
    this.#now = options.now ?? Date.now
  }

  /** When the next look is due if no sign comes before, in milliseconds of `now`. */
  get due(): number {
    return this.#due
  }

  /** Whether the last look left something to be tried again soon, of which nothing was told yet. */
  get isPending(): boolean {
    return this.#pending
  }

  /** Whether everything is as asked for, as far as the last look saw. */
  get isContent(): boolean {
    if (this.#pending) return false
    return this.#troubles === 0 && this.#told.names.length === 0 && this.#toldLacking.names.length === 0
  }

  /** Takes up what has come by now; returns whether it is a reason to look. */
  hear(): boolean {
    const { signs, lost } = this.#listen()
    if (signs.length === 0 && lost === 0) return false
    this.#noticed ??= this.#now()
    this.#signs = [...this.#signs, ...signs].slice(0, mostSigns)
    return true
  }

  /** What has come by now; what was lost is told. */
  #listen(): { signs: Sign[]; lost: number } {
    const { signs, lost } = this.#options.source.read(this.#interest)
    for (const channel of lost) this.#options.report({ type: 'lost', time: this.#now(), channel })
    this.#lost += lost.length
    return { signs, lost: lost.length }
  }

  /** Forgets fights and failures, and looks at once. */
  resume(): void {
    const spaces = this.#attempts.resume()
    if (spaces.length > 0) this.#tell({ event: 'resumed', spaces })
    this.#due = 0
  }

  /** The first look: tells how everything is before anything is repaired. */
  begin(): void {
    using kernel = this.#options.openKernel()
    const seen = this.#look({ kernel, paths: this.#options.paths })
    this.#known = textsOf(seen)
    this.#uplink = seen.uplink
    const spaces = [...seen.records.keys()].map(name => ({ name, drift: wholeDrift(seen, name) }))
    this.#options.report({ type: 'snapshot', time: this.#now(), spaces, uplink: seen.uplink })
  }

  /** Looks at everything, and repairs what differs. What the kernel refuses is told and tried again. */
  async check(): Promise<void> {
    this.#pending = false
    try {
      await this.#check()
      this.#troubles = 0
    } catch (error) {
      if (!isTrouble(error)) throw error
      const again = Math.min(firstTrouble * 2 ** this.#troubles++, safetyNet)
      this.#due = this.#now() + again
      // The first may be a moment of many changes.
      this.#pending = this.#troubles === 1
      if (this.#troubles === 2) this.#tell({ event: 'trouble', message: error.message, again })
    }
  }

  async #check(): Promise<void> {
    using kernel = this.#options.openKernel()
    const context = { kernel, paths: this.#options.paths }
    const seen = this.#look(context)
    this.#due = this.#now() + safetyNet
    const over = this.#attempts.endPauses(this.#now())
    if (over.length > 0) this.#tell({ event: 'resumed', spaces: over })
    this.#followRecords(seen)
    this.#followUplink(seen)
    const differing = [...seen.records.keys()].filter(name => mendable(seen, name).length > 0)
    // The look may have been faster than the sign, which tells who did it; what else has come is looked at once more.
    if (differing.length > 0 && this.hear()) this.#due = 0
    this.#tellUnreadable(seen)
    this.#tellLacking(seen)
    this.#tellRecovered(seen, differing)
    if (differing.length === 0) this.#forgetSigns()
    else if (this.#options.dryRun) this.#tellDiffering(context, seen, differing)
    else await this.#repair(context, seen, differing)
    if (!this.#options.dryRun) this.#notes.write(context)
  }

  /** The last word. */
  end(): void {
    using kernel = this.#options.openKernel()
    this.#notes.clear({ kernel, paths: this.#options.paths })
    this.#options.report({ type: 'end', time: this.#now(), repairs: this.#repairs, lost: this.#lost })
  }

  #look(context: Context): Look {
    const { source, names } = this.#options
    // First of all: what changes from now on gives a sign, and what changed before is seen.
    source.follow(this.#interest)
    for (let attempt = 1; ; attempt++) {
      const seen = look(context, names)
      this.#interest = seen.interest
      // What is followed only now may have changed between the look and this.
      if (!source.follow(seen.interest) || attempt === mostLooks) return seen
    }
  }

  #tell(event: WatchEvent): void {
    const time = this.#now()
    this.#options.report({ type: 'event', time, ...event })
    this.#notes.take(event, time)
  }

  #forgetSigns(): void {
    this.#signs = []
    this.#noticed = undefined
  }

  #culprits(): Culprit[] {
    return culpritsOf(this.#signs, process.pid)
  }

  #dueAt(time: number): void {
    this.#due = Math.min(this.#due, time)
  }

  #followRecords(seen: Look): void {
    const texts = textsOf(seen)
    const changed = [...texts].filter(([name, text]) => this.#known.get(name) !== text).map(([name]) => name)
    for (const name of seen.unreadable.keys()) texts.set(name, this.#known.get(name) ?? '')
    const gone = [...this.#known.keys()].filter(name => !texts.has(name))
    for (const space of [...changed, ...gone]) {
      this.#attempts.forget(space)
      this.#told.forget(space)
      this.#toldLacking.forget(space)
      const change = !texts.has(space) ? 'down' : this.#known.has(space) ? 'changed' : 'up'
      this.#tell({ event: 'space', space, change })
    }
    this.#known = texts
  }

  #followUplink({ uplink }: Look): void {
    const before = this.#uplink
    if (JSON.stringify(before) === JSON.stringify(uplink)) return
    this.#uplink = uplink
    this.#tell({ event: 'uplink', before, after: uplink })
  }

  #tellLacking({ spaces }: Look): void {
    for (const [name, { lacking: drift }] of spaces)
      if (drift.length > 0 && this.#toldLacking.isNews([name], drift))
        this.#tell({ event: 'differs', spaces: [name], drift, by: this.#culprits() })
  }

  #tellUnreadable({ unreadable }: Look): void {
    for (const [name, error] of unreadable)
      if (this.#toldLacking.isNews([name], error.message))
        this.#tell({ event: 'failed', spaces: [name], drift: [], by: [], error, again: safetyNet })
  }

  #tellRecovered({ spaces }: Look, differing: readonly string[]): void {
    const mended = this.#told.names.filter(name => !differing.includes(name))
    const back = this.#toldLacking.names.filter(name => spaces.get(name)?.lacking.length === 0)
    for (const name of mended) {
      this.#told.forget(name)
      this.#attempts.succeeded(name)
    }
    for (const name of back) this.#toldLacking.forget(name)
    const names = [...new Set([...mended, ...back])].filter(name => spaces.has(name))
    if (names.length > 0) this.#tell({ event: 'recovered', spaces: names })
  }

  #tellDiffering({ kernel, paths }: Context, seen: Look, spaces: string[]): void {
    if (isLocked(kernel, paths.lock)) {
      this.#waitForLock()
      return
    }
    const drift = driftOf(seen, spaces)
    if (this.#told.isNews(spaces, drift))
      this.#tell({ event: 'differs', spaces, drift, by: this.#culprits() })
    this.#forgetSigns()
  }

  #waitForLock(): void {
    this.#pending = true
    this.#dueAt(this.#now() + this.#lockPause)
    this.#lockPause = Math.min(this.#lockPause * 2, lockPause.longest)
  }

  async #repair(context: Context, seen: Look, differing: readonly string[]): Promise<void> {
    const resources = (name: string) => resourcesOf(seen, name)
    const hasSign = this.#noticed !== undefined
    const { names, held, due } = this.#attempts.sort(differing, resources, hasSign, this.#now())
    this.#dueAt(due)
    for (const item of held) this.#tellHeld(seen, item)
    if (names.length === 0) {
      this.#forgetSigns()
      return
    }
    let outcome: Awaited<ReturnType<typeof repair>>
    try {
      outcome = await repair(context, names, this.#options.lockPatience ?? lockPatience)
    } catch (error) {
      if (!(error instanceof NatspaceError)) throw error
      // One that cannot be repaired must not keep the others from being: each is tried by itself.
      if (names.length > 1) for (const name of names) await this.#repair(context, seen, [name])
      else for (const name of names) this.#tellFailure(seen, name, error)
      return
    }
    if (outcome.type === 'locked') {
      this.#waitForLock()
      return
    }
    this.#lockPause = lockPause.first
    for (const warning of outcome.settled) this.#tell({ event: 'settled', warning })
    // Without a change another natspace was faster.
    if (outcome.changes > 0) {
      const milliseconds = this.#now() - (this.#noticed ?? seen.time)
      const told = { spaces: names, drift: driftOf(seen, names), by: this.#culprits() }
      this.#tell({ event: 'repaired', ...told, changes: outcome.changes, milliseconds })
      this.#repairs++
      for (const name of names) this.#attempts.repaired(name, resources(name), this.#now())
    }
    for (const name of names) this.#told.forget(name)
    this.#hearAfterRepair(context, outcome.records)
  }

  #tellHeld(seen: Look, { verdict, spaces }: Held): void {
    if (!this.#told.isNews(spaces, verdict.type)) return
    const pause = verdict.until - this.#now()
    const told = { spaces, drift: driftOf(seen, spaces), by: this.#culprits(), pause }
    if (verdict.type === 'fight')
      this.#tell({ event: 'fight', ...told, over: verdict.over, repairs: verdict.repairs })
    else this.#tell({ event: 'waits', ...told })
  }

  #tellFailure(seen: Look, name: string, error: NatspaceError): void {
    if (isUndone(error)) this.#attempts.undone(name, resourcesOf(seen, name), this.#now())
    const { again, first } = this.#attempts.failed(name, isOfTheMoment(error), this.#now())
    this.#dueAt(this.#now() + again)
    // The first failure is often a moment of somebody else's work.
    if (first) {
      this.#pending = true
      return
    }
    const told = { spaces: [name], drift: mendable(seen, name), by: this.#culprits() }
    if (this.#told.isNews([name], [error.code, error.message]))
      this.#tell({ event: 'failed', ...told, error, again })
    this.#forgetSigns()
  }

  /** Of what came by the end of a repair most is its own doing; the look that follows tells whether all of it was. */
  #hearAfterRepair({ kernel, paths }: Context, repaired: ReadonlyMap<string, SpaceRecord>): void {
    const { signs, lost } = this.#listen()
    this.#forgetSigns()
    if (signs.length > 0 || lost > 0) {
      this.#noticed = this.#now()
      this.#due = 0
    }
    // Who changed the ruleset is known for certain.
    this.#signs = signs.filter(({ by }) => by !== undefined)
    for (const [name, before] of repaired) {
      // Where the repair has written the record anew (an MTU that follows), nobody else has changed the space.
      const record = readSpaceRecord(kernel, paths, name)
      if (record !== undefined && recordText(before) === this.#known.get(name))
        this.#known.set(name, recordText(record))
    }
  }
}
