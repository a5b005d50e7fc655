import { type Flow, type FlowTuple, mirrorOf } from '../../linux/conntrack/index.ts'
import { keyOfTuple, type TupleKey } from './tuple-key.ts'

/** A flow and what it does to packets, in words; empty where it translates nothing. */
export type KnownFlow = {
  /** Tells it from all others of the table. */
  number: number
  translation: { original: string; reply: string }
  /** By which it can be found. */
  keys: TupleKey[]
  /** Milliseconds at which it ended. */
  endedAt: number | undefined
}

/** Where packets with some tuple stand: in which flow and direction, and on which side of the translation. */
export type Sight = {
  flow: KnownFlow
  direction: 'original' | 'reply'
  side: 'before' | 'after' | 'untranslated'
  /** Flow and direction: the same on both sides, and in nothing else. */
  name: string
}

/** Milliseconds for which a flow that ended is kept: packets of it may not have been looked at yet. */
const remembered = 2000
/** A table without end would be one if nobody told of the flows that ended. */
const mostFlows = 100_000

/**
 * The flows of a host, to be found by the tuple of a packet on either side of the translation. A tuple that two living flows
 * share, as they may in different zones, finds none.
 */
export class FlowTable {
  #count = 0
  readonly #flows = new Map<string, KnownFlow>()
  readonly #sights = new Map<TupleKey, Sight | 'shared'>()
  #gone: KnownFlow[] = []

  get size(): number {
    return this.#flows.size
  }

  add(flow: Flow): void {
    const name = nameOf(flow)
    if (this.#flows.has(name)) return
    if (this.#flows.size >= mostFlows) this.clear()
    const known: KnownFlow = {
      number: this.#count++,
      translation: translationsOf(flow),
      keys: [],
      endedAt: undefined,
    }
    this.#flows.set(name, known)
    this.#direct(known, 'original', flow.original, mirrorOf(flow.reply))
    this.#direct(known, 'reply', flow.reply, mirrorOf(flow.original))
  }

  #direct(flow: KnownFlow, direction: Sight['direction'], before: FlowTuple, after: FlowTuple): void {
    const [first, second] = [keyOfTuple(before), keyOfTuple(after)]
    if (first === undefined || second === undefined) return
    const common = { flow, direction, name: `${flow.number} ${direction}` }
    if (first === second) this.#place(first, { ...common, side: 'untranslated' })
    else {
      this.#place(first, { ...common, side: 'before' })
      this.#place(second, { ...common, side: 'after' })
    }
  }

  #place(key: TupleKey, sight: Sight): void {
    sight.flow.keys.push(key)
    const other = this.#sights.get(key)
    const isTaken =
      other !== undefined &&
      (other === 'shared' || (other.flow !== sight.flow && other.flow.endedAt === undefined))
    this.#sights.set(key, isTaken ? 'shared' : sight)
  }

  /** The flow ended at `now` (milliseconds of any clock). */
  remove(flow: Flow, now: number): void {
    const name = nameOf(flow)
    const known = this.#flows.get(name)
    if (known === undefined) return
    this.#flows.delete(name)
    known.endedAt = now
    this.#gone.push(known)
  }

  /** Forgets flows that ended some time ago. */
  forget(now: number): void {
    const due = this.#gone.findIndex(({ endedAt = 0 }) => endedAt > now - remembered)
    const old = due < 0 ? this.#gone : this.#gone.slice(0, due)
    this.#gone = due < 0 ? [] : this.#gone.slice(due)
    for (const flow of old)
      for (const key of flow.keys) {
        const sight = this.#sights.get(key)
        if (sight !== 'shared' && sight?.flow === flow) this.#sights.delete(key)
      }
  }

  clear(): void {
    this.#flows.clear()
    this.#sights.clear()
    this.#gone = []
  }

  /** Where packets with this tuple stand: `shared` when they may be of several flows, undefined when no flow is known. */
  find(key: TupleKey): Sight | 'shared' | undefined {
    return this.#sights.get(key)
  }
}

const nameOf = ({ id, zone, original }: Flow): string => `${id} ${zone} ${keyOfTuple(original)}`

const translationsOf = ({ original, reply }: Flow): KnownFlow['translation'] => ({
  original: translationText(original, mirrorOf(reply), ''),
  reply: translationText(reply, mirrorOf(original), 'reverse '),
})

/**
 * What happens to the packets of one direction: `SNAT 10.200.0.2:4000 -> 192.168.1.32:40123`. Answers are translated back, so
 * with them the ends change places, and it is called `reverse`. Pure.
 */
export const translationText = (before: FlowTuple, after: FlowTuple, kind: '' | 'reverse '): string => {
  const [ofSource, ofDestination] = kind === '' ? ['SNAT', 'DNAT'] : ['reverse DNAT', 'reverse SNAT']
  const from = [
    endText(before.source, before.sourcePort),
    endText(before.destination, before.destinationPort),
  ]
  const to = [endText(after.source, after.sourcePort), endText(after.destination, after.destinationPort)]
  const parts = [
    ...(from[1] === to[1] ? [] : [`${ofDestination} ${from[1]} -> ${to[1]}`]),
    ...(from[0] === to[0] ? [] : [`${ofSource} ${from[0]} -> ${to[0]}`]),
    ...(before.icmp?.id === after.icmp?.id ? [] : [`identifier ${before.icmp?.id} -> ${after.icmp?.id}`]),
  ]
  return parts.join(', ')
}

const endText = (address: string, port: number | undefined): string =>
  port === undefined ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
