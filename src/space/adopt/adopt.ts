import { type Change, ChangeError } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { imaginedKernel } from '../imagined-kernel.ts'
import { Observation } from '../reconcile/observation.ts'
import type { Context, Plan, UpResult } from '../reconcile/types.ts'
import { planUp, upAsChosen } from '../reconcile/up.ts'
import { refusedChange } from '../refused-change.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { notConnected } from './cable.ts'
import { readHandMade } from './hand-made.ts'
import type { HandMade, HandRule } from './types.ts'

export type { AdoptFinding, HandMade, HandRule } from './types.ts'

/** What taking a namespace over would change; `plan` is missing where something stands in the way. */
export type AdoptPlan = { handMade: HandMade; plan?: Plan }

export type AdoptOptions = {
  /** Remove the rules that were made by hand and are not needed any more. */
  replace?: boolean
}

const isBlocked = ({ findings }: HandMade): boolean => findings.some(({ severity }) => severity === 'error')

/**
 * Reads a namespace that was connected by hand, and says what natspace would change to manage it. Changes nothing. Throws
 * NatspaceError as `readHandMade` and `up` do.
 */
export const planAdopt = (context: Context, name: string, options: AdoptOptions = {}): AdoptPlan => {
  const handMade = readHandMade(new Observation(context.kernel), name)
  if (isBlocked(handMade)) return { handMade }
  const kernel = options.replace ? withoutRules(context.kernel, handMade.redundant) : context.kernel
  return { handMade, plan: planUp({ ...context, kernel }, [handMade.spec], { adopts: adopted(handMade) }) }
}

/** What was taken over. */
export type AdoptResult = UpResult & { handMade: HandMade; removed: HandRule[] }

/**
 * Takes a namespace over: the cable stays, gets our mark last of all, and natspace adds what is missing around it, or
 * everything is as it was before. Undefined where a finding stands in the way. Throws NatspaceError as `up` does.
 */
export const adopt = async (
  context: Context,
  name: string,
  options: AdoptOptions & { lockPatience?: number } = {},
): Promise<AdoptResult | undefined> => {
  let handMade = readHandMade(new Observation(context.kernel), name)
  if (isBlocked(handMade)) return undefined
  const adopts = new Map<string, ResolvedSpace>()
  const hidden: HandRule[] = []
  // The rules that go are not there for the plan: what they let pass has to be let pass by ours before they do.
  const kernel = options.replace ? withoutRules(context.kernel, hidden) : context.kernel
  const { lockPatience } = options
  const result = await upAsChosen(
    { ...context, kernel },
    () => {
      handMade = readHandMade(new Observation(context.kernel), name)
      if (isBlocked(handMade)) throw notConnected(name, 'it has changed in this moment', [])
      adopts.set(name, handMade.space)
      hidden.splice(0, hidden.length, ...handMade.redundant)
      return [handMade.spec]
    },
    { adopts, ...(lockPatience === undefined ? {} : { lockPatience }) },
  )
  if (!options.replace || hidden.length === 0) return { ...result, handMade, removed: [] }
  removeRules(context.kernel, hidden)
  return { ...result, changes: result.changes + hidden.length, handMade, removed: hidden }
}

const adopted = ({ space }: HandMade) => new Map([[space.name, space]])

/** All in one batch: they go together or not at all. A rule that is gone already makes it fail, and all others stay. */
const removeRules = (kernel: Kernel, rules: readonly HandRule[]): void => {
  const change: Change = {
    type: 'nftables.commit',
    where: undefined,
    commands: rules.map(({ ref: { family, table, chain, rule } }) => ({
      type: 'rule.delete',
      family,
      table,
      chain,
      handle: rule.handle,
    })),
    generation: undefined,
  }
  const [outcome] = kernel.change([change])
  if (outcome instanceof ChangeError) throw refusedChange(outcome)
}

/** The host as it will be without these rules. */
const withoutRules = (kernel: Kernel, rules: readonly HandRule[]): Kernel =>
  imaginedKernel(kernel, {
    ruleset: (where, filter) => {
      const { generation, tables } = kernel.ruleset(where, filter)
      const isLeftOut = (family: string, table: string, chain: string, handle: bigint) =>
        rules.some(
          ({ ref }) =>
            ref.family === family && ref.table === table && ref.chain === chain && ref.rule.handle === handle,
        )
      return {
        generation,
        tables: tables.map(table => ({
          ...table,
          chains: table.chains.map(chain => ({
            ...chain,
            rules: chain.rules.filter(
              ({ handle }) => !isLeftOut(table.family, table.name, chain.name, handle),
            ),
          })),
        })),
      }
    },
  })
