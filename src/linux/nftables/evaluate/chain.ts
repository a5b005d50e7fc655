import type { HookName } from '../hook.ts'
import type { Chain, Table } from '../read/model.ts'
import type { Possibility, RuleRef, Visit } from './outcome.ts'
import { evaluateRule } from './rule.ts'
import { joinOptional, type State } from './state.ts'
import type { End } from './step.ts'

/**
 * Theory of operation. A rule of which it is not known whether it applies makes two ways: it ends here, and it does not.
 * The ends are collected, each with the uncertain rules that lead to it; the other way goes on. Where two ways come
 * together again (a jump that may happen, and returns) the packet goes on with what both agree in. So each rule is
 * looked at once per jump that leads to it, never once per combination, and what is answered with certainty is certain:
 * the ends are all that can happen, and at times some that cannot.
 */

/** NFT_JUMP_STACK_SIZE: the kernel takes no rulesets that jump deeper. */
const deepestJump = 16

/** More rules than any packet meets: a ruleset that branches so widely gets no certain answer. */
const mostVisits = 200_000

/** One walk through a base chain: what is collected on the way. */
export class Walk {
  readonly hook: HookName
  readonly table: Table
  readonly possible: Possibility[] = []
  readonly visits: Visit[] = []
  /** States behind translations, and behind an accept without one. */
  translated: State | undefined
  accepted: State | undefined
  #left = mostVisits
  readonly #chains: ReadonlyMap<string, Chain>

  constructor(hook: HookName, table: Table) {
    this.hook = hook
    this.table = table
    this.#chains = new Map(table.chains.map(chain => [chain.name, chain]))
  }

  /** Walks a chain; returns the state with which it is left at its end or by `return`, if that can happen. */
  chain(chain: Chain, entry: State, forks: readonly RuleRef[], depth = 0): State | undefined {
    let state: State | undefined = entry
    let left: State | undefined
    // Uncertain rules before that would have ended the chain stay in the way of everything behind them.
    let way = forks
    for (const [index, rule] of chain.rules.entries()) {
      if (state === undefined) break
      const by = { ...this.refOf(chain), rule: { handle: rule.handle, index } }
      if (--this.#left < 0) {
        this.#end('unknown', by, way, state)
        return joinOptional(left, state)
      }
      const result = evaluateRule(rule, { hook: this.hook, table: this.table, state })
      if (result.match === false) continue
      this.visits.push({ by, match: result.match })
      const certain = result.next === undefined && result.ends.length === 1
      const inside = certain ? way : [...way, by]
      state = result.next
      for (const { end, state: then } of result.ends) {
        const back = this.#follow(end, by, inside, then, depth)
        if (back.next !== undefined) state = joinOptional(state, back.next)
        left = joinOptional(left, back.left)
      }
      if (!certain && result.ends.length > 0) way = inside
    }
    return joinOptional(left, state)
  }

  /** The chain's own part of a reference to one of its rules. */
  refOf(chain: Chain): Omit<RuleRef, 'rule'> {
    const { family, name } = this.table
    return { family, table: name, chain: chain.name, chainHandle: chain.handle }
  }

  /** What comes behind an end: the next rule of this chain, or the chain is left. */
  #follow(
    end: End,
    by: RuleRef,
    way: readonly RuleRef[],
    state: State,
    depth: number,
  ): { next?: State | undefined; left?: State | undefined } {
    switch (end.verdict) {
      case 'return':
        return { left: state }
      case 'jump':
      case 'goto': {
        const target = this.#chains.get(end.chain)
        if (target === undefined || depth >= deepestJump) {
          this.#end('unknown', by, way, state)
          return { next: state }
        }
        const back = this.chain(target, state, way, depth + 1)
        return end.verdict === 'jump' ? { next: back } : { left: back }
      }
      case 'nat':
        this.translated = joinOptional(this.translated, state)
        this.possible.push({ verdict: 'accept', by, forks: way, nat: { ...end.action, by } })
        return {}
      case 'unknown':
        this.#end('unknown', by, way, state)
        return { next: state }
      default:
        this.#end(end.verdict, by, way, state)
        return {}
    }
  }

  /** Notes a verdict. */
  #end(verdict: Possibility['verdict'], by: RuleRef, forks: readonly RuleRef[], state: State): void {
    this.possible.push({ verdict, by, forks })
    if (verdict === 'accept' || verdict === 'queue' || verdict === 'unknown')
      this.accepted = joinOptional(this.accepted, state)
  }
}
