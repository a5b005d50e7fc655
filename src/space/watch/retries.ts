/** When a repair that failed is tried again: soon after a new sign, and without one ever more rarely. Pure but for its memory. */

const first = 100
const second = 1000
const longest = 60_000

type Failure = { count: number; last: number }

export class Retries {
  readonly #failures = new Map<string, Failure>()

  /** Notes a failure; returns after how many milliseconds it is tried again. */
  failed(space: string, now: number): number {
    const count = (this.#failures.get(space)?.count ?? 0) + 1
    this.#failures.set(space, { count, last: now })
    return pauseAfter(count)
  }

  /** Whether it has failed once only. */
  isFirst(space: string): boolean {
    return this.#failures.get(space)?.count === 1
  }

  /** Before which time it is not tried again; a sign may have brought what was missing. */
  notBefore(space: string, hasSign: boolean): number {
    const failure = this.#failures.get(space)
    if (failure === undefined) return 0
    const pause = pauseAfter(failure.count)
    return failure.last + (hasSign ? Math.min(pause, second) : pause)
  }

  /** Forgets the failures of a space, or of all. */
  forget(space?: string): void {
    if (space === undefined) this.#failures.clear()
    else this.#failures.delete(space)
  }
}

const pauseAfter = (count: number): number =>
  count <= 1 ? first : Math.min(second * 2 ** (count - 2), longest)
