/** A flow whose story was told. */
export type ToldFlow = {
  number: number
  /** Number of its connection; undefined where none was tracked, as when its first packet was dropped. */
  id: number | undefined
  /** That it was dropped has been told. */
  hasDropTold: boolean
  /** Milliseconds. */
  seenAt: number
}

/** Past so many the oldest are forgotten. */
const mostTold = 20_000
/** For how long packets of a flow without a connection are taken for the same attempt again. Milliseconds. */
const attempt = 60_000

/** What was told, by the keys of the flows' tuples, so that further packets tell it no second time. */
export class ToldFlows {
  readonly #flows = new Map<string, ToldFlow>()

  add(key: string, flow: ToldFlow): void {
    this.#flows.delete(key)
    if (this.#flows.size >= mostTold)
      for (const oldest of this.#flows.keys()) {
        this.#flows.delete(oldest)
        break
      }
    this.#flows.set(key, flow)
  }

  has(key: string): boolean {
    return this.#flows.has(key)
  }

  /**
   * The flow that a packet with this key is of, `id` being the number of its connection. Another connection is another flow,
   * and so is an attempt that comes through where the one before did not, or comes much later.
   */
  find(key: string, id: number | undefined, now: number): ToldFlow | undefined {
    const told = this.#flows.get(key)
    if (told === undefined) return undefined
    const isOther = id === undefined ? told.id === undefined && now - told.seenAt > attempt : id !== told.id
    if (isOther) {
      this.#flows.delete(key)
      return undefined
    }
    told.seenAt = now
    return told
  }

  /** A connection ended: what comes with its tuple is another flow. */
  forget(key: string, id: number | undefined): void {
    if (this.#flows.get(key)?.id === id) this.#flows.delete(key)
  }
}
