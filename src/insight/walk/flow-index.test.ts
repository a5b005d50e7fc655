import { expect, test } from 'bun:test'
import { type Flow, type FlowTuple, mirrorOf } from '../../linux/conntrack/index.ts'
import type { ConntrackEntry } from './conntrack-entry.ts'
import { FlowIndex } from './flow-index.ts'
import { translationsOf } from './flow-sight.ts'

const original: FlowTuple = {
  source: '10.0.0.2',
  destination: '192.0.2.1',
  protocol: 17,
  sourcePort: 4000,
  destinationPort: 53,
}
const reply: FlowTuple = { ...mirrorOf(original), destination: '192.0.2.9', destinationPort: 61_000 }

const entry = (id: number, isPresent = true): ConntrackEntry => {
  const flow = { id, zone: 0, family: 4, original, reply } as unknown as Flow
  return { flow, isPresent, translations: translationsOf(flow) }
}

test('a flow is found by its packets on either side of the translation, and by its number', () => {
  const index = new FlowIndex()
  index.set('one', entry(1))
  const sights = [original, mirrorOf(reply), reply, mirrorOf(original)].map(tuple => {
    const { direction, side } = index.find(tuple)?.sight ?? {}
    return `${direction} ${side}`
  })
  expect(sights).toEqual(['original before', 'original after', 'reply before', 'reply after'])
  expect(index.byId(1)?.flow.id).toBe(1)
  expect(index.find({ ...original, sourcePort: 4001 })).toBeUndefined()
})

test('of several with one tuple the latest is found, and behind it the one before', () => {
  const index = new FlowIndex()
  index.set('one', entry(1))
  index.set('two', entry(2))
  index.set('one', entry(1, false))
  expect(index.find(original)?.entry.flow.id).toBe(2)
  index.delete('two')
  expect(index.find(original)?.entry).toMatchObject({ isPresent: false, flow: { id: 1 } })
  index.delete('one')
  expect([index.find(original), index.byId(1), index.size]).toEqual([undefined, undefined, 0])
})
