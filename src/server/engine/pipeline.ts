import { isTraceTable } from '../../insight/walk/trace-table.ts'
import type { Where } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { type BaseChain, baseChains, stagesOf } from '../../linux/nftables/evaluate/base-chains.ts'
import type { Chain, RuleState, Ruleset, Table } from '../../linux/nftables/index.ts'
import { priorityText } from '../../linux/nftables/text/priority-text.ts'
import { ownerOfChain } from '../../space/firewall/owner.ts'
import { ruleTextOf } from '../../space/firewall/places.ts'
import { chainsAbout } from '../../space/ruleset/about.ts'
import type { PipelineChain, PipelineHook } from '../protocol.ts'

/**
 * Theory of operation. What a packet of one family meets in a namespace: at each hook the base chains of all tables, in the
 * order in which the kernel asks them (nat chains together at their place), and once each the chains to which their rules
 * lead, by a jump or through a verdict map. Rules are told in the words that a story tells them in, so that the rule of an
 * event is found here again. Tables of traces, which decide nothing, are left out.
 */

/** The hooks of the IP layer in the order of the kernel's own picture, and those of a link before and behind them. */
const hooks = ['ingress', 'prerouting', 'input', 'forward', 'output', 'postrouting', 'egress'] as const

/** Rules of one chain that are told; of the rest only their number is. */
const mostRules = 1000
/** Rules of a whole pipeline that are told. */
const mostInAll = 20_000
/** Characters of a rule that are told: one may hold a list of thousands of addresses. */
const longestRule = 4096

/**
 * The pipeline of a namespace for packets of a family. Throws what `Kernel.ruleset` and `Kernel.links` throw. Equivalent to:
 * `nft list ruleset`, sorted
 */
export const readPipeline = (kernel: Kernel, where: Where, family: 4 | 6): PipelineHook[] => {
  const { generation, tables } = kernel.ruleset(where, { elements: 'without-addresses' })
  const ruleset = { generation, tables: tables.filter(table => !isTraceTable(table)) }
  const names = new Map(kernel.links(where).map(({ index, name }) => [index, name]))
  return pipelineOf(ruleset, names, family)
}

/** The same from a ruleset; `interfaceNames` by their indexes. Pure. */
export const pipelineOf = (
  ruleset: Ruleset,
  interfaceNames: ReadonlyMap<number, string>,
  family: 4 | 6,
): PipelineHook[] => {
  const words = new Words(interfaceNames)
  return hooks.flatMap((hook): PipelineHook[] => {
    const chains = stagesOf(baseChains(ruleset, { hook }, family), hook)
      .flat()
      .map(base => chainOf(base, words))
    const isOfLink = hook === 'ingress' || hook === 'egress'
    return isOfLink && chains.length === 0 ? [] : [{ hook, chains }]
  })
}

/** Rules in words, as long as there is room for them. */
class Words {
  readonly #interfaceNames: ReadonlyMap<number, string>
  #left = mostInAll

  constructor(interfaceNames: ReadonlyMap<number, string>) {
    this.#interfaceNames = interfaceNames
  }

  rules(table: Table, { rules }: Chain): { rules: { text: string }[]; more?: number } {
    const shown = rules.slice(0, Math.min(mostRules, this.#left))
    this.#left -= shown.length
    const more = rules.length - shown.length
    const options = { interfaceNames: new Map(this.#interfaceNames) }
    return {
      rules: shown.map(rule => ({ text: shortened(ruleTextOf(rule, table, options)) })),
      ...(more === 0 ? {} : { more }),
    }
  }
}

const shortened = (text: string): string =>
  text.length <= longestRule ? text : `${text.slice(0, longestRule)} …`

const chainOf = ({ table, chain, type, priority }: BaseChain, words: Words): PipelineChain => {
  const owner = ownerOfChain(table, chain)
  const about = aboutOf(table, chain.name)
  return {
    family: table.family,
    table: table.name,
    name: chain.name,
    type,
    priority,
    stage: priorityText(table.family, chain.hook, priority),
    policy: chain.policy ?? 'accept',
    owner: owner.name,
    ...(about === undefined ? {} : { about }),
    ...words.rules(table, chain),
    leadsTo: reachedFrom(table, chain).map(target => {
      const purpose = aboutOf(table, target.name)
      return {
        name: target.name,
        ...(purpose === undefined ? {} : { about: purpose }),
        ...words.rules(table, target),
      }
    }),
  }
}

const aboutOf = ({ family, name }: Table, chain: string): string | undefined =>
  family === 'inet' && name === 'natspace' ? chainsAbout[chain] : undefined

/** Every chain to which a chain leads, also by way of others, in the order in which their rules name them. */
const reachedFrom = (table: Table, start: Chain): Chain[] => {
  const byName = new Map(table.chains.map(chain => [chain.name, chain]))
  const reached = new Set<Chain>()
  const visit = (chain: Chain): void => {
    for (const name of chain.rules.flatMap(rule => targetsOf(table, rule))) {
      const target = byName.get(name)
      if (target === undefined || target === start || reached.has(target)) continue
      reached.add(target)
      visit(target)
    }
  }
  visit(start)
  return [...reached]
}

/** The chains that a rule names, itself or in a verdict map. */
const targetsOf = (table: Table, { instructions }: RuleState): string[] =>
  instructions.flatMap(instruction => {
    if (instruction.name === 'immediate') return instruction.data.data?.verdict?.chain ?? []
    if (instruction.name !== 'lookup' || instruction.data.dreg !== 0) return []
    const { set: name } = instruction.data
    const elements = table.sets.find(set => set.name === name)?.elements ?? []
    return elements.flatMap(({ data }) =>
      data === undefined || Array.isArray(data) ? [] : (data.chain ?? []),
    )
  })
