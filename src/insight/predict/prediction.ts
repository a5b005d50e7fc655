import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { StoryEvent } from '../trace/events.ts'
import type { StoryEnd } from '../trace/outcome.ts'
import type { StoryPoint } from '../trace/points.ts'
import type { HeaderChange } from '../walk/header-change.ts'

/** A part of a rule of which nobody knows beforehand what it will do with the packet. */
export type Doubt = {
  at: 'inside' | 'host'
  hook: string
  /** `ip filter FORWARD`: the base chain. */
  chain: string
  owner: string
  /** The whole rule, and the part of it that cannot be evaluated. */
  rule: string
  expression: string
  /** How it would end if the rule applied, and if it did not; undefined where that is not known either. */
  ifApplies: string | undefined
  ifNot: string | undefined
}

/** How it would end. */
export type PredictedEnd = {
  /**
   * `delivered`: it leaves this host, or reaches what it is for; what the other side does nobody knows. `dropped`: a rule, a
   * policy, a route or a setting would stop it, or the answer to it. `unknown`: it depends on what cannot be known.
   */
  outcome: 'delivered' | 'dropped' | 'unknown'
  at: StoryEnd['at']
  reason: string
  evidence: string[]
  /** Of `unknown`: what it depends on. */
  doubts: Doubt[]
}

/** What would happen to a packet and to the answer to it, by rules, routes and settings alone. */
export type Prediction = {
  space: string
  /** `out`: it begins in the space; `in`: it comes from outside. */
  direction: 'out' | 'in'
  protocol: 'icmp' | 'tcp' | 'udp'
  /** As it would leave its socket; without a source port where that is chosen at the time. */
  tuple: FlowTuple
  points: StoryPoint[]
  events: StoryEvent[]
  /** As the host would track it; a port that is chosen at the time is missing. */
  connection: { original: FlowTuple; reply: FlowTuple; translations: HeaderChange[] } | undefined
  notes: string[]
  /** What stands on the way and was not looked into, such as the rules of iptables-legacy. */
  unseen: string[]
  end: PredictedEnd
}
