import { type Limits, Patience, type Verdict } from './patience.ts'
import { Retries } from './retries.ts'

/** Spaces that are not repaired now, for one reason. */
export type Held = { verdict: Exclude<Verdict, { type: 'repair' }>; spaces: string[] }

/** Which spaces may be repaired now, which are left alone and for how long: fights, the limit per minute, and failures. */
export class Attempts {
  readonly #patience: Patience
  readonly #retries = new Retries()
  /** By space: until when it is left alone after a fight. */
  readonly #paused = new Map<string, number>()

  constructor(limits: Limits) {
    this.#patience = new Patience(limits)
  }

  /** Sorts the spaces that differ. `due` is when the first of the others may be repaired; `held` is what is new about them. */
  sort(
    differing: readonly string[],
    resourcesOf: (name: string) => readonly string[],
    hasSign: boolean,
    now: number,
  ): { names: string[]; held: Held[]; due: number } {
    const held = new Map<string, Held>()
    let due = Number.POSITIVE_INFINITY
    const names = differing.filter(name => {
      const earliest = Math.max(this.#paused.get(name) ?? 0, this.#retries.notBefore(name, hasSign))
      if (now < earliest) {
        due = Math.min(due, earliest)
        return false
      }
      const verdict = this.#patience.verdict(name, resourcesOf(name), now)
      if (verdict.type === 'repair') return true
      due = Math.min(due, verdict.until)
      if (verdict.type === 'fight') this.#paused.set(name, verdict.until)
      const key = verdict.type === 'fight' ? `fight ${verdict.over}` : verdict.type
      const others = held.get(key)
      if (others === undefined) held.set(key, { verdict, spaces: [name] })
      else others.spaces.push(name)
      return false
    })
    return { names, held: [...held.values()], due }
  }

  /** Notes a repair. */
  repaired(name: string, resources: readonly string[], now: number): void {
    this.#patience.repaired(name, resources, now)
    this.#retries.forget(name)
  }

  /** Notes a repair that somebody undid before it was over. */
  undone(name: string, resources: readonly string[], now: number): void {
    this.#patience.repaired(name, resources, now)
  }

  /** Notes a failure; returns after how many milliseconds it is tried again, and whether it was the first in a row. */
  failed(name: string, ofTheMoment: boolean, now: number): { again: number; first: boolean } {
    const again = this.#retries.failed(name, ofTheMoment, now)
    return { again, first: this.#retries.isFirst(name) }
  }

  /** A space is right again: its failures are over. */
  succeeded(name: string): void {
    this.#retries.forget(name)
  }

  /** The spaces whose pause is over at this time. */
  endPauses(now: number): string[] {
    const over = [...this.#paused].filter(([, until]) => until <= now).map(([name]) => name)
    for (const name of over) this.#paused.delete(name)
    return over
  }

  /** Ends all pauses and forgets all failures; returns the spaces that were left alone. */
  resume(): string[] {
    this.#patience.forget()
    this.#retries.forget()
    const spaces = [...this.#paused.keys()]
    this.#paused.clear()
    return spaces
  }

  /** Forgets a space that is another now, or gone. */
  forget(name: string): void {
    this.#patience.forget(name)
    this.#retries.forget(name)
    this.#paused.delete(name)
  }
}
