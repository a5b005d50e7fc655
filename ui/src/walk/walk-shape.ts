import {
  address,
  type Check,
  either,
  flag,
  list,
  maybe,
  number,
  object,
  oneOf,
  ShapeError,
  text,
} from '../../../src/insight/trace/checked.ts'
import type {
  Counters,
  EdgeEnd,
  PipelineChain,
  PipelineHook,
  Story,
  StoryEnd,
  StoryEvent,
  StoryPoint,
  Topology,
  TopologyEdge,
  TopologyNode,
  TopologyPort,
  Walk,
} from '../../../src/server/protocol.ts'
import type { HeaderChange, Sighting, Tuple } from './parts.ts'

/**
 * The shape of a walk, for those that come from a file. The compiler sees to it that no field of the protocol is missing
 * here; a field that the protocol does not have is refused.
 */

/** Lists that are drawn whole must not be longer than a browser bears. */
const atMost =
  <T>(most: number, check: Check<T>): Check<T[]> =>
  (value, at) => {
    if (Array.isArray(value) && value.length > most)
      throw new ShapeError(at, `it has more than ${most} entries`)
    return list(check)(value, at)
  }

const some = <T>(check: Check<T>) => atMost(2000, check)
const many = <T>(check: Check<T>) => atMost(100_000, check)

const packet = oneOf(['request', 'reply'])
const point = oneOf(['inside', 'cable', 'uplink'])
const direction = oneOf(['out', 'in'])
const outcome: Check<StoryEnd['outcome']> = oneOf(['answered', 'refused', 'delivered', 'dropped', 'lost'])
const hook: Check<PipelineHook['hook']> = oneOf([
  'ingress',
  'prerouting',
  'input',
  'forward',
  'output',
  'postrouting',
  'egress',
])
const field: Check<HeaderChange['field']> = oneOf([
  'source',
  'destination',
  'sourcePort',
  'destinationPort',
  'icmpId',
  'ttl',
  'dscp',
  'mark',
])

const tuple = object<Tuple>({
  source: address,
  destination: address,
  protocol: number,
  sourcePort: maybe(number),
  destinationPort: maybe(number),
  icmp: maybe(object<NonNullable<Tuple['icmp']>>({ type: number, code: number, id: number })),
  zone: maybe(number),
})

const header = object<Sighting['header']>({
  family: oneOf([4, 6]),
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

const change = object<HeaderChange>({ field, before: either(number, text), after: either(number, text) })

const sighting = object<Sighting>({ header, changed: some(field) })

const storyPoint = object<StoryPoint>({
  point,
  interface: maybe(text),
  request: maybe(sighting),
  reply: maybe(sighting),
})

const event = object<StoryEvent>({
  packet,
  point,
  interface: maybe(text),
  hook: either(hook, oneOf(['routing'])),
  kind: oneOf(['chain', 'conntrack', 'routing']),
  stage: maybe(text),
  chain: maybe(
    object<NonNullable<StoryEvent['chain']>>({
      family: text,
      table: text,
      name: text,
      owner: text,
      program: text,
    }),
  ),
  about: maybe(text),
  rules: some(object<StoryEvent['rules'][number]>({ chain: text, text, owner: text, verdict: text })),
  rule: maybe(text),
  decidedBy: maybe(oneOf(['rule', 'policy'])),
  verdict: maybe(text),
  changes: some(change),
  time: number,
})

const end = object<StoryEnd>({
  outcome,
  at: object<StoryEnd['at']>({
    packet,
    point,
    interface: maybe(text),
    hook: maybe(text),
    chain: maybe(text),
    owner: maybe(text),
  }),
  reason: text,
  evidence: some(text),
})

const story = object<Story>({
  space: text,
  direction,
  protocol: oneOf(['icmp', 'tcp', 'udp', 'other']),
  tuple,
  isOld: flag,
  begunAt: number,
  milliseconds: maybe(number),
  points: some(storyPoint),
  events: some(event),
  connection: maybe(
    object<NonNullable<Story['connection']>>({
      original: tuple,
      reply: tuple,
      translations: some(change),
    }),
  ),
  notes: some(text),
  end,
})

const rule = object<PipelineChain['rules'][number]>({ text })

const pipelineHook = object<PipelineHook>({
  hook,
  chains: some(
    object<PipelineChain>({
      family: text,
      table: text,
      name: text,
      type: oneOf(['filter', 'nat', 'route']),
      priority: number,
      stage: text,
      policy: oneOf(['accept', 'drop']),
      owner: text,
      about: maybe(text),
      rules: many(rule),
      more: maybe(number),
      leadsTo: some(
        object<PipelineChain['leadsTo'][number]>({
          name: text,
          about: maybe(text),
          rules: many(rule),
          more: maybe(number),
        }),
      ),
    }),
  ),
})

const edgeEnd = object<EdgeEnd>({ interface: maybe(text), addresses: some(text) })

const topology = object<Topology>({
  nodes: some(
    object<TopologyNode>({
      id: text,
      kind: oneOf(['host', 'space', 'uplink', 'lan', 'foreign', 'neighbour']),
      name: text,
      lines: some(text),
      health: maybe(oneOf(['healthy', 'drifted', 'unknown'])),
      findings: maybe(number),
      parent: maybe(text),
    }),
  ),
  edges: some(
    object<TopologyEdge>({
      id: text,
      kind: oneOf(['cable', 'uplink', 'wire', 'bridge-port']),
      from: text,
      to: text,
      ends: (value, at) => {
        const [one, other, ...rest] = list(edgeEnd)(value, at)
        if (one === undefined || other === undefined || rest.length > 0)
          throw new ShapeError(at, 'it has not just two ends')
        return [one, other]
      },
      up: flag,
      counters: maybe(
        object<Counters>({
          receivedPackets: number,
          sentPackets: number,
          receivedBytes: number,
          sentBytes: number,
        }),
      ),
    }),
  ),
  ports: some(
    object<TopologyPort>({
      id: text,
      space: text,
      text,
      reach: object<TopologyPort['reach']>({ host: text, lan: text, spaces: text }),
    }),
  ),
  time: number,
})

/** A walk as the protocol describes it. Throws ShapeError. */
export const walkShape: Check<Walk> = object<Walk>({
  format: oneOf(['natspace-walk']),
  protocolVersion: number,
  id: text,
  time: number,
  space: text,
  direction,
  protocol: text,
  title: text,
  outcome,
  reason: text,
  story,
  pipelines: object<Walk['pipelines']>({ inside: some(pipelineHook), host: some(pipelineHook) }),
  topology,
  fault: maybe(
    object<NonNullable<Walk['fault']>>({
      code: text,
      title: text,
      why: text,
      what: text,
      evidence: some(text),
      fix: object<NonNullable<Walk['fault']>['fix']>({ commands: some(text), undo: some(text) }),
    }),
  ),
  captures: some(object<Walk['captures'][number]>({ place: text, interface: text, lines: some(text) })),
})
