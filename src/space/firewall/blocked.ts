import type { ChainOutcome, Decider, Possibility } from '../../linux/nftables/evaluate/index.ts'
import type { Ruleset, TextOptions } from '../../linux/nftables/index.ts'
import { evaluator } from '../../linux/nftables/late.ts'
import { tableName } from '../marks.ts'
import { isMet, packetAt, type TransitHook } from './at-hook.ts'
import type { Flow } from './flows.ts'
import { type Place, placeOf } from './places.ts'

/** A base chain of somebody else that stops a flow, or may. */
export type Blocked = Place & {
  flow: Flow
  family: Decider['family']
  table: string
  /** The base chain; `by.chain` may be one that it leads to. */
  chain: string
  priority: number
  /** `unknown`: it depends on something that is not known of the flow; then `by` is what may stop it. */
  verdict: 'drop' | 'reject' | 'unknown'
  /** Whether it is stopped if none of the rules applies of which that is not known. */
  stopsOtherwise: boolean
  /** For `unknown`: the rules of which it is not known whether they apply. */
  maybe: readonly Place[]
}

/**
 * Every base chain of others that stops one of the flows, or may: at the forward hook, or at all that forwarded packets
 * pass. Each chain is asked by itself, as a second one that blocks would else stay hidden behind the first.
 */
export const forwardVerdicts = (
  ruleset: Ruleset,
  flows: readonly Flow[],
  options: TextOptions = {},
  hooks: readonly TransitHook[] = ['forward'],
): Blocked[] =>
  flows.flatMap(flow =>
    ruleset.tables
      .filter(table => table.name !== tableName)
      .flatMap(table =>
        table.chains
          .filter(chain => isMet(chain, hooks))
          .flatMap(chain => {
            const only = {
              hook: chain.hook ?? 'forward',
              chains: (_: unknown, item: unknown) => item === chain,
            }
            const { steps } = evaluator().evaluateHook(ruleset, only, packetAt(chain, flow.packet))
            return steps.flatMap(step => blockedBy(ruleset, flow, step, options))
          }),
      ),
  )

const blockedBy = (ruleset: Ruleset, flow: Flow, step: ChainOutcome, options: TextOptions): Blocked[] => {
  const stops = step.possible.filter(({ verdict }) => verdict !== 'accept')
  const stop = stops.find(({ plain }) => plain) ?? stops.at(-1)
  if (stop === undefined) return []
  const { family, table, chain, priority } = step
  const stopping = ({ verdict }: Pick<Possibility, 'verdict'>) => verdict === 'drop' || verdict === 'reject'
  const { verdict } = stop
  const certain = step.possible.every(stopping) && (verdict === 'drop' || verdict === 'reject')
  return [
    {
      ...placeOf(ruleset, stop.by, options),
      flow,
      family,
      table,
      chain,
      priority,
      verdict: certain ? verdict : 'unknown',
      stopsOtherwise: step.otherwise !== undefined && stopping(step.otherwise),
      maybe: step.maybe.map(ref => placeOf(ruleset, ref, options)),
    },
  ]
}
