import { NatspaceError } from '../../../space/errors.ts'
import type { Walk, WalkSummary } from '../../protocol.ts'

/** Walks that are kept: the oldest go first. */
const mostKept = 200

/** The last walks, by their ids, which are given out once. */
export class WalkRing {
  readonly #walks = new Map<string, Walk>()
  #given = 0

  /** An id for the next walk. */
  nextId(): string {
    return `walk-${++this.#given}`
  }

  add(walk: Walk): void {
    this.#walks.set(walk.id, walk)
    for (const id of this.#walks.keys()) {
      if (this.#walks.size <= mostKept) break
      this.#walks.delete(id)
    }
  }

  /** Throws NatspaceError NO_SUCH_WALK. */
  get(id: string): Walk {
    const walk = this.#walks.get(id)
    if (walk !== undefined) return walk
    throw new NatspaceError({
      code: 'NO_SUCH_WALK',
      exit: 1,
      what: 'cannot show that walk',
      why: `it is not kept any more, or never was: the last ${mostKept} are`,
      fix: ['save a walk to a file where it shall stay'],
    })
  }

  /** The newest first. */
  summaries(): WalkSummary[] {
    return [...this.#walks.values()].map(summary).reverse()
  }

  get size(): number {
    return this.#walks.size
  }
}

/** What a list tells of a walk. Pure. */
export const summary = (walk: Walk): WalkSummary => {
  const { id, time, space, direction, protocol, title, outcome, reason } = walk
  return { id, time, space, direction, protocol, title, outcome, reason }
}
