import type { HookName } from '../hook.ts'
import type { Chain, Table } from '../read/model.ts'
import type { Possibility, RuleRef, Visit } from './outcome.ts'
import { Registers } from './registers.ts'
import { evaluateRule, type RuleResult } from './rule.ts'
import { joinOptional, joinStates, type State } from './state.ts'
import type { End } from './step.ts'

/**
 * Theory of operation. A rule of which it is not known whether it applies makes two ways: it ends here, and it does not.
 * The ends are collected, and the uncertain rules that lead to them; the other way goes on. Where two ways come
 * together again (a jump that may happen, and returns) the packet goes on with what both agree in. So each rule is
 * looked at once per jump that leads to it, never once per combination, and what is answered with certainty is certain:
 * the ends are all that can happen, and at times some that cannot.
 */

/** NFT_JUMP_STACK_SIZE: the kernel takes no rulesets that jump deeper. */
const deepestJump = 16

/** More rules than any packet meets: a ruleset that branches so widely gets no certain answer. */
const mostVisits = 200_000

/** How a packet gets to a rule: its state, and whether it gets there if no uncertain rule applies. */
export type Way = { state: State; plain: boolean }

const joinWays = (one: Way | undefined, other: Way | undefined): Way | undefined =>
  one === undefined || other === undefined
    ? (one ?? other)
    : { state: joinStates(one.state, other.state), plain: one.plain || other.plain }

/** What to take for granted of a rule of which it is not known whether it applies; undefined: nothing. */
export type Assumption = (rule: RuleRef) => boolean | undefined

/** The verdict of a rule, where it is certain. */
const saidBy = ({ next, ends, match }: RuleResult): Pick<Visit, 'verdict'> => {
  const [only, ...more] = ends
  if (match !== true || more.length > 0) return {}
  if (only === undefined) return { verdict: { name: 'continue' } }
  const { end } = only
  if (next !== undefined || end.verdict === 'unknown') return {}
  if (end.verdict === 'nat') return { verdict: { name: 'accept' } }
  if (end.verdict === 'reject') return { verdict: { name: 'drop' } }
  return {
    verdict: {
      name: end.verdict,
      ...(end.verdict === 'jump' || end.verdict === 'goto' ? { chain: end.chain } : {}),
    },
  }
}

/** The uncertain rules by which a chain was come to, the last one first. */
type Path = { by: RuleRef; before: Path | undefined }

/** One walk through a base chain: what is collected on the way. */
export class Walk {
  readonly hook: HookName
  readonly table: Table
  readonly possible: Possibility[] = []
  readonly visits: Visit[] = []
  /** Uncertain rules that lead to an end, each as often as it was met. */
  readonly uncertain = new Set<RuleRef>()
  /** States behind translations, and behind an accept without one. */
  translated: State | undefined
  accepted: State | undefined
  #left = mostVisits
  readonly #registers = new Registers()
  readonly #chains: ReadonlyMap<string, Chain>

  readonly #assume: Assumption | undefined

  constructor(hook: HookName, table: Table, assume?: Assumption) {
    this.hook = hook
    this.table = table
    this.#assume = assume
    this.#chains = new Map(table.chains.map(chain => [chain.name, chain]))
  }

  /** Walks a chain; returns how it is left at its end or by `return`, if that can happen. */
  chain(chain: Chain, entry: Way, path?: Path, depth = 0): Way | undefined {
    let way: Way | undefined = entry
    let left: Way | undefined
    for (const [index, rule] of chain.rules.entries()) {
      if (way === undefined) break
      const by = { ...this.refOf(chain), rule: { handle: rule.handle, index } }
      const { hook, table } = this
      const result = evaluateRule(
        rule,
        { hook, table, registers: this.#registers, state: way.state },
        this.#assume?.(by),
      )
      // Most rules are about other packets, and a firewall can have thousands.
      this.#left--
      if (result.match === false) continue
      if (this.#left < 0) {
        this.#end('unknown', by, way, path)
        break
      }
      const certain = result.next === undefined && result.ends.length === 1
      this.visits.push({ by, match: result.match, ...saidBy(result), unsure: result.unsure })
      const { plain }: Way = way
      const inside: Path | undefined = certain ? path : { by, before: path }
      way = result.next === undefined ? undefined : { state: result.next, plain }
      for (const [i, { end, state }] of result.ends.entries()) {
        const isPlain = plain && result.next === undefined && i === result.ends.length - 1
        const back = this.#follow(end, by, { state, plain: isPlain }, inside, depth)
        way = joinWays(way, back.next)
        left = joinWays(left, back.left)
      }
    }
    return joinWays(left, way)
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
    way: Way,
    path: Path | undefined,
    depth: number,
  ): { next?: Way | undefined; left?: Way | undefined } {
    switch (end.verdict) {
      case 'return':
        this.#note(path)
        return { left: way }
      case 'jump':
      case 'goto': {
        const target = this.#chains.get(end.chain)
        if (target === undefined || depth >= deepestJump) {
          this.#end('unknown', by, way, path)
          return { next: way }
        }
        const back = this.chain(target, way, path, depth + 1)
        return end.verdict === 'jump' ? { next: back } : { left: back }
      }
      case 'nat':
        this.translated = joinOptional(this.translated, way.state)
        this.possible.push({ verdict: 'accept', by, plain: way.plain, nat: { ...end.action, by } })
        this.#note(path)
        return {}
      case 'unknown':
        this.#end('unknown', by, { ...way, plain: false }, path)
        return { next: way }
      default:
        this.#end(end.verdict, by, way, path)
        return {}
    }
  }

  /** Notes a verdict. */
  #end(verdict: Possibility['verdict'], by: RuleRef, { state, plain }: Way, path: Path | undefined): void {
    this.possible.push({ verdict, by, plain })
    this.#note(path)
    if (verdict === 'accept' || verdict === 'queue' || verdict === 'unknown')
      this.accepted = joinOptional(this.accepted, state)
  }

  /** The uncertain rules on the way to an end matter. */
  #note(path: Path | undefined): void {
    for (let step = path; step !== undefined && !this.uncertain.has(step.by); step = step.before)
      this.uncertain.add(step.by)
  }
}
