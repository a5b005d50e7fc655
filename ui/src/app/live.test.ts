import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Counters, ServerEvent, Topology, WalkSummary } from '../../../src/server/protocol.ts'
import { after, afterAll, atFirst, backOff, type Live } from './live.ts'

const counters = (packets: number): Counters => ({
  receivedPackets: packets,
  sentPackets: 2 * packets,
  receivedBytes: 100 * packets,
  sentBytes: 200 * packets,
})

const topology = (time: number, packets: number): Topology => ({
  time,
  nodes: [],
  ports: [],
  edges: [
    {
      id: 'cable:web',
      kind: 'cable',
      from: 'space:web',
      to: 'host',
      ends: [{ addresses: [] }, { addresses: [] }],
      up: true,
      counters: counters(packets),
    },
  ],
})

const walk = (id: string): WalkSummary => ({
  id,
  time: 0,
  space: 'web',
  direction: 'out',
  protocol: 'icmp',
  title: '',
  outcome: 'answered',
  reason: '',
})

const run = (events: ServerEvent[], from: Live = atFirst): Live =>
  events.reduce((state, event) => after(state, event, 7), from)

const snapshot: ServerEvent = { type: 'snapshot', topology: topology(1000, 10), walks: [], follows: [] }

test('a rate is what came since the counters before, by the second', () => {
  const live = run([snapshot, { type: 'counters', time: 1500, edges: { 'cable:web': counters(20) } }])
  expect(live.rates['cable:web']).toEqual({
    receivedPackets: 20,
    sentPackets: 40,
    receivedBytes: 2000,
    sentBytes: 4000,
  })
})

test('counters that begin anew are no negative rate', () => {
  const live = run([snapshot, { type: 'counters', time: 2000, edges: { 'cable:web': counters(1) } }])
  expect(live.rates['cable:web']?.sentPackets).toBe(0)
})

test('a walk told twice is one walk', () => {
  const events = ['1', '2', '1'].map(id => ({ type: 'walk', follow: null, walk: walk(id) }) as const)
  expect(run([snapshot, ...events]).walks.map(({ id }) => id)).toEqual(['1', '2'])
})

test('a follow counts its walks, and goes with its end', () => {
  const follow = { id: 'f', space: 'web', seen: 0 }
  const begun = run([
    { ...snapshot, follows: [follow] },
    { type: 'walk', follow: 'f', walk: walk('1') },
  ])
  expect(begun.follows).toEqual([{ ...follow, seen: 1 }])
  expect(run([{ type: 'follow-ended', follow: 'f', why: 'gone' }], begun)).toMatchObject({
    follows: [],
    ended: { f: 'gone' },
  })
})

test('events at once come to the same as one by one', () => {
  const follow = { id: 'f', space: 'web', seen: 0 }
  const event = fc.oneof(
    fc
      .nat({ max: 300 })
      .map((id): ServerEvent => ({ type: 'walk', follow: id % 2 ? 'f' : null, walk: walk(`${id}`) })),
    fc.constantFrom<ServerEvent>(
      { ...snapshot, follows: [follow] },
      { type: 'lost', what: 'some' },
      { type: 'follow-ended', follow: 'f', why: 'gone' },
    ),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 500, size: 'max' }), events => {
      expect(afterAll(atFirst, events, 7)).toEqual(run(events))
    }),
    { numRuns: 40 },
  )
})

test('an event of a type that came later than this page changes nothing', () => {
  const later = { type: 'later' } as unknown as ServerEvent
  expect(run([later])).toEqual(atFirst)
})

test('however many events come, what is kept stays small', () => {
  const many = Array.from({ length: 1000 }, (_, index) => walk(String(index)))
  const live = run(many.map(one => ({ type: 'walk', follow: null, walk: one })))
  expect(live.walks).toHaveLength(200)
  expect(live.walks[0]?.id).toBe('999')
})

test('the pause before another attempt grows, and not without end', () => {
  expect([1, 2, 3, 4, 5, 6].map(backOff)).toEqual([500, 1000, 2000, 4000, 8000, 10_000])
  fc.assert(fc.property(fc.nat(), attempt => backOff(attempt) <= 10_000))
})
