import { type Check, either, list, maybe, number, object, oneOf, text } from '../trace/checked.ts'
import type { StoryEvent, StoryRule } from '../trace/events.ts'
import type { Sighting, StoryPoint } from '../trace/points.ts'
import { changedField, header, headerChange, hookName, tuple } from '../trace/saved-shapes.ts'
import type { Doubt, PredictedEnd, Prediction } from './prediction.ts'

/** The shape of a prediction, as it stands in a file beside what was observed. */

const packet = oneOf(['request', 'reply'])
const point = oneOf(['inside', 'cable', 'uplink'])
const place = oneOf(['inside', 'host'])

const rule = object<StoryRule>({ chain: text, text, owner: text, verdict: text })

const event: Check<StoryEvent> = object<StoryEvent>({
  packet,
  point,
  interface: maybe(text),
  hook: either(hookName, oneOf(['routing'])),
  kind: oneOf(['chain', 'conntrack', 'routing']),
  stage: maybe(text),
  chain: maybe(
    object<NonNullable<StoryEvent['chain']>>({
      family: oneOf(['inet', 'ip', 'ip6', 'arp', 'bridge', 'netdev']),
      table: text,
      name: text,
      owner: text,
      program: text,
    }),
  ),
  about: maybe(text),
  rules: list(rule),
  rule: maybe(text),
  decidedBy: maybe(oneOf(['rule', 'policy'])),
  verdict: maybe(
    oneOf(['accept', 'drop', 'queue', 'stolen', 'unknown', 'continue', 'break', 'return', 'jump', 'goto']),
  ),
  changes: list(headerChange),
  time: number,
})

const sighting = object<Sighting>({ header, changed: list(changedField) })

const doubt = object<Doubt>({
  at: place,
  hook: text,
  chain: text,
  owner: text,
  rule: text,
  expression: text,
  ifApplies: maybe(text),
  ifNot: maybe(text),
})

const end = object<PredictedEnd>({
  outcome: oneOf(['delivered', 'dropped', 'unknown']),
  at: object<PredictedEnd['at']>({
    packet,
    point,
    interface: maybe(text),
    hook: maybe(text),
    chain: maybe(text),
    owner: maybe(text),
  }),
  reason: text,
  evidence: list(text),
  doubts: list(doubt),
})

export const predictionShape: Check<Prediction> = object<Prediction>({
  space: text,
  direction: oneOf(['out', 'in']),
  protocol: oneOf(['icmp', 'tcp', 'udp']),
  tuple,
  points: list(
    object<StoryPoint>({
      point,
      interface: maybe(text),
      request: maybe(sighting),
      reply: maybe(sighting),
    }),
  ),
  events: list(event),
  connection: maybe(
    object<NonNullable<Prediction['connection']>>({
      original: tuple,
      reply: tuple,
      translations: list(headerChange),
    }),
  ),
  notes: list(text),
  unseen: list(text),
  end,
})
