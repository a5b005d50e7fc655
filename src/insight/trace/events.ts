import type { HookName } from '../../linux/nftables/index.ts'
import { chainsAbout } from '../../space/ruleset/about.ts'
import { type HeaderChange, isTranslation } from '../walk/header-change.ts'
import type { WayDecision } from '../walk/route-decisions.ts'
import type { ChainVisit, HookPassage } from '../walk/steps.ts'
import type { TraceConnection } from '../walk/trace-events.ts'
import type { JoinedPackets } from './join.ts'
import type { TimedPacket, TraceObservation } from './observation.ts'
import { decisionText } from './route-text.ts'

/**
 * Theory of operation. The hooks of a packet become events in the kernel's order: at its first hook the chains before
 * connection tracking (raw), connection tracking itself, the chains behind it; then the routing decision; then the next
 * hook. A change belongs to the chain that decided it, or, as with the answer of a translated connection, to connection
 * tracking, which needs no rule for it.
 */

/** Where a packet was: in the space, at the host's end of its cable, or at the link by which it leaves or enters the host. */
export type Point = 'inside' | 'cable' | 'uplink'

/** A rule that applied. */
export type StoryRule = { chain: string; text: string; owner: string; verdict: string }

/** Something that happened to a packet, or could have. */
export type StoryEvent = {
  packet: 'request' | 'reply'
  point: Point
  interface: string | undefined
  /** A hook of netfilter, or the routing decision between two of them. */
  hook: HookName | 'routing'
  kind: 'chain' | 'conntrack' | 'routing'
  /** Its place within the hook as nft names it: raw, conntrack, mangle, dstnat, filter, srcnat. */
  stage: string | undefined
  chain: { family: string; table: string; name: string; owner: string; program: string } | undefined
  /** What the chain is for, where it is one of natspace's own. */
  about: string | undefined
  /** Rules that applied, in order; those of chains that it jumped to, too. */
  rules: readonly StoryRule[]
  /** The rule that decided, or the last that applied; for a routing decision the route. */
  rule: string | undefined
  decidedBy: 'rule' | 'policy' | undefined
  verdict: string | undefined
  changes: readonly HeaderChange[]
  /** Seconds since 1970 at which the packet's first event was read. */
  time: number
}

/** Whether an event did something: changed the packet, decided something, or ran a statement; jumps alone do nothing. */
export const didSomething = ({ kind, verdict, changes, rules }: StoryEvent): boolean =>
  kind === 'routing' ||
  changes.length > 0 ||
  (verdict !== undefined && verdict !== 'accept') ||
  (kind === 'chain' && rules.some(rule => !/^(jump|goto|return)\b/.test(rule.verdict)))

/** All events of the flow's packets, in the order of the way. Pure. */
export const storyEvents = (seen: TraceObservation, { request, reply }: JoinedPackets): StoryEvent[] => {
  const [there, back] =
    seen.direction === 'out' ? (['inside', 'host'] as const) : (['host', 'inside'] as const)
  return [
    ...packetEvents(seen, 'request', there, request[there]),
    ...packetEvents(seen, 'request', back, request[back]),
    ...packetEvents(seen, 'reply', back, reply[back]),
    ...packetEvents(seen, 'reply', there, reply[there]),
  ]
}

type Place = 'inside' | 'host'

const packetEvents = (
  seen: TraceObservation,
  packet: StoryEvent['packet'],
  place: Place,
  timed: TimedPacket | undefined,
): StoryEvent[] => {
  if (timed === undefined) {
    const isProbe = seen.direction === 'out' && !seen.isOld
    return isProbe && packet === 'request' && place === 'inside' ? unsentEvents(seen) : []
  }
  const decision = decisionFor(seen, packet, place, timed)
  const context = { seen, packet, place, time: timed.time }
  const events = timed.hooks.flatMap((passage, index) => [
    ...(isBehindRouting(passage.hook) || (index === 0 && passage.hook === 'output')
      ? routingEvent(context, passage, decision, passage.changesBefore)
      : []),
    ...passageEvents(context, passage, index === 0),
  ])
  const last = timed.hooks.at(-1)
  return timed.end.type === 'vanished' && timed.end.behind === 'prerouting' && last !== undefined
    ? [...events, ...routingEvent(context, last, decision, [])]
    : events
}

/** The look-up of a probe that could not be sent. */
const unsentEvents = (seen: TraceObservation): StoryEvent[] => {
  const decision = seen.decisions.find(({ at }) => at === 'space-output')
  if (decision === undefined || passesOn(decision)) return []
  return [
    {
      ...emptyEvent,
      packet: 'request',
      point: 'inside',
      interface: seen.space.interface,
      hook: 'routing',
      kind: 'routing',
      rule: decisionText(decision.decision),
      verdict: 'drop',
      time: seen.sentAt,
    },
  ]
}

type EventContext = {
  seen: TraceObservation
  packet: StoryEvent['packet']
  place: Place
  time: number
}

const isBehindRouting = (hook: HookName | undefined): boolean => hook === 'forward' || hook === 'input'

/** The look-up on this part of the way; none was asked for a packet that the host itself made. */
const decisionFor = (
  { decisions, direction }: TraceObservation,
  packet: StoryEvent['packet'],
  place: Place,
  { hooks }: TimedPacket,
): WayDecision | undefined => {
  const at =
    place === 'inside'
      ? (packet === 'request') === (direction === 'out')
        ? 'space-output'
        : 'space-delivery'
      : packet === 'request'
        ? 'host-forward'
        : 'host-forward-reply'
  if (place === 'host' && hooks[0]?.hook === 'output') return undefined
  // Nor for the answer of the space to itself.
  if (place === 'inside' && hooks[0]?.input?.name === 'lo') return undefined
  return decisions.find(decision => decision.at === at)
}

const routingEvent = (
  context: EventContext,
  passage: HookPassage,
  decision: WayDecision | undefined,
  changes: readonly HeaderChange[],
): StoryEvent[] =>
  decision === undefined
    ? []
    : [
        {
          ...base(context, passage, passage.hook === 'output' ? 'output' : 'input'),
          hook: 'routing',
          kind: 'routing',
          rule: decisionText(decision.decision),
          verdict: passesOn(decision) ? undefined : 'drop',
          changes: [...changes],
        },
      ]

const passesOn = ({ decision }: WayDecision): boolean =>
  decision.found && (decision.type === 'unicast' || decision.type === 'local' || decision.type === 'other')

const passageEvents = (context: EventContext, passage: HookPassage, isFirst: boolean): StoryEvent[] => {
  const own = new Map<number, HeaderChange[]>()
  const tracked: HeaderChange[] = []
  /** The chain behind which connection tracking translated: nat chains have a place, whether they are asked or not. */
  let translatedBehind = -1
  for (const { behind: seenBehind, ...change } of passage.changes) {
    const behind = setterOf(passage.visits, change, seenBehind)
    const visit = passage.visits[behind]
    if (visit === undefined || (isTranslation(change) && !translates(visit))) {
      tracked.push(change)
      translatedBehind = Math.max(translatedBehind, behind)
    } else own.set(behind, [...(own.get(behind) ?? []), change])
  }
  const chains = passage.visits.map((visit, index) =>
    chainEvent(context, passage, visit, own.get(index) ?? []),
  )
  const knownAt = isFirst
    ? passage.visits.filter(({ priority }) => priority !== undefined && priority < conntrackPriority).length
    : 0
  const translatedAt = Math.max(knownAt, translatedBehind + 1)
  const isTold = isFirst && passage.connection !== undefined
  const isApart = tracked.length === 0 || translatedAt > knownAt
  return [
    ...chains.slice(0, knownAt),
    ...(isTold && isApart ? [conntrackEvent(context, passage, [])] : []),
    ...chains.slice(knownAt, translatedAt),
    ...(tracked.length > 0 ? [conntrackEvent(context, passage, tracked)] : []),
    ...chains.slice(translatedAt),
  ]
}

const setters: Partial<Record<HeaderChange['field'], RegExp>> = {
  ttl: /\b(ttl|hoplimit) set\b/i,
  dscp: /\bdscp set\b/i,
  mark: /\bmark set\b/i,
}

/**
 * The chain that set a field. Headers come with the first step of a chain alone, so what a later rule changes is seen in the
 * next chain only: it was the nearest one, backwards, with a rule that sets such a field.
 */
const setterOf = (visits: readonly ChainVisit[], { field }: HeaderChange, behind: number): number => {
  const setter = setters[field]
  if (setter === undefined) return behind
  const place = visits.findLastIndex(
    ({ rules }, index) => index <= behind && rules.some(({ rule }) => setter.test(rule?.text ?? '')),
  )
  return place < 0 ? behind : place
}

/** NF_IP_PRI_CONNTRACK. */
const conntrackPriority = -200

const translates = ({ type, rules }: ChainVisit): boolean => type === 'nat' && rules.length > 0

const conntrackEvent = (
  context: EventContext,
  passage: HookPassage,
  changes: HeaderChange[],
): StoryEvent => ({
  ...base(context, passage),
  kind: 'conntrack',
  stage: 'conntrack',
  rule: connectionText(passage.connection, changes),
  changes,
})

const connectionText = (
  connection: TraceConnection | undefined,
  changes: readonly HeaderChange[],
): string => {
  const state = connection?.state
  const known =
    connection?.direction === 'reply'
      ? 'an answer of the connection'
      : state === 'related'
        ? 'related to the connection'
        : state === 'new'
          ? 'a new connection'
          : state === 'invalid'
            ? 'of no connection'
            : 'a packet of the connection'
  return changes.length === 0 ? known : `${known}, translated without a rule`
}

const chainEvent = (
  context: EventContext,
  passage: HookPassage,
  visit: ChainVisit,
  changes: HeaderChange[],
): StoryEvent => {
  const { family, table, chain, owner, stage, verdict, decidedBy } = visit
  const rules = visit.rules.map(item => ({
    chain: item.chain,
    text: item.rule?.text ?? `rule ${item.handle}, which is gone`,
    owner: item.rule?.owner.name ?? owner?.name ?? 'unknown',
    verdict: `${item.verdict.name}${item.verdict.chain === undefined ? '' : ` ${item.verdict.chain}`}`,
  }))
  const program = owner?.program ?? 'unknown'
  return {
    ...base(context, passage),
    kind: 'chain',
    stage,
    chain: { family, table, name: chain, owner: owner?.name ?? 'unknown', program },
    about: program === 'natspace' && table === 'natspace' ? chainsAbout[chain] : undefined,
    rules,
    rule: rules.at(-1)?.text,
    decidedBy: decidedBy === undefined ? undefined : decidedBy === 'policy' ? 'policy' : 'rule',
    verdict,
    changes,
  }
}

const base = (
  { seen, packet, place, time }: EventContext,
  passage: HookPassage,
  side: 'input' | 'output' = leaving.includes(passage.hook) ? 'output' : 'input',
): StoryEvent => {
  const link = (side === 'input' ? passage.input : passage.output) ?? passage.input ?? passage.output
  return {
    ...emptyEvent,
    packet,
    point: place === 'inside' ? 'inside' : link?.name === seen.space.hostInterface ? 'cable' : 'uplink',
    interface: link?.name,
    hook: passage.hook ?? 'routing',
    time,
  }
}

/** Hooks of packets on their way to a link. */
const leaving: readonly (HookName | undefined)[] = ['output', 'postrouting', 'egress']

const emptyEvent = {
  kind: 'chain',
  stage: undefined,
  chain: undefined,
  about: undefined,
  rules: [],
  rule: undefined,
  decidedBy: undefined,
  verdict: undefined,
  changes: [],
} as const satisfies Partial<StoryEvent>
