import type { HookName } from '../hook.ts'
import type { Chain, Ruleset, Table } from '../read/model.ts'
import type { Assumption } from './chain.ts'

/** Which base chains a packet meets at a hook, and in which order. */

export type HookQuestion = {
  hook: HookName
  /** The link whose ingress or egress it is. */
  device?: string
  /** Only chains of these types. */
  types?: readonly ('filter' | 'nat' | 'route')[]
  /** Only these base chains. */
  chains?: (table: Table, chain: Chain) => boolean
  /** What to take for granted of rules of which it is not known whether they apply. */
  assume?: Assumption
  /** Sets that rules wrote to at hooks before, `Outcome.written`: whether an element is missing there is not known. */
  written?: ReadonlySet<string>
}

/** A base chain and where it stands. */
export type BaseChain = { table: Table; chain: Chain; type: 'filter' | 'nat' | 'route'; priority: number }

/** Where nat chains run, whatever their own priority, which only orders them: NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC. */
export const natPriority: Partial<Record<HookName, number>> = {
  prerouting: -100,
  output: -100,
  input: 100,
  postrouting: 100,
}

/** The base chains that a packet of a family meets at a hook, in the kernel's order. */
export const baseChains = (
  ruleset: Ruleset,
  { hook, types, chains, device }: HookQuestion,
  family: 4 | 6,
): BaseChain[] =>
  ruleset.tables
    .filter(({ family: own }) =>
      hook === 'ingress' || hook === 'egress'
        ? own === 'netdev' || own === 'inet'
        : own === 'inet' || own === (family === 4 ? 'ip' : 'ip6'),
    )
    .filter(table => !table.flags.includes('dormant'))
    .flatMap(table =>
      table.chains.flatMap(chain => {
        const { type, priority = 0 } = chain
        if (chain.hook !== hook || type === undefined || types?.includes(type) === false) return []
        if (device !== undefined && chain.devices?.includes(device) === false) return []
        return chains?.(table, chain) === false ? [] : [{ table, chain, type, priority }]
      }),
    )
    // Of equal priority the one that was made later comes first.
    .sort(
      (a, b) =>
        a.priority - b.priority ||
        Number(b.table.handle - a.table.handle) ||
        Number(b.chain.handle - a.chain.handle),
    )

/** Filter chains one by one, and all nat chains as one stage at their place. */
export const stagesOf = (chains: readonly BaseChain[], hook: HookName): (BaseChain | BaseChain[])[] => {
  const nat = chains.filter(({ type }) => type === 'nat')
  const others = chains.filter(({ type }) => type !== 'nat')
  if (nat.length === 0) return others
  const place = natPriority[hook] ?? 0
  return [
    ...others.filter(({ priority }) => priority < place),
    nat,
    ...others.filter(({ priority }) => priority >= place),
  ]
}
