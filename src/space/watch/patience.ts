/**
 * Theory of operation. What was repaired and is undone again soon afterwards counts; when that happens a few times in a
 * row, somebody else wants it otherwise, and repairing on would only make two programs work against each other for ever.
 * Then the space is left alone for a while, which doubles each time. Beside that no space is repaired more often than so
 * many times a minute, whatever the reason. Pure: the time is given.
 */
export type Limits = {
  /** A repair that is undone within so many milliseconds was undone by somebody who fights for it. */
  undoneWithin: number
  /** So many in a row are a fight; 0: there are no fights, and no limit. */
  repairsInFight: number
  /** How long a space is left alone after its first fight, and at most, in milliseconds. */
  pause: number
  longestPause: number
  /** Repairs of a space in a minute. */
  perMinute: number
}

/** Those of `natspace watch`. */
export const usualLimits: Limits = {
  undoneWithin: 30_000,
  repairsInFight: 5,
  pause: 300_000,
  longestPause: 3_600_000,
  perMinute: 30,
}

/** What may be done about a space now. */
export type Verdict =
  | { type: 'repair' }
  /** It was repaired too often within a minute. */
  | { type: 'wait'; until: number }
  /** A fight began: over what, and after how many repairs. */
  | { type: 'fight'; over: string; repairs: number; until: number }
  /** A fight is on. */
  | { type: 'paused'; until: number }

const minute = 60_000

type History = {
  /** By resource: repairs of which each was undone soon, and when the last one was. */
  undone: Map<string, { count: number; last: number }>
  /** Times of the repairs within the last minute. */
  recent: number[]
  fights: number
  pausedUntil: number
}

export class Patience {
  readonly #limits: Limits
  readonly #histories = new Map<string, History>()

  constructor(limits: Limits = usualLimits) {
    this.#limits = limits
  }

  /** What to do about these resources of a space that differ at the time `now`. */
  verdict(space: string, resources: readonly string[], now: number): Verdict {
    const history = this.#histories.get(space)
    if (history === undefined || this.#limits.repairsInFight === 0) return { type: 'repair' }
    if (now < history.pausedUntil) return { type: 'paused', until: history.pausedUntil }
    for (const resource of resources) {
      const past = history.undone.get(resource)
      if (past === undefined || now - past.last > this.#limits.undoneWithin) continue
      if (past.count < this.#limits.repairsInFight) continue
      const until = now + Math.min(this.#limits.pause * 2 ** history.fights, this.#limits.longestPause)
      history.fights++
      history.pausedUntil = until
      history.undone.clear()
      return { type: 'fight', over: resource, repairs: past.count, until }
    }
    history.recent = history.recent.filter(time => now - time < minute)
    const [first] = history.recent
    if (first !== undefined && history.recent.length >= this.#limits.perMinute)
      return { type: 'wait', until: first + minute }
    return { type: 'repair' }
  }

  /** Notes that these resources of a space were repaired. */
  repaired(space: string, resources: readonly string[], now: number): void {
    let history = this.#histories.get(space)
    if (history === undefined) {
      history = { undone: new Map(), recent: [], fights: 0, pausedUntil: 0 }
      this.#histories.set(space, history)
    }
    for (const [resource, { last }] of history.undone)
      if (now - last > this.#limits.undoneWithin) history.undone.delete(resource)
    // An hour without one makes the next fight the first again.
    if (history.fights > 0 && now - history.pausedUntil > this.#limits.longestPause) history.fights = 0
    for (const resource of resources)
      history.undone.set(resource, { count: (history.undone.get(resource)?.count ?? 0) + 1, last: now })
    history.recent = [...history.recent.filter(time => now - time < minute), now]
  }

  /** Forgets a space, or all: nothing is a fight any more. */
  forget(space?: string): void {
    if (space === undefined) this.#histories.clear()
    else this.#histories.delete(space)
  }
}
