import type { Family, HookName } from '../../linux/nftables/index.ts'
import { priorityText } from '../../linux/nftables/text/priority-text.ts'
import type { Owner } from '../../space/firewall/owner.ts'
import { changesBetween, type HeaderChange, isTranslation, type Sight } from './header-change.ts'
import type { PacketHeader } from './packet-header.ts'
import type { TraceConnection, TraceInterface, TraceStep, TraceVerdict } from './trace-events.ts'
import type { TracedRule } from './trace-ruleset.ts'
import { isBehindMark, observesEnd } from './trace-table.ts'

/**
 * Theory of operation. The events of one packet come in the order in which it went through the kernel, so they are only
 * put together: rules to visits of base chains, those to hooks. Our own chains, first and last at each hook, are left out
 * as visits; what they tell is how the packet looked when it came to the hook and when it left it. What changed between
 * two sights of it was done by the chain before the change, or by the kernel itself (a translation that was decided for
 * an earlier packet, the TTL of a forwarded one).
 */

/** A rule that applied. `chain` is another than the visit's own behind a jump. */
export type RuleVisit = {
  chain: string
  handle: bigint
  /** Undefined when the rule was gone before it could be looked up. */
  rule: TracedRule | undefined
  verdict: TraceVerdict
}

/** A packet's way through one base chain and the chains that it jumps to. */
export type ChainVisit = {
  family: Family
  table: string
  chain: string
  owner: Owner | undefined
  type: 'filter' | 'nat' | 'route' | undefined
  priority: number | undefined
  /** Its priority as nft prints it: raw, mangle, dstnat, filter, srcnat. */
  stage: string | undefined
  /** Those that applied, in order. */
  rules: RuleVisit[]
  /** How it ended; undefined when the end was not seen. */
  verdict: TraceVerdict['name'] | undefined
  decidedBy: RuleVisit | 'policy' | undefined
  /** The packet as it came to the chain. */
  header: PacketHeader | undefined
}

/** What became different at a hook: behind the visit with this index, or before any of them (-1). */
export type HookChange = HeaderChange & { behind: number }

/** A packet at one hook. */
export type HookPassage = {
  /** Undefined when the chain was gone before it could be looked up. */
  hook: HookName | undefined
  visits: ChainVisit[]
  input: TraceInterface | undefined
  output: TraceInterface | undefined
  /** As it came to the hook, and as it left it; it did not leave it when it was dropped there. */
  arrived: PacketHeader | undefined
  left: PacketHeader | undefined
  /** What became different since the hook before. */
  changesBefore: HeaderChange[]
  /** What became different at this hook. */
  changes: HookChange[]
  /** As connection tracking knew it at the end of the hook. */
  connection: TraceConnection | undefined
  /** The mark it was last seen with. */
  mark: number
}

/** How a packet's way through a namespace ended. */
export type PacketEnd =
  /** It left by an interface. */
  | { type: 'sent' }
  /** It was handed to this namespace's own sockets. */
  | { type: 'delivered' }
  /** A rule or a policy of nftables stopped it. */
  | { type: 'dropped' | 'queued' | 'stolen'; hook: HookName | undefined; visit: ChainVisit }
  /** It passed a hook and did not come to another: routing, or something that is no nftables, stopped it. */
  | { type: 'vanished'; behind: HookName | undefined }
  /** Events are missing. */
  | { type: 'unknown' }

/** One packet's way through a namespace. */
export type TracedPacket = {
  id: number
  hooks: HookPassage[]
  end: PacketEnd
  /** Events were lost while it was under way: something may be missing. */
  hasGap: boolean
}

/** Whether it is the step in which a table of ours marks a packet: the first of all. */
export const isEntry = ({ isOwn, kind, header, chain }: TraceStep): boolean =>
  isOwn && kind === 'rule' && header !== undefined && !isBehindMark(chain)

/** Whether it ends a packet's way; only a chain of the link that it leaves by (egress) can come behind it. */
export const isLast = (step: TraceStep): boolean =>
  step.verdict.name === 'drop' ||
  (step.isOwn &&
    step.kind === 'policy' &&
    observesEnd(step.chain) &&
    step.base?.hook !== undefined &&
    endsWay(step.base.hook))

const endsWay = (hook: HookName): boolean => hook === 'input' || hook === 'postrouting'

/** The way of one packet by its steps, in order. Pure. */
export const tracedPacket = (id: number, steps: readonly TraceStep[], hasGap: boolean): TracedPacket => {
  const hooks: HookPassage[] = []
  let seen: Partial<Sight> = {}
  for (const step of steps) {
    const isNewHook = hooks.length === 0 || hooks.at(-1)?.hook !== step.base?.hook
    if (isNewHook) hooks.push(emptyPassage(step))
    const passage = hooks.at(-1) as HookPassage
    const behind = passage.visits.length - 1
    if (!step.isOwn) takeStep(visitOf(passage, step), step)
    passage.mark = step.mark
    passage.input ??= step.input
    passage.output ??= step.output
    passage.arrived ??= step.header
    passage.connection = step.connection ?? passage.connection
    if (step.isOwn && observesEnd(step.base?.name)) passage.left ??= step.header
    const now = { header: step.header ?? seen.header, mark: step.mark }
    for (const change of changesBetween(seen, now))
      if (isByRule(step, change) && (!isNewHook || change.field === 'mark'))
        passage.changes.push({ ...change, behind: passage.visits.length - 1 })
      else if (isNewHook) passage.changesBefore.push(change)
      else passage.changes.push({ ...change, behind })
    seen = now
  }
  return { id, hooks, end: endOf(hooks, steps, hasGap), hasGap }
}

/**
 * Whether the step's own rule has made a change: the kernel reports a packet as it is behind the rule. A translation is
 * only decided by a rule, and carried out behind the chain.
 */
const isByRule = ({ isOwn, kind }: TraceStep, change: HeaderChange): boolean =>
  !isOwn && kind === 'rule' && !isTranslation(change)

/** The visit that a step belongs to: a new one where the packet comes to a base chain. */
const visitOf = (passage: HookPassage, step: TraceStep): ChainVisit => {
  const last = passage.visits.at(-1)
  // Headers come with the first step of each base chain.
  if (last !== undefined && step.header === undefined && isIn(last, step)) return last
  const visit = emptyVisit(step)
  passage.visits.push(visit)
  return visit
}

const isIn = ({ family, table, chain }: ChainVisit, step: TraceStep): boolean =>
  family === step.family && table === step.table && chain === (step.base?.name ?? step.chain)

const emptyPassage = ({ base }: TraceStep): HookPassage => ({
  hook: base?.hook,
  visits: [],
  input: undefined,
  output: undefined,
  arrived: undefined,
  left: undefined,
  changesBefore: [],
  changes: [],
  connection: undefined,
  mark: 0,
})

const emptyVisit = ({ family, table, chain, owner, base, header }: TraceStep): ChainVisit => ({
  family,
  table,
  chain: base?.name ?? chain,
  owner,
  type: base?.type,
  priority: base?.priority,
  stage: base && priorityText(family, base.hook, base.priority),
  rules: [],
  verdict: undefined,
  decidedBy: undefined,
  header,
})

/** Verdicts behind which no further rule of the base chain is asked. */
const final: readonly TraceVerdict['name'][] = ['accept', 'drop', 'queue', 'stolen']

const takeStep = (visit: ChainVisit, { kind, chain, handle, rule, verdict }: TraceStep): void => {
  if (kind === 'policy') {
    visit.verdict = verdict.name
    visit.decidedBy = 'policy'
  }
  if (kind !== 'rule' || handle === undefined) return
  const taken = { chain, handle, rule, verdict }
  visit.rules.push(taken)
  if (!final.includes(verdict.name)) return
  visit.verdict = verdict.name
  visit.decidedBy = taken
}

const stops = { drop: 'dropped', queue: 'queued', stolen: 'stolen' } as const
const isStop = (name: string | undefined): name is keyof typeof stops => name !== undefined && name in stops

const endOf = (hooks: readonly HookPassage[], steps: readonly TraceStep[], hasGap: boolean): PacketEnd => {
  const last = hooks.at(-1)
  const visit = last?.visits.at(-1)
  if (last === undefined) return { type: 'unknown' }
  if (visit !== undefined && isStop(visit.verdict) && last.left === undefined)
    return { type: stops[visit.verdict], hook: last.hook, visit }
  const end = steps.findLast(step => step.isOwn && isLast(step))
  if (end !== undefined) return { type: end.base?.hook === 'input' ? 'delivered' : 'sent' }
  if (hasGap || last.left === undefined) return { type: 'unknown' }
  return { type: 'vanished', behind: last.hook }
}
