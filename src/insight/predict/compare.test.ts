import { describe, expect, test } from 'bun:test'
import { type RecordedTrace, recordedTrace } from '../../../test/support/recorded-trace.ts'
import type { StoryEvent } from '../trace/events.ts'
import { type Story, storyOf } from '../trace/story.ts'
import { compare } from './compare.ts'
import type { Prediction } from './prediction.ts'
import { chosenLater } from './wire.ts'

const storyNamed = (name: RecordedTrace): Story => storyOf(recordedTrace(name))

/** The prediction that came true, and in what it is otherwise. */
const predictionOf = (story: Story, otherwise: Partial<Prediction> = {}): Prediction => ({
  space: story.space,
  direction: story.direction,
  protocol: 'icmp',
  tuple: story.tuple,
  points: story.points,
  events: story.events,
  connection: story.connection,
  notes: [],
  unseen: [],
  end: {
    outcome: story.end.outcome === 'dropped' ? 'dropped' : 'delivered',
    at: story.end.at,
    reason: 'as it happened',
    evidence: [],
    doubts: [],
  },
  ...otherwise,
})

const changedAt = (
  { events }: Story,
  is: (event: StoryEvent) => boolean,
  change: Partial<StoryEvent>,
): StoryEvent[] => events.map(event => (is(event) ? { ...event, ...change } : event))

const isForward = ({ packet, hook, kind }: StoryEvent): boolean =>
  packet === 'request' && hook === 'forward' && kind === 'chain'

describe('what came true', () => {
  test.each([['answered'], ['refused'], ['policy'], ['untranslated'], ['unforwarded']] as const)(
    'agrees in every step: %s',
    name => {
      const story = storyNamed(name)
      const { agrees, differences, steps } = compare(predictionOf(story), story)
      expect({ agrees, differences }).toEqual({ agrees: true, differences: [] })
      expect(new Set(steps.map(({ agreement }) => agreement))).toEqual(new Set(['=']))
    },
  )

  test('though a port was left open, or nobody answered', () => {
    const refused = storyNamed('refused')
    const open = refused.events.map(event => ({
      ...event,
      changes: event.changes.map(change =>
        change.field === 'sourcePort' ? { ...change, after: chosenLater } : change,
      ),
    }))
    expect(compare(predictionOf(refused, { events: open }), refused).agrees).toBe(true)
    const answered = storyNamed('answered')
    const silent: Story = {
      ...answered,
      events: answered.events.filter(({ packet }) => packet === 'request'),
      end: { ...answered.end, outcome: 'delivered' },
    }
    const { agrees, steps } = compare(predictionOf(answered), silent)
    expect(agrees).toBe(true)
    expect(steps.filter(({ packet }) => packet === 'reply').every(({ agreement }) => agreement === '?')).toBe(
      true,
    )
  })
})

describe('what did not', () => {
  test('is told with the step at which they part', () => {
    const story = storyNamed('answered')
    const events = changedAt(story, isForward, { verdict: 'drop', decidedBy: 'policy', rule: undefined })
    const prediction = predictionOf(story, { events })
    const { agrees, differences, steps } = compare(prediction, story)
    expect(agrees).toBe(false)
    expect(differences[0]).toBe('predicted and observed differ at veth1 forward, inet natspace forward')
    expect(steps.filter(({ agreement }) => agreement === '≠')).toHaveLength(1)
  })

  test('is another route, another address, or a chain that was not foreseen', () => {
    const story = storyNamed('answered')
    const agreementOf = (events: StoryEvent[]) => compare(predictionOf(story, { events }), story).agrees
    expect(agreementOf(changedAt(story, ({ kind }) => kind === 'routing', { rule: 'default dev lo' }))).toBe(
      false,
    )
    const translating = ({ changes }: StoryEvent) => changes.some(({ field }) => field === 'source')
    const elsewhere = [{ field: 'source' as const, before: '192.168.45.3', after: '192.168.1.33' }]
    expect(agreementOf(changedAt(story, translating, { changes: elsewhere }))).toBe(false)
    expect(agreementOf(story.events.filter(event => !isForward(event)))).toBe(false)
  })

  test('is an end at another chain, or none', () => {
    const story = storyNamed('policy')
    const end = { ...predictionOf(story).end, at: { ...story.end.at, chain: 'inet mine other' } }
    expect(compare(predictionOf(story, { end }), story).agrees).toBe(false)
    const delivered = { ...end, outcome: 'delivered' as const }
    const [difference] = compare(predictionOf(story, { end: delivered }), story).differences
    expect(difference).toStartWith(
      'predicted and observed end differently: predicted delivered (as it happened), observed dropped (',
    )
  })
})

test('an answer that did not come could not be stopped', () => {
  const story = storyNamed('answered')
  const silent: Story = {
    ...story,
    events: story.events.filter(({ packet }) => packet === 'request'),
    end: { ...story.end, outcome: 'delivered' },
  }
  const { end } = predictionOf(story)
  const stopped = { ...end, outcome: 'dropped' as const, at: { ...end.at, packet: 'reply' as const } }
  expect(compare(predictionOf(story, { end: stopped }), silent)).toMatchObject({
    agrees: null,
    differences: [],
  })
})

test('what could not be predicted agrees with nothing', () => {
  const story = storyNamed('answered')
  const at = story.events.findIndex(isForward)
  const events = story.events
    .slice(0, at + 1)
    .map(event => (isForward(event) ? { ...event, verdict: undefined, rules: [], rule: undefined } : event))
  const { end } = predictionOf(story)
  const { agrees, steps, differences } = compare(
    predictionOf(story, { events, end: { ...end, outcome: 'unknown' } }),
    story,
  )
  expect({ agrees, differences }).toEqual({ agrees: null, differences: [] })
  expect(steps.slice(at).every(({ agreement }) => agreement === '?')).toBe(true)
})
