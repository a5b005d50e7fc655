import { type ExitStatus, NatspaceError } from '../errors.ts'

/**
 * Theory of operation. What may take long with many spaces is written as work: a generator that pauses wherever it may be
 * looked at, and says how far it has come and whether it may end there. Whoever drives it decides what a pause is good for.
 * Without an onlooker there is none: the work is one synchronous section from its begin to its end. With one, a few times a
 * second the onlooker is told, and the event loop has its turn, so that a signal is noticed in the middle of thousands of
 * changes. To end the work, the reason is thrown into it at a pause where that is possible; the work then undoes what it
 * has begun, as after any failure.
 */

/** What is being done: looking at what is there, changing it, looking whether it worked, taking it back; or reading and describing. */
export type Phase = 'planning' | 'making' | 'checking' | 'undoing' | 'removing' | 'reading' | 'describing'

/** How far something that takes long has come. */
export type Progress = {
  phase: Phase
  /**
   * What is done of this phase: changes of the kernel where something is made, undone or removed, spaces where they are read
   * or described, and otherwise things that were looked at, several for each space.
   */
  done: number
  /** Of how many; absent where nobody knows. */
  total?: number
}

/**
 * Who is told how far something has come, and may return why it should end: it then ends where that is possible, with that
 * error, after undoing what was begun. What `look` throws ends it too, as the cause of that error.
 */
export type Onlooker = {
  look(progress: Progress): NatspaceError | undefined | Promise<NatspaceError | undefined>
}

/** A place at which work can be looked at. */
export type Pause = Progress & {
  /** Whether the work can end here, undoing what it has begun. */
  mayEnd: boolean
}

export type Work<T> = Generator<Pause, T, void>

/**
 * Milliseconds to the first look at work, and from one to the next. A turn of the event loop is a good moment for the runtime to
 * tidy up, which costs some milliseconds; most work is done before.
 */
const firstLook = 500
const lookEvery = 200

/** Does work in one go. */
export const doWork = <T>(work: Work<T>): T => {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}

/** Does work, and lets the onlooker look on. Throws what the work throws, and NatspaceError STOPPED where it was ended. */
export const doWorkWatched = async <T>(work: Work<T>, onlooker: Onlooker | undefined): Promise<T> => {
  if (onlooker === undefined) return doWork(work)
  let due = performance.now() + firstLook
  let reason: NatspaceError | undefined
  let isStopping = false
  let step = work.next()
  while (!step.done) {
    const { mayEnd, ...progress } = step.value
    if (performance.now() >= due) {
      try {
        reason ??= await onlooker.look(progress)
      } catch (error) {
        reason ??= stopped('stopped by the program that asked for it', undone, { cause: error })
      }
      due = performance.now() + lookEvery
    }
    if (reason !== undefined && mayEnd && !isStopping) {
      isStopping = true
      step = work.throw(reason)
    } else step = work.next()
  }
  return step.value
}

/** As `flatMap`, with pauses. */
export function* eachOf<T, R>(
  items: readonly T[],
  { phase, mayEnd }: Pick<Pause, 'phase' | 'mayEnd'>,
  map: (item: T) => readonly R[],
): Work<R[]> {
  const results: R[] = []
  for (const [index, item] of items.entries()) {
    if (index % stride === 0 && index > 0) yield { phase, done: index, total: items.length, mayEnd }
    for (const result of map(item)) results.push(result)
  }
  return results
}

/** The same work, with pauses that say it otherwise. */
export function* inOtherTerms<T>(work: Work<T>, toOther: (pause: Pause) => Pause): Work<T> {
  for (let step = work.next(); ; ) {
    if (step.done) return step.value
    let reason: unknown
    let isToEnd = false
    try {
      yield toOther(step.value)
    } catch (error) {
      reason = error
      isToEnd = true
    }
    step = isToEnd ? work.throw(reason) : work.next()
  }
}

/** Items from one pause to the next: less than some milliseconds of work. */
const stride = 32

/** The error of work that was stopped: whoever knows what became of it says so in `why`. */
export const stopped = (
  what: string,
  why: string,
  { exit = 1, cause }: { exit?: ExitStatus; cause?: unknown } = {},
): NatspaceError => new NatspaceError({ code: 'STOPPED', exit, what, why, cause })

export const isStopped = (error: unknown): error is NatspaceError =>
  error instanceof NatspaceError && error.code === 'STOPPED'

/** What becomes of work that is stopped, unless it knows better. */
export const undone = 'nothing is changed, as all that was begun is undone'
