import type { Family } from '../family.ts'
import type { HookName } from '../hook.ts'
import type { Packet } from './packet.ts'
import type { NatAction } from './step.ts'

/** A rule by where it stands: its handle, and its place in the chain from 0. */
export type RuleRef = {
  family: Family
  table: string
  chain: string
  chainHandle: bigint
  rule: { handle: bigint; index: number }
}

/** Who decided: a rule, or a base chain's policy. */
export type Decider = Omit<RuleRef, 'rule'> & { rule: RuleRef['rule'] | 'policy' }

/** What becomes of the packet. `unknown`: the rules that may apply disagree, or a program decides (queue). */
export type Verdict = 'accept' | 'drop' | 'reject' | 'unknown'

/** A translation, and the rule that asks for it. */
export type Translation = NatAction & { by: RuleRef }

/** One way it may end in a base chain. */
export type Possibility = {
  verdict: 'accept' | 'drop' | 'reject' | 'queue' | 'unknown'
  by: Decider
  /** Whether it is the end of a packet to which none of the uncertain rules applies. */
  plain: boolean
  nat?: Translation
}

/** A rule that was met and not surely passed over, in the order in which the packet met it. */
export type Visit = {
  by: RuleRef
  match: true | 'unknown'
  /** What it said, where that is certain: as trace events have it, so a refusal is a drop, and a translation an accept. */
  verdict?: { name: 'accept' | 'drop' | 'queue' | 'return' | 'jump' | 'goto' | 'continue'; chain?: string }
  /** Places of those of its instructions, from 0, of which it is not known what they do with the packet. */
  unsure: readonly number[]
}

/** What one base chain does. */
export type ChainOutcome = {
  family: Family
  table: string
  chain: string
  chainHandle: bigint
  hook: HookName
  type: 'filter' | 'nat' | 'route'
  priority: number
  verdict: Verdict
  /** Present when the verdict is known; where several ways agree in it, the last of them. */
  decidedBy?: Decider
  /** All ways in which it may end. One, when everything is known. */
  possible: readonly Possibility[]
  /** How it ends for a packet without peculiarities: one to which none of the uncertain rules applies. */
  otherwise?: Possibility
  /** Rules that may apply or not, where it matters. */
  maybe: readonly RuleRef[]
  visits: readonly Visit[]
}

/** What a hook does with a packet. */
export type Outcome = {
  /** A definite one only where all ways lead to it. */
  verdict: Verdict
  /**
   * Who stops the packet; who accepted it last, when nobody does. Absent when the verdict is unknown; where several ways
   * agree in it, the last of them.
   */
  decidedBy?: Decider
  /** Whether it goes on behind the hook: also known where only drop and reject are possible. */
  passes: boolean | 'unknown'
  /** The base chains it meets, in order. */
  steps: readonly ChainOutcome[]
  /** Rules that may apply or not and would lead to another end. Empty when the verdict is known. */
  maybe: readonly RuleRef[]
  /** The translation, when it is certain. */
  nat?: Translation
  /** All translations that are possible. */
  translations: readonly Translation[]
  /** The packet as it goes on to the next hook. */
  after: Packet
  /** Sets that rules may have written to by now: for the `written` of the next question about the same packet. */
  written: ReadonlySet<string>
}
