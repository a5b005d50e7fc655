/**
 * What a ruleset would do with a packet that is described: pure, three-valued, and true to the kernel's order of things.
 * @module
 */
export { type BaseChain, baseChains, type HookQuestion, natPriority } from './base-chains.ts'
export type { Assumption } from './chain.ts'
export { evaluateHook } from './hook.ts'
export type {
  ChainOutcome,
  Decider,
  Outcome,
  Possibility,
  RuleRef,
  Translation,
  Verdict,
  Visit,
} from './outcome.ts'
export type { ConnectionState, FibAnswer, FibQuestion, Packet, Tuple } from './packet.ts'
export type { NatAction } from './step.ts'
export { xtText } from './xt/text.ts'
