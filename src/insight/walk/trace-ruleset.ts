import type { Where } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import {
  type Chain,
  type Family,
  type HookName,
  type Ruleset,
  RulesetChangingError,
  type Table,
} from '../../linux/nftables/index.ts'
import { type Owner, ownerOfChain } from '../../space/firewall/owner.ts'
import { placeOf } from '../../space/firewall/places.ts'

/** A chain by its name. */
export type ChainName = { family: Family; table: string; chain: string }

/** A base chain: where packets come to it from. */
export type BaseChain = {
  name: string
  hook: HookName
  type: 'filter' | 'nat' | 'route'
  priority: number
  policy: 'accept' | 'drop'
}

/** A chain as events are explained by it. */
export type TracedChain = { owner: Owner; base: BaseChain | undefined }

/** A rule as it is shown: its place in the chain from 0, its text as nft prints it (without a counter), and whose it is. */
export type TracedRule = { handle: bigint; index: number; text: string; comment?: string; owner: Owner }

/**
 * The ruleset and the links of a namespace, as far as events of traced packets name them. Read at the start, and again
 * when an event names something that is not in it and the ruleset has changed since.
 */
export class TraceRuleset {
  readonly #kernel: Kernel
  readonly #where: Where
  #ruleset: Ruleset
  #names: Map<number, string>
  /** What was looked up, by table, chain and handle: one packet after another meets the same. */
  readonly #chains = new Map<string, TracedChain>()
  readonly #rules = new Map<string, TracedRule | undefined>()

  /** Reads the ruleset. Throws what `Kernel.ruleset` throws. */
  constructor(kernel: Kernel, where: Where) {
    this.#kernel = kernel
    this.#where = where
    this.#names = this.#readNames()
    this.#ruleset = this.#read()
  }

  /** What there is at present, to evaluate or to print. */
  get ruleset(): Ruleset {
    return this.#ruleset
  }

  /** A chain; undefined when it is gone. */
  chain(name: ChainName): TracedChain | undefined {
    const key = `${name.family} ${name.table} ${name.chain}`
    const known = this.#chains.get(key)
    if (known !== undefined) return known
    const found = this.#find(name)
    if (found === undefined) return undefined
    const { table, chain } = found
    const traced = { owner: ownerOfChain(table, chain), base: baseOf(chain) }
    this.#chains.set(key, traced)
    return traced
  }

  /** A rule; undefined when it is gone. */
  rule(name: ChainName, handle: bigint): TracedRule | undefined {
    const key = `${name.family} ${name.table} ${name.chain} ${handle}`
    const known = this.#rules.get(key)
    if (known !== undefined) return known
    const found = this.#look(name, handle) ?? (this.#refresh() ? this.#look(name, handle) : undefined)
    this.#rules.set(key, found)
    return found
  }

  /** Name of an interface by its index; undefined when it is gone. */
  interfaceName(index: number): string | undefined {
    const name = this.#names.get(index)
    if (name !== undefined) return name
    this.#names = this.#readNames()
    return this.#names.get(index)
  }

  #find(name: ChainName): { table: Table; chain: Chain } | undefined {
    return chainIn(this.#ruleset, name) ?? (this.#refresh() ? chainIn(this.#ruleset, name) : undefined)
  }

  #look(name: ChainName, handle: bigint): TracedRule | undefined {
    const found = chainIn(this.#ruleset, name)
    const index = found?.chain.rules.findIndex(rule => rule.handle === handle) ?? -1
    const comment = found?.chain.rules[index]?.comment
    if (found === undefined || index < 0) return undefined
    const by = { ...name, chainHandle: found.chain.handle, rule: { handle, index } }
    const { text, owner } = placeOf(this.#ruleset, by, { interfaceNames: this.#names })
    return { handle, index, text, ...(comment === undefined ? {} : { comment }), owner }
  }

  /** Whether something else was read than before. */
  #refresh(): boolean {
    if (this.#kernel.rulesetGeneration(this.#where) === this.#ruleset.generation) return false
    try {
      this.#ruleset = this.#read()
    } catch (error) {
      // Somebody changes it all the time: the event stays unexplained, and the next one tries again.
      if (error instanceof RulesetChangingError) return false
      throw error
    }
    this.#chains.clear()
    this.#rules.clear()
    return true
  }

  /** Long lists of addresses are left out: rules name them, and nothing here asks what is in them. */
  #read(): Ruleset {
    return this.#kernel.ruleset(this.#where, { elements: 'without-addresses' })
  }

  #readNames(): Map<number, string> {
    return new Map(this.#kernel.links(this.#where).map(({ index, name }) => [index, name]))
  }
}

const chainIn = (ruleset: Ruleset, name: ChainName): { table: Table; chain: Chain } | undefined => {
  const table = ruleset.tables.find(item => item.family === name.family && item.name === name.table)
  const chain = table?.chains.find(item => item.name === name.chain)
  return table === undefined || chain === undefined ? undefined : { table, chain }
}

const baseOf = ({ name, hook, type, priority = 0, policy = 'accept' }: Chain): BaseChain | undefined =>
  hook === undefined || type === undefined ? undefined : { name, hook, type, priority, policy }
