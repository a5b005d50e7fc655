import { describe, expect, test } from 'bun:test'
import { exampleWalk } from './example.test-support.ts'
import { framesOf } from './frames.ts'
import { pipelineOf, rulesSeen, stationsAt, stepsByStation, wayThrough, whereAt } from './pipeline.ts'

const walk = exampleWalk('answered')
const frames = framesOf(walk)

describe('the places of a namespace', () => {
  const { host, inside } = pipelineOf(walk)
  const rows = (name: string) =>
    host
      .find(place => place.name === name)
      ?.rows.map(row => (row.kind === 'chain' ? `${row.chain.table} ${row.chain.name}` : 'conntrack'))

  test('have all chains of all tables by priority, with connection tracking behind raw', () => {
    expect(rows('prerouting')).toEqual([
      'natspace guard',
      'conntrack',
      'nat PREROUTING',
      'natspace prerouting',
    ])
    expect(rows('forward')).toEqual(['filter FORWARD', 'natspace forward'])
    expect(rows('postrouting')).toEqual(['natspace postrouting', 'natspace claims'])
  })

  test('are there without chains, too, but for those of links', () => {
    expect(inside.map(({ name }) => name)).toEqual([
      'prerouting',
      'routing-in',
      'input',
      'programs',
      'routing-out',
      'output',
      'forward',
      'postrouting',
    ])
    expect(inside.every(({ rows: none }) => none.length === 0)).toBe(true)
  })

  test('have a chain that the packet met and that is gone by now', () => {
    const bare = pipelineOf({ ...walk, pipelines: { inside: [], host: [] } })
    const names = bare.host.flatMap(place => place.rows.map(({ station }) => station))
    expect(names).toContain('host/forward/inet natspace forward')
    for (const frame of frames.filter(
      ({ lane, event }) => lane === 'host' && event?.kind !== 'routing' && event,
    ))
      expect(names).toContain(frame.station ?? '')
  })
})

test('every frame stands at a place that is drawn', () => {
  for (const name of ['answered', 'policy', 'unforwarded', 'refused', 'published', 'unpublished'] as const) {
    const example = exampleWalk(name)
    const { inside, host } = pipelineOf(example)
    const drawn = new Set([
      'cable',
      'uplink',
      ...[...inside, ...host].flatMap(place => [place.station, ...place.rows.map(({ station }) => station)]),
    ])
    for (const frame of framesOf(example)) expect(drawn).toContain(whereAt(frame))
  }
})

test('stations are met one after another, and none before its time', () => {
  expect([...stationsAt(frames, 0).keys()]).toEqual(['inside/programs'])
  const all = stationsAt(frames, frames.length - 1)
  expect(all.get('host/prerouting/conntrack')).toMatchObject({
    passedBy: ['request', 'reply'],
    isCurrent: false,
  })
  expect(all.get('inside/programs')).toMatchObject({ isCurrent: true })
})

test('the way through the host is that of what is forwarded', () => {
  expect(wayThrough('host', frames, 'request')).toEqual([
    'ingress',
    'prerouting',
    'routing-in',
    'forward',
    'postrouting',
    'egress',
  ])
  expect(wayThrough('inside', frames, 'request')[0]).toBe('programs')
  expect(wayThrough('inside', frames, 'reply').at(-1)).toBe('programs')
  expect(wayThrough('host', framesOf(exampleWalk('policy')), 'request').at(-1)).toBe('forward')
  expect(wayThrough('host', framesOf(exampleWalk('policy')), 'reply')).toEqual([])
})

test('steps are found by where they are', () => {
  const steps = stepsByStation(frames)
  expect(steps.get('cable')).toEqual([2, 18])
  expect([...steps.values()].flat().toSorted((a, b) => a - b)).toEqual(frames.map((_frame, index) => index))
})

test('a rule that decided is told from one that only applied, and from those that were passed by', () => {
  const frame = frames.find(({ station }) => station === 'host/postrouting/inet natspace postrouting')
  const rules = rulesSeen('translate', [{ text: 'ip saddr @x snat' }, { text: 'masquerade' }], frame?.event)
  expect(rules.map(({ isMet, isDeciding }) => [isMet, isDeciding])).toEqual([
    [false, false],
    [true, true],
  ])
})
