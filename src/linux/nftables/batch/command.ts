import type { Family } from '../family.ts'
import type { HookName } from '../hook.ts'
import type { SetElement } from '../sets/element.ts'
import type { NamedSet } from '../sets/named-set.ts'
import type { Rule } from '../syntax/statement.ts'

/**
 * A chain by its form. With a hook it is a base chain: packets come to it from there, in the order of the priorities,
 * and `policy` is the verdict when no rule gave one.
 */
export type ChainSpec = {
  name: string
  hook?: HookName
  type?: 'filter' | 'nat' | 'route'
  priority?: number
  policy?: 'accept' | 'drop'
  devices?: string[]
  comment?: string
}

type Where = { family: Family; table: string }

/**
 * One change of the ruleset, as plain data; `commandText` gives the nft command that does the same. `add` is satisfied
 * with what exists already, `create` is not.
 */
export type NftCommand =
  | ({ type: 'table.add' | 'table.create'; flags?: ('dormant' | 'owner')[]; comment?: string } & Where)
  | ({ type: 'table.delete' | 'table.flush' } & Where)
  | ({ type: 'chain.add' | 'chain.create'; chain: ChainSpec } & Where)
  | ({ type: 'chain.delete' | 'chain.flush'; chain: string } & Where)
  | ({ type: 'set.add' | 'set.create'; set: NamedSet } & Where)
  | ({ type: 'set.delete' | 'set.flush'; set: string } & Where)
  /** At the chain's end, or behind the rule with the handle `position`. */
  | ({ type: 'rule.add'; chain: string; rule: Rule; position?: bigint } & Where)
  /** At the chain's beginning, or in front of the rule with the handle `position`. */
  | ({ type: 'rule.insert'; chain: string; rule: Rule; position?: bigint } & Where)
  | ({ type: 'rule.replace'; chain: string; rule: Rule; handle: bigint } & Where)
  | ({ type: 'rule.delete'; chain: string; handle: bigint } & Where)
  | ({
      type: 'element.add' | 'element.create' | 'element.delete'
      set: NamedSet
      elements: SetElement[]
    } & Where)
