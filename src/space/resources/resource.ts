import type { Where } from '../../linux/change.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Drift, Operation } from '../reconcile/operation.ts'
import type { StepName } from '../steps.ts'

/**
 * Theory of operation. A resource is one thing that should exist for a space: it compares itself with what was observed
 * and answers with operations, which are data. It never touches the kernel. Resources are ordered by phase: adding goes
 * up through the phases (the firewall stands before the first packet can pass, see open.ts), removing goes down.
 */
export interface Resource {
  /** Unique among all resources, and readable: 'address 192.168.45.2/24 on veth1'. */
  readonly id: string
  readonly step: StepName
  readonly phase: Phase
  /** The space it is for; undefined when it serves all. */
  readonly space: string | undefined
  /** What differs from what should be; [] when all is right. Says nothing about dependents of something missing. */
  drift(seen: Observation): Drift[]
  /** The operations that bring it about. Throws NatspaceError when something that is not ours is in the way. */
  add(seen: Observation, planner: Planner): Operation[]
  /** The operations that take it away, as far as it is there and ours. Never throws for what is gone already. */
  remove(seen: Observation, planner: Planner): Operation[]
}

/** The order of adding; removing is the reverse. */
export const phases = [
  'record',
  'namespace',
  'released-flows',
  'cable',
  'address',
  'firewall',
  'foreign-firewall',
  'open',
  'route',
  'flows',
  'foreign-program',
  'forwarding',
] as const
export type Phase = (typeof phases)[number]

/**
 * What a plan knows beyond the observation: the indexes that links to be created will have (chosen beforehand, which
 * saves looking them up afterwards and lets all messages for a namespace go in one send), and the links that an earlier
 * operation of the plan removes.
 */
export class Planner {
  readonly #seen: Observation
  readonly #planned = new Map<string, number>()
  readonly #next = new Map<Where, number>()
  readonly #removed = new Set<string>()

  constructor(seen: Observation) {
    this.#seen = seen
  }

  /** An index that no link of the namespace has, reserved for a link to be created; that of the link it replaces. */
  reserveIndex(where: Where, name: string): number {
    const former = this.#removed.has(key(where, name)) ? this.#seen.link(where, name)?.index : undefined
    const index = former ?? this.#next.get(where) ?? this.#firstFree(where)
    if (former === undefined) this.#next.set(where, index + 1)
    this.#planned.set(key(where, name), index)
    return index
  }

  #firstFree(where: Where): number {
    let highest = 1
    for (const link of this.#seen.links(where).values()) highest = Math.max(highest, link.index)
    return highest + 1
  }

  /** Notes that the plan removes this link. */
  remove(where: Where, name: string): void {
    this.#removed.add(key(where, name))
  }

  /** Whether the plan removes the link of this index. */
  removes(where: Where, index: number): boolean {
    return [...this.#seen.links(where).values()].some(
      link => link.index === index && this.#removed.has(key(where, link.name)),
    )
  }

  /** Whether the plan creates this link. */
  creates(where: Where, name: string): boolean {
    return this.#planned.has(key(where, name))
  }

  /** The link as observed, unless the plan has removed it before. */
  link(where: Where, name: string): Link | undefined {
    return this.#removed.has(key(where, name)) ? undefined : this.#seen.link(where, name)
  }

  /** The index of a link that exists or will; undefined when neither. */
  index(where: Where, name: string): number | undefined {
    return this.#planned.get(key(where, name)) ?? this.link(where, name)?.index
  }
}

const key = (where: Where, name: string): string => `${where ?? ''} ${name}`
