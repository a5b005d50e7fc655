import { type FlowTuple, mirrorOf } from '../../linux/conntrack/index.ts'
import type { ConntrackEntry } from './conntrack-entry.ts'
import { type FlowSight, sightOf } from './flow-sight.ts'

/** A tuple as a text that two equal ones share. */
export const tupleKey = ({
  source,
  destination,
  protocol,
  sourcePort,
  destinationPort,
  icmp,
}: FlowTuple): string =>
  `${protocol} ${source} ${sourcePort ?? ''} ${destination} ${destinationPort ?? ''} ${icmp?.type ?? ''} ${icmp?.id ?? ''}`

/** Flows by their tuples, on either side of the translation, and by their numbers. */
export class FlowIndex {
  /** In the order in which they were first seen, by the name that its owner gives each. */
  readonly #entries = new Map<string, ConntrackEntry>()
  /** Names by tuple, the latest last. */
  readonly #byTuple = new Map<string, string[]>()
  readonly #byId = new Map<number, string>()

  get size(): number {
    return this.#entries.size
  }

  entries(): IterableIterator<[string, ConntrackEntry]> {
    return this.#entries.entries()
  }

  get(name: string): ConntrackEntry | undefined {
    return this.#entries.get(name)
  }

  /** Puts a flow in, or in the place of what was known of it. */
  set(name: string, entry: ConntrackEntry): void {
    if (!this.#entries.has(name)) {
      for (const key of keysOf(entry)) {
        const names = this.#byTuple.get(key)
        if (names === undefined) this.#byTuple.set(key, [name])
        else names.push(name)
      }
      if (entry.flow.id !== undefined) this.#byId.set(entry.flow.id, name)
    }
    this.#entries.set(name, entry)
  }

  delete(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#entries.delete(name)
    for (const key of keysOf(entry)) {
      const names = (this.#byTuple.get(key) ?? []).filter(other => other !== name)
      if (names.length === 0) this.#byTuple.delete(key)
      else this.#byTuple.set(key, names)
    }
    if (entry.flow.id !== undefined && this.#byId.get(entry.flow.id) === name)
      this.#byId.delete(entry.flow.id)
  }

  /** The latest flow that packets with this tuple belong to, and where they stand in it. */
  find(tuple: FlowTuple): { entry: ConntrackEntry; sight: FlowSight } | undefined {
    for (const name of (this.#byTuple.get(tupleKey(tuple)) ?? []).toReversed()) {
      const entry = this.#entries.get(name)
      const sight = entry && sightOf(entry.flow, tuple)
      if (entry !== undefined && sight !== undefined) return { entry, sight }
    }
    return undefined
  }

  byId(id: number): ConntrackEntry | undefined {
    const name = this.#byId.get(id)
    return name === undefined ? undefined : this.#entries.get(name)
  }
}

const keysOf = ({ flow: { original, reply } }: ConntrackEntry): Set<string> =>
  new Set([original, mirrorOf(reply), reply, mirrorOf(original)].map(tupleKey))
