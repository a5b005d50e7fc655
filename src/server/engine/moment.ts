/**
 * Tells when to look, so that many signs are one look, and at most half of the time is spent looking. Times in milliseconds.
 */
export class Moment {
  readonly #quiet: number
  readonly #latest: number
  #firstSign: number | undefined
  #lastSign = 0
  #notBefore = 0

  /** After the first sign others follow at once: it is time when none came for `quiet`, or at the latest after `latest`. */
  constructor(quiet: number, latest: number) {
    this.#quiet = quiet
    this.#latest = latest
  }

  /** Something has changed. */
  sign(now: number): void {
    this.#firstSign ??= now
    this.#lastSign = now
  }

  isDue(now: number): boolean {
    if (this.#firstSign === undefined || now < this.#notBefore) return false
    return now - this.#lastSign >= this.#quiet || now - this.#firstSign >= this.#latest
  }

  /** It was looked, from then until now. */
  looked(from: number, now: number): void {
    this.#firstSign = undefined
    this.#notBefore = now + (now - from)
  }
}
