import type { Flow, FlowCounters, FlowTuple } from '../../linux/conntrack/index.ts'
import { verdictCodes } from '../../linux/nftables/expressions/data.ts'
import type { Family, HookName } from '../../linux/nftables/index.ts'
import { type Route, type RouteQuery, routeType } from '../../linux/rtnetlink/route.ts'
import type { Rule } from '../../linux/rtnetlink/rule.ts'
import type { Owner } from '../../space/firewall/owner.ts'
import type { CounterEvidence } from '../walk/drop-counters.ts'
import type { HeaderChange } from '../walk/header-change.ts'
import type { LegacyTables } from '../walk/legacy-tables.ts'
import type { PacketHeader } from '../walk/packet-header.ts'
import type { RouteDecision, WayDecision } from '../walk/route-decisions.ts'
import type { RuleAnswer } from '../walk/routing-rule.ts'
import type { ChainVisit, HookChange, HookPassage, PacketEnd, RuleVisit } from '../walk/steps.ts'
import type { TraceConnection, TraceInterface, TraceVerdict } from '../walk/trace-events.ts'
import type { TracedRule } from '../walk/trace-ruleset.ts'
import {
  address,
  type Check,
  either,
  exactly,
  flag,
  keyOf,
  large,
  list,
  maybe,
  number,
  object,
  oneOf,
  tagged,
  text,
  texts,
} from './checked.ts'
import type { Barrier, LinkTrouble, SilentNeighbour, TimedPacket, TraceObservation } from './observation.ts'
import type { ProbeAnswer } from './probe.ts'

/** The shape of everything that an observation consists of. */

const family = oneOf([4, 6])
const placeNames = oneOf(['inside', 'host'])
const hookNames: readonly HookName[] = [
  'prerouting',
  'input',
  'forward',
  'output',
  'postrouting',
  'ingress',
  'egress',
]
export const hookName = oneOf(hookNames)
const families: readonly Family[] = ['inet', 'ip', 'ip6', 'arp', 'bridge', 'netdev']
const tableFamily = oneOf(families)
const changedFields = [
  'source',
  'destination',
  'sourcePort',
  'destinationPort',
  'icmpId',
  'ttl',
  'dscp',
  'mark',
] as const satisfies readonly HeaderChange['field'][]
export const changedField: Check<HeaderChange['field']> = oneOf(changedFields)

export const tuple: Check<FlowTuple> = object<FlowTuple>({
  source: address,
  destination: address,
  protocol: number,
  sourcePort: maybe(number),
  destinationPort: maybe(number),
  icmp: maybe(object<NonNullable<FlowTuple['icmp']>>({ type: number, code: number, id: number })),
  zone: maybe(number),
})

export const header: Check<PacketHeader> = object<PacketHeader>({
  family,
  source: address,
  destination: address,
  protocol: maybe(number),
  sourcePort: maybe(number),
  destinationPort: maybe(number),
  icmpType: maybe(number),
  icmpCode: maybe(number),
  icmpId: maybe(number),
  icmpSequence: maybe(number),
  tcpFlags: maybe(number),
  ttl: number,
  dscp: number,
  ipId: maybe(number),
  flowLabel: maybe(number),
  quotedMark: maybe(number),
  quotedProtocol: maybe(number),
  length: number,
  linkSource: maybe(text),
  linkDestination: maybe(text),
})

const change = {
  field: changedField,
  before: either(number, text),
  after: either(number, text),
}
export const headerChange: Check<HeaderChange> = object<HeaderChange>(change)
const hookChange: Check<HookChange> = object<HookChange>({ ...change, behind: number })

const device = object<TraceInterface>({ index: number, name: maybe(text) })
const owner = object<Owner>({ program: text, name: text })

const connection = object<TraceConnection>({
  id: maybe(number),
  direction: maybe(oneOf(['original', 'reply'])),
  status: maybe(number),
  state: maybe(oneOf(['invalid', 'established', 'related', 'new', 'untracked'])),
})

const verdictName = either(keyOf(verdictCodes), oneOf(['stolen', 'unknown']))

const ruleVisit = object<RuleVisit>({
  chain: text,
  handle: large,
  rule: maybe(object<TracedRule>({ handle: large, index: number, text, comment: maybe(text), owner })),
  verdict: object<TraceVerdict>({ name: verdictName, chain: maybe(text) }),
})

const chainVisit = object<ChainVisit>({
  family: tableFamily,
  table: text,
  chain: text,
  owner: maybe(owner),
  type: maybe(oneOf(['filter', 'nat', 'route'])),
  priority: maybe(number),
  stage: maybe(text),
  rules: list(ruleVisit),
  verdict: maybe(verdictName),
  decidedBy: maybe(either(oneOf(['policy']), ruleVisit)),
  header: maybe(header),
})

const passage = object<HookPassage>({
  hook: maybe(hookName),
  visits: list(chainVisit),
  input: maybe(device),
  output: maybe(device),
  arrived: maybe(header),
  left: maybe(header),
  changesBefore: list(headerChange),
  changes: list(hookChange),
  connection: maybe(connection),
  mark: number,
})

type EndOf<K extends PacketEnd['type']> = Extract<PacketEnd, { type: K }>
const stop = object<Extract<PacketEnd, { visit: ChainVisit }>>({
  type: oneOf(['dropped', 'queued', 'stolen']),
  hook: maybe(hookName),
  visit: chainVisit,
})
const packetEnd = tagged<PacketEnd>(
  'type',
  new Map<unknown, Check<PacketEnd>>([
    ['sent', object<EndOf<'sent'>>({ type: oneOf(['sent']) })],
    ['delivered', object<EndOf<'delivered'>>({ type: oneOf(['delivered']) })],
    ['dropped', stop],
    ['queued', stop],
    ['stolen', stop],
    ['vanished', object<EndOf<'vanished'>>({ type: oneOf(['vanished']), behind: maybe(hookName) })],
    ['unknown', object<EndOf<'unknown'>>({ type: oneOf(['unknown']) })],
  ]),
)

const packet = object<TimedPacket>({
  id: number,
  hooks: list(passage),
  end: packetEnd,
  hasGap: flag,
  time: number,
})

const counters = object<FlowCounters>({ packets: large, bytes: large })
const flow = object<Flow>({
  family,
  original: tuple,
  reply: tuple,
  status: number,
  timeout: maybe(number),
  state: maybe(text),
  mark: number,
  id: maybe(number),
  zone: number,
  counters: maybe(object<NonNullable<Flow['counters']>>({ original: counters, reply: counters })),
  use: maybe(number),
})

const query = object<RouteQuery>({
  destination: address,
  source: maybe(address),
  inputIndex: maybe(number),
  outputIndex: maybe(number),
  mark: maybe(number),
  ipProtocol: maybe(number),
  sourcePort: maybe(number),
  destinationPort: maybe(number),
})

const route = object<Route>({
  family,
  destination: text,
  gateway: maybe(address),
  outputIndex: maybe(number),
  preferredSource: maybe(address),
  priority: maybe(number),
  table: number,
  protocol: number,
  scope: number,
  type: number,
})

const rule = object<Rule>({
  family,
  priority: number,
  source: text,
  destination: text,
  inputName: maybe(text),
  outputName: maybe(text),
  mark: maybe(number),
  markMask: maybe(number),
  table: number,
  action: number,
  inverted: flag,
  otherConditions: maybe(list(text)),
})

type Unanswered = Extract<RuleAnswer, { rule: undefined }>
const noRule: Check<undefined> = () => undefined
const ruleAnswer: Check<RuleAnswer> = either(
  object<Extract<RuleAnswer, { rule: Rule }>>({ rule }),
  object<Unanswered>({ rule: maybe(noRule), why: text, candidates: list(rule) }),
)

type Found = Extract<RouteDecision, { found: true }>
type Missing = Extract<RouteDecision, { found: false }>

const decision = tagged<RouteDecision>(
  'found',
  new Map<unknown, Check<RouteDecision>>([
    [
      true,
      object<Found>({
        found: exactly(true),
        question: query,
        type: either(keyOf(routeType), oneOf(['other'])),
        table: number,
        tableName: text,
        gateway: maybe(address),
        device: maybe(device),
        preferredSource: maybe(address),
        route: maybe(route),
        rule: ruleAnswer,
      }),
    ],
    [
      false,
      object<Missing>({
        found: exactly(false),
        question: query,
        code: text,
        errno: number,
        kernelMessage: maybe(text),
      }),
    ],
  ]),
)

const wayDecision = object<WayDecision>({
  at: oneOf(['space-output', 'host-forward', 'host-forward-reply', 'space-delivery']),
  where: maybe(text),
  decision,
})

type AnswerOf<K extends ProbeAnswer['type']> = Extract<ProbeAnswer, { type: K }>
const answer = tagged<ProbeAnswer>(
  'type',
  new Map<unknown, Check<ProbeAnswer>>([
    ['none', object<AnswerOf<'none'>>({ type: oneOf(['none']) })],
    ['answered', object<AnswerOf<'answered'>>({ type: oneOf(['answered']), milliseconds: number })],
    [
      'error',
      object<AnswerOf<'error'>>({ type: oneOf(['error']), call: text, code: text, milliseconds: number }),
    ],
    [
      'icmp-error',
      object<AnswerOf<'icmp-error'>>({
        type: oneOf(['icmp-error']),
        icmpType: number,
        icmpCode: number,
        from: address,
        milliseconds: number,
      }),
    ],
  ]),
)

const counterEvidence = object<CounterEvidence>({ counter: text, by: number, meaning: text })
const legacyNames = either(oneOf(['unreadable']), list(text))

/** An observation as it stands in a file. */
export const observation: Check<TraceObservation> = object<TraceObservation>({
  space: object<TraceObservation['space']>({
    name: text,
    interface: text,
    hostInterface: text,
    cables: list(text),
    addresses: list(address),
    untranslated: maybe(list(text)),
    isLimited: flag,
    isInternal: flag,
  }),
  direction: oneOf(['out', 'in']),
  target: object<TraceObservation['target']>({
    family,
    protocol: oneOf(['icmp', 'tcp', 'udp', 'other']),
    address,
    port: maybe(number),
  }),
  tuple,
  isOld: flag,
  sentAt: number,
  answer,
  timeout: number,
  inside: list(packet),
  host: list(packet),
  entry: maybe(object<NonNullable<TraceObservation['entry']>>({ flow, translations: list(headerChange) })),
  decisions: list(wayDecision),
  settings: texts,
  barriers: list(
    object<Barrier>({
      at: placeNames,
      kind: text,
      destination: text,
      table: number,
      priority: maybe(number),
    }),
  ),
  silent: list(object<SilentNeighbour>({ at: placeNames, interface: text, address })),
  links: list(
    object<LinkTrouble>({
      at: placeNames,
      interface: text,
      state: oneOf(['missing', 'down', 'no-carrier']),
    }),
  ),
  drops: maybe(
    list(
      object<NonNullable<TraceObservation['drops']>[number]>({
        reason: text,
        location: text,
        device: maybe(text),
      }),
    ),
  ),
  counters: object<TraceObservation['counters']>({
    inside: list(counterEvidence),
    host: list(counterEvidence),
  }),
  legacy: object<LegacyTables>({ 4: legacyNames, 6: legacyNames }),
  hasGap: flag,
})
