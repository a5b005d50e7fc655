/** Whole walks that are kept and told in a second. */
const perSecond = 20
/** Of these so many are for flows that were not answered: they must not drown among those that were. */
const reserved = 5

/** Chooses which of many flows are shown whole. Times in milliseconds. */
export class Sampler {
  /** All that were seen, and those that were chosen. */
  seen = 0
  shown = 0
  #tokens = perSecond
  #filledAt: number

  constructor(now: number) {
    this.#filledAt = now
  }

  /** One that is not looked at any closer. */
  pass(): void {
    this.seen++
  }

  /** Whether this one is shown; `isPlain`: it was answered, as most are. */
  takes(isPlain: boolean, now: number): boolean {
    this.seen++
    this.#tokens = Math.min(perSecond, this.#tokens + ((now - this.#filledAt) * perSecond) / 1000)
    this.#filledAt = now
    if (this.#tokens < (isPlain ? 1 + reserved : 1)) return false
    this.#tokens--
    this.shown++
    return true
  }
}
