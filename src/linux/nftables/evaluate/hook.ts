import type { HookName } from '../hook.ts'
import type { Ruleset } from '../read/model.ts'
import { type BaseChain, baseChains, type HookQuestion, stagesOf } from './base-chains.ts'
import { Walk } from './chain.ts'
import type { ChainOutcome, Decider, Outcome, Possibility, RuleRef, Translation, Verdict } from './outcome.ts'
import type { Packet } from './packet.ts'
import { joinOptional, packetOf, type State, startState, withPacket } from './state.ts'

/**
 * Theory of operation. At a hook the kernel runs the base chains of all tables in order of their priorities; an accept
 * ends only its own chain, a drop ends everything. Chains of type nat are different: connection tracking runs all of
 * them together at one place (dstnat, or srcnat), for the first packet of a connection only, until one of them
 * translates. Conntrack itself has its place too: chains in front of it (raw) see no connection yet.
 */

/** NF_IP_PRI_CONNTRACK, at the two hooks where packets come into being for this host. */
const conntrackPriority = -200

/** What the base chains at a hook do with a packet. Pure: it asks nothing of the kernel. */
export const evaluateHook = (ruleset: Ruleset, question: HookQuestion, packet: Packet): Outcome => {
  const { hook } = question
  const steps: ChainOutcome[] = []
  let state: State | undefined = startState(atHook(packet, hook), question.written)
  let last: State = state
  for (const stage of stagesOf(baseChains(ruleset, question, packet.family), hook)) {
    last = state
    state = Array.isArray(stage)
      ? runNat(stage, question, state, steps)
      : runFilter(stage, question, state, steps)
    if (state === undefined) break
  }
  return outcomeOf(steps, state, last)
}

/** Interfaces that a packet cannot have at a hook. */
const atHook = (packet: Packet, hook: HookName): Packet => {
  if (hook === 'prerouting' || hook === 'input' || hook === 'ingress')
    return { ...packet, oifname: '', oif: 0 }
  return hook === 'output' || hook === 'egress' ? { ...packet, iifname: '', iif: 0 } : packet
}

/** Runs one base chain, its policy included. The state behind it, if the packet may get there. */
const run = (
  { table, chain, type, priority }: BaseChain,
  { hook, assume }: HookQuestion,
  state: State,
): { walk: Walk; outcome: ChainOutcome } => {
  const walk = new Walk(hook, table, assume)
  const end = walk.chain(chain, { state, plain: true })
  if (end !== undefined) {
    const policy = chain.policy ?? 'accept'
    const by = { ...walk.refOf(chain), rule: 'policy' } as const
    walk.possible.push({ verdict: policy, by, plain: end.plain })
    if (policy === 'accept') walk.accepted = joinOptional(walk.accepted, end.state)
  }
  const otherwise = walk.possible.find(({ plain }) => plain)
  const verdict = verdictOf(walk.possible)
  const decidedBy = verdict === 'unknown' ? undefined : walk.possible.at(-1)?.by
  const outcome: ChainOutcome = {
    ...walk.refOf(chain),
    hook,
    type,
    priority,
    verdict,
    ...(decidedBy === undefined ? {} : { decidedBy }),
    possible: walk.possible,
    ...(otherwise === undefined ? {} : { otherwise }),
    maybe: verdict === 'unknown' ? distinct([...walk.uncertain]) : [],
    visits: walk.visits,
  }
  return { walk, outcome }
}

const runFilter = (
  base: BaseChain,
  question: HookQuestion,
  state: State,
  steps: ChainOutcome[],
): State | undefined => {
  const { hook } = question
  const early = (hook === 'prerouting' || hook === 'output') && base.priority < conntrackPriority
  const { walk, outcome } = run(base, question, early ? withoutConnection(state) : state)
  steps.push(outcome)
  const { accepted } = walk
  if (!early || accepted === undefined) return accepted
  const { ctState } = accepted.packet
  return withPacket(accepted, { ctState: ctState === 'untracked' ? ctState : state.packet.ctState })
}

/** In front of connection tracking a packet looks invalid to rules, unless it comes from this host by loopback. */
const withoutConnection = (state: State): State => {
  const { iifname, ctState } = state.packet
  if (iifname === 'lo' || ctState === 'untracked') return state
  return withPacket(state, { ctState: iifname === undefined ? undefined : 'invalid' })
}

const runNat = (
  chains: readonly BaseChain[],
  question: HookQuestion,
  state: State,
  steps: ChainOutcome[],
): State | undefined => {
  const { ctState } = state.packet
  if (ctState !== undefined && ctState !== 'new') return state
  let untranslated: State | undefined = state
  // Without a known state of the connection it may be that no nat chain is asked at all.
  let behind: State | undefined = ctState === undefined ? state : undefined
  for (const base of chains) {
    if (untranslated === undefined) break
    const { walk, outcome } = run(base, question, untranslated)
    steps.push(outcome)
    behind = joinOptional(behind, walk.translated)
    untranslated = walk.accepted
  }
  return joinOptional(behind, untranslated)
}

/** The one verdict that all possible ones agree in, or `unknown`. */
const verdictOf = (possible: readonly Pick<Possibility, 'verdict'>[]): Verdict => {
  const verdicts = new Set(possible.map(({ verdict }) => (verdict === 'queue' ? 'unknown' : verdict)))
  const [first = 'unknown', ...more] = verdicts
  return more.length === 0 ? first : 'unknown'
}

const outcomeOf = (steps: readonly ChainOutcome[], end: State | undefined, last: State): Outcome => {
  const stops = steps.flatMap(({ possible }) => possible.filter(({ verdict }) => verdict !== 'accept'))
  const verdict = verdictOf(end === undefined ? stops : [...stops, { verdict: 'accept' }])
  const translations = translationsOf(steps)
  const decidedBy = verdict === 'unknown' ? undefined : decider(steps, verdict, stops)
  const certain = last.packet.ctState === 'new' ? certainTranslation(steps, translations) : undefined
  return {
    verdict,
    ...(decidedBy === undefined ? {} : { decidedBy }),
    passes: passesOf(stops, end),
    steps,
    maybe: verdict === 'unknown' ? distinct(steps.flatMap(({ maybe }) => maybe)) : [],
    ...(certain === undefined ? {} : { nat: certain }),
    translations,
    after: packetOf(end ?? last),
    written: (end ?? last).written,
  }
}

const passesOf = (stops: readonly Possibility[], end: State | undefined): boolean | 'unknown' => {
  if (stops.some(({ verdict }) => verdict === 'queue' || verdict === 'unknown')) return 'unknown'
  return stops.length === 0 ? true : end === undefined ? false : 'unknown'
}

const decider = (
  steps: readonly ChainOutcome[],
  verdict: Verdict,
  stops: readonly Possibility[],
): Decider | undefined => {
  if (verdict !== 'accept') return stops.at(-1)?.by
  const accepting = steps.flatMap(({ decidedBy }) => (decidedBy === undefined ? [] : [decidedBy]))
  return accepting.findLast(({ rule }) => rule !== 'policy') ?? accepting.at(-1)
}

const translationsOf = (steps: readonly ChainOutcome[]): Translation[] =>
  steps.flatMap(({ possible }) => possible.flatMap(({ nat }) => (nat === undefined ? [] : [nat])))

/** A translation that happens on every way. */
const certainTranslation = (
  steps: readonly ChainOutcome[],
  translations: readonly Translation[],
): Translation | undefined => {
  const [only, ...more] = translations
  if (only === undefined || more.length > 0) return undefined
  const step = steps.find(({ possible }) => possible.some(({ nat }) => nat === only))
  return step?.possible.length === 1 ? only : undefined
}

const distinct = (refs: readonly RuleRef[]): RuleRef[] => {
  const byPlace = new Map(
    refs.map(ref => [`${ref.family} ${ref.table} ${ref.chain} ${ref.rule.handle}`, ref]),
  )
  return [...byPlace.values()]
}
