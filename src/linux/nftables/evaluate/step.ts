import type { State } from './state.ts'
import type { Truth } from './truth.ts'

/** A translation that a rule asks for. What is left out stays as it is, or is not known. */
export type NatAction = {
  kind: 'dnat' | 'snat' | 'masquerade' | 'redirect'
  address?: string
  port?: number
  /** The rule gives several ports, of which one is taken. */
  ports?: { first: number; last: number }
  /** The port is drawn: not even one that is free is kept. */
  random?: true
}

/** How a rule can end with a verdict. `unknown`: an instruction that is not understood may have given any. */
export type End =
  | { verdict: 'accept' | 'drop' | 'reject' | 'queue' | 'unknown' | 'return' }
  | { verdict: 'nat'; action: NatAction; state: State }
  | { verdict: 'jump' | 'goto'; chain: string }

/** What an instruction does, all that is possible: several where not everything is known. */
export type Step = {
  /** The rule goes on, with this state. */
  go: State | undefined
  /** The rule does not apply: the next one is tried. */
  miss: boolean
  /** The rule ends with a verdict. */
  ends: readonly End[]
}

/** The rule surely goes on. */
export const goOn = (state: State): Step => ({ go: state, miss: false, ends: [] })

/** The rule goes on if this is true. */
export const onlyIf = (truth: Truth, state: State): Step => ({
  go: truth === false ? undefined : state,
  miss: truth !== true,
  ends: [],
})

/** The rule surely ends so. */
export const endWith = (end: End): Step => ({ go: undefined, miss: false, ends: [end] })
