import type { TraceObservation } from '../trace/observation.ts'
import { type Counters, counterEvidence, readCounters } from '../walk/drop-counters.ts'
import { DropWatcher } from '../walk/drop-reasons.ts'
import { TracingUnavailableError } from '../walk/trace-instance.ts'

/** Drops that are remembered. */
const mostDrops = 500
/** Counters are read at most so often while nothing is under way. Milliseconds. */
const readEvery = 1000

type Snapshot = { inside: Counters; host: Counters }

/**
 * What the kernel says of drops, to be asked for the time of a flow: its reasons, for root of the machine, and its counters.
 * Links are not watched for it, as that would cost something with each packet.
 */
export class DropEvidence implements Disposable {
  readonly #path: string
  readonly #watcher: DropWatcher | undefined
  #drops: { at: number; drop: NonNullable<TraceObservation['drops']>[number] }[] = []
  /** Before any flow that is open now began. */
  #before: Snapshot
  #readAt = performance.now()

  /** Throws SystemError, NamespaceError. */
  constructor(path: string) {
    this.#path = path
    this.#before = snapshotOf(path)
    this.#watcher = openWatcher()
  }

  /** Takes what has come by now; `now` in milliseconds. While no flow is open, the counters are begun anew now and then. */
  read(now: number, isFollowing: boolean): void {
    for (const news of this.#watcher?.read() ?? []) {
      if (news.type !== 'drop') continue
      const { reason, location, device } = news
      this.#drops.push({ at: now, drop: { reason, location, device } })
    }
    if (this.#drops.length > mostDrops) this.#drops = this.#drops.slice(-mostDrops)
    if (isFollowing || now - this.#readAt < readEvery) return
    this.#readAt = now
    this.#before = snapshotOf(this.#path)
  }

  /** What was seen between two times; nothing where it is not needed. */
  between(from: number, to: number, isSettled: boolean): Pick<TraceObservation, 'drops' | 'counters'> {
    if (isSettled) return { drops: undefined, counters: { inside: [], host: [] } }
    const now = snapshotOf(this.#path)
    const drops = this.#drops.filter(({ at }) => at >= from && at <= to).map(({ drop }) => drop)
    return {
      drops: this.#watcher === undefined ? undefined : drops,
      counters: {
        inside: counterEvidence(this.#before.inside, now.inside),
        host: counterEvidence(this.#before.host, now.host),
      },
    }
  }

  [Symbol.dispose](): void {
    this.#watcher?.[Symbol.dispose]()
  }
}

const snapshotOf = (path: string): Snapshot => ({ inside: readCounters(path), host: readCounters(undefined) })

const openWatcher = (): DropWatcher | undefined => {
  try {
    return DropWatcher.open()
  } catch (error) {
    // Only root of the machine is told; others have the counters.
    if (error instanceof TracingUnavailableError) return undefined
    throw error
  }
}
