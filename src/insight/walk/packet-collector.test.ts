import { describe, expect, test } from 'bun:test'
import { PacketCollector, packetsOf } from './packet-collector.ts'
import type { PacketHeader } from './packet-header.ts'
import type { TraceStep, TraceVerdict } from './trace-events.ts'
import type { BaseChain } from './trace-ruleset.ts'

const header: PacketHeader = {
  family: 4,
  source: '10.0.0.1',
  destination: '10.0.0.2',
  protocol: 17,
  ttl: 64,
  dscp: 0,
  length: 28,
}

type Facts = Partial<Omit<TraceStep, 'verdict' | 'base' | 'header'>> & {
  hook?: BaseChain['hook']
  says?: TraceVerdict['name']
  header?: Partial<PacketHeader>
}

const step = ({ hook = 'forward', says = 'continue', header: fields, ...facts }: Facts): TraceStep => {
  const chain = facts.chain ?? 'FORWARD'
  return {
    type: 'step',
    kind: 'rule',
    id: 1,
    family: 'ip',
    table: 'filter',
    chain,
    base: { name: facts.isOwn ? chain : 'FORWARD', hook, type: 'filter', priority: 0, policy: 'accept' },
    owner: undefined,
    handle: 1n,
    rule: undefined,
    verdict: { name: says },
    isOwn: false,
    version: 4,
    mark: 0,
    input: undefined,
    output: undefined,
    connection: undefined,
    header: fields === undefined ? undefined : { ...header, ...fields },
    ...facts,
  }
}
const own = (facts: Facts): TraceStep =>
  step({ isOwn: true, table: 'natspace-trace-1-1', family: 'inet', ...facts })
const enters = (facts: Facts = {}) =>
  own({ hook: 'prerouting', chain: 'prerouting-first', header: {}, ...facts })
const leaves = (hook: BaseChain['hook'], facts: Facts = {}) => [
  own({ hook, chain: `${hook}-last`, kind: 'end', header: {}, ...facts }),
  own({ hook, chain: `${hook}-last`, kind: 'policy', says: 'accept', ...facts, header: undefined as never }),
]

test('a packet of which nothing more is told is given up after a while, and a step begins it no second time', () => {
  const collector = new PacketCollector()
  expect(collector.add([enters(), ...leaves('prerouting')], 100)).toEqual([])
  expect(collector.giveUp(100)).toEqual([])
  expect(collector.giveUp(101).map(({ end }) => end)).toEqual([{ type: 'vanished', behind: 'prerouting' }])
  // Marked by its connection as well: the jump of that chain is no beginning.
  const again = own({ hook: 'prerouting', chain: 'prerouting-tracked', header: {} })
  const way = [enters(), again, ...leaves('prerouting'), ...leaves('postrouting')]
  expect(collector.add(way, 200).map(({ end, hasGap }) => [end.type, hasGap])).toEqual([['sent', false]])
  // Marked there for the first time.
  const late = own({ hook: 'prerouting', chain: 'recognised', header: {} })
  const [packet] = collector.add([late, ...leaves('prerouting'), ...leaves('postrouting')], 300)
  expect([packet?.end.type, packet?.hasGap, packet?.hooks.length]).toEqual(['sent', false, 2])
})

describe('packets', () => {
  test('that have the same number one after the other are told apart', () => {
    const way = [enters(), ...leaves('prerouting'), ...leaves('postrouting')]
    expect(packetsOf([...way, ...way]).map(({ end }) => end.type)).toEqual(['sent', 'sent'])
    // The first vanished.
    expect(packetsOf([enters(), ...leaves('prerouting'), ...way]).map(({ end }) => end)).toEqual([
      { type: 'vanished', behind: 'prerouting' },
      { type: 'sent' },
    ])
  })

  test('that two traces mark at once are one each', () => {
    const other = enters({ table: 'natspace-trace-2-1' })
    const way = [enters(), other, ...leaves('prerouting'), ...leaves('postrouting')]
    expect(packetsOf([...way, ...way, enters(), ...way]).map(({ end }) => end.type)).toEqual([
      'sent',
      'sent',
      'unknown',
      'sent',
    ])
  })

  test('whose events come mixed are put together, in the order of their beginnings', () => {
    const [first, second] = [
      [enters(), ...leaves('prerouting'), ...leaves('input')],
      [enters({ id: 2 }), ...leaves('prerouting', { id: 2 }), ...leaves('postrouting', { id: 2 })],
    ]
    const mixed = [...first.slice(0, 2), ...second.slice(0, 4), ...first.slice(2), ...second.slice(4)]
    expect(packetsOf(mixed).map(({ id, end }) => `${id} ${end.type}`)).toEqual(['1 delivered', '2 sent'])
  })

  test('are handed out as soon as their end was seen, and each once', () => {
    const collector = new PacketCollector()
    expect(collector.add([enters(), ...leaves('prerouting')])).toEqual([])
    expect(collector.add(leaves('postrouting')).map(({ end }) => end.type)).toEqual(['sent'])
    expect(collector.add([enters({ id: 3 })])).toEqual([])
    expect(collector.finish().map(({ id, end }) => `${id} ${end.type}`)).toEqual(['3 unknown'])
    expect(collector.finish()).toEqual([])
  })

  test('with a gap are not taken for whole, and those that ended before it are', () => {
    const packets = packetsOf([
      enters(),
      ...leaves('prerouting'),
      ...leaves('postrouting'),
      enters({ id: 2 }),
      ...leaves('prerouting', { id: 2 }),
      { type: 'lost' },
      ...leaves('forward', { id: 4 }),
    ])
    expect(packets.map(({ id, hasGap, end }) => `${id} ${hasGap} ${end.type}`)).toEqual([
      '1 false sent',
      '2 true unknown',
      '4 true unknown',
    ])
  })
})

describe('the way of a packet', () => {
  test('has the rules behind a jump in the visit of their base chain, and ends with the one that drops', () => {
    const [packet] = packetsOf([
      enters(),
      ...leaves('prerouting'),
      step({ handle: 5n, verdict: { name: 'jump', chain: 'sub' }, header: { ttl: 63 } } as Facts),
      step({ chain: 'sub', handle: 6n, says: 'drop' }),
    ])
    expect(packet?.hooks.map(({ hook, visits }) => [hook, visits.length])).toEqual([
      ['prerouting', 0],
      ['forward', 1],
    ])
    expect(packet?.hooks[1]?.changesBefore).toEqual([{ field: 'ttl', before: 64, after: 63 }])
    expect(packet?.hooks[1]?.visits[0]?.rules.map(({ chain, handle }) => [chain, handle])).toEqual([
      ['FORWARD', 5n],
      ['sub', 6n],
    ])
    expect(packet?.end).toMatchObject({ type: 'dropped', visit: { decidedBy: { chain: 'sub', handle: 6n } } })
  })

  test('has a change of the mark at the rule that made it, and a translation behind the chain', () => {
    const [packet] = packetsOf([
      enters(),
      step({ hook: 'prerouting', mark: 7, header: {} }),
      step({ hook: 'prerouting', kind: 'policy', says: 'accept', mark: 7 }),
      step({ hook: 'prerouting', table: 'nat', says: 'accept', mark: 7, header: {} }),
      ...leaves('prerouting', { mark: 7, header: { destination: '10.9.9.9' } }).slice(0, 1),
    ])
    expect(packet?.hooks[0]?.changes).toEqual([
      { field: 'mark', before: 0, after: 7, behind: 0 },
      { field: 'destination', before: '10.0.0.2', after: '10.9.9.9', behind: 1 },
    ])
    expect(
      packet?.hooks[0]?.visits.map(({ verdict, decidedBy }) => [verdict, decidedBy === 'policy']),
    ).toEqual([
      ['accept', true],
      ['accept', false],
    ])
  })
})
