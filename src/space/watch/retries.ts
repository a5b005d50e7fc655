/**
 * When a repair that failed is tried again. Some failures are a moment of somebody else's work: then it is tried again
 * soon. Of others it is tried again soon after a new sign, which may have brought what was missing, and without one ever
 * more rarely. Pure but for its memory; all in milliseconds.
 */

const first = 100
const longestOfMoment = 2000
const afterSign = 1000
const longest = 60_000

type Failure = { count: number; last: number; pause: number }

export class Retries {
  readonly #failures = new Map<string, Failure>()

  /** Notes a failure; returns after how long it is tried again. */
  failed(space: string, ofTheMoment: boolean, now: number): number {
    const count = (this.#failures.get(space)?.count ?? 0) + 1
    const doubled = first * 2 ** (count - 1)
    const pause = ofTheMoment
      ? Math.min(doubled, longestOfMoment)
      : count === 1
        ? first
        : Math.min(5 * doubled, longest)
    this.#failures.set(space, { count, last: now, pause })
    return pause
  }

  /** Whether it has failed once only. */
  isFirst(space: string): boolean {
    return this.#failures.get(space)?.count === 1
  }

  /** Before which time it is not tried again. */
  notBefore(space: string, hasSign: boolean): number {
    const failure = this.#failures.get(space)
    if (failure === undefined) return 0
    return failure.last + (hasSign ? Math.min(failure.pause, afterSign) : failure.pause)
  }

  /** Forgets the failures of a space, or of all. */
  forget(space?: string): void {
    if (space === undefined) this.#failures.clear()
    else this.#failures.delete(space)
  }
}
