import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { mirrorOf, newFlow } from '../../linux/conntrack/index.ts'
import type { FlowTuple } from '../../linux/conntrack/tuple.ts'
import type { CapturedPacket } from '../../linux/packet/index.ts'
import { FlowTable, translationText } from './flow-table.ts'
import { linkText } from './link-text.ts'
import { type LinkerPoint, PacketLinker } from './linker.ts'

const points: readonly LinkerPoint[] = [
  { role: 'inner', link: 'ethernet' },
  { role: 'host', link: 'ethernet' },
  { role: 'uplink', link: 'ethernet' },
]
const [inner, host, uplink] = [0, 1, 2]
const origin = 1_700_000_000_000_000_000n

type Facts = {
  source: string
  destination: string
  ports?: [number, number]
  id?: number
  ttl?: number
  data?: number
}

/** An Ethernet frame with a datagram of UDP. */
const datagram = ({
  source,
  destination,
  ports = [4000, 53],
  id = 7,
  ttl = 64,
  data = 1,
}: Facts): Uint8Array => {
  const bytes = new Uint8Array(50)
  const view = new DataView(bytes.buffer)
  view.setUint16(12, 0x0800)
  bytes.set([0x45, 0, 0, 36, id >> 8, id & 255, 0, 0, ttl, 17, 0, 0], 14)
  bytes.set(source.split('.').map(Number), 26)
  bytes.set(destination.split('.').map(Number), 30)
  view.setUint16(34, ports[0])
  view.setUint16(36, ports[1])
  view.setUint16(38, 16)
  view.setUint32(42, data)
  return bytes
}

const at = (microseconds: number, direction: 'in' | 'out', facts: Facts): CapturedPacket => {
  const bytes = datagram(facts)
  return { time: origin + BigInt(microseconds) * 1000n, bytes, length: bytes.length, direction }
}

const space = '192.168.45.3'
const host1 = '192.168.1.32'
const host2 = '192.168.1.15'
const udp = 17
const outbound: FlowTuple = {
  source: space,
  destination: host2,
  protocol: udp,
  sourcePort: 4000,
  destinationPort: 53,
}
const translated: FlowTuple = { ...outbound, source: host1, sourcePort: 40_123 }

const flowOf = (original: FlowTuple, after: FlowTuple, id = 1) =>
  newFlow({ original, reply: mirrorOf(after) }, id)

const tableOf = (...flows: [FlowTuple, FlowTuple][]): FlowTable => {
  const table = new FlowTable()
  for (const [index, [original, after]] of flows.entries()) table.add(flowOf(original, after, index + 1))
  return table
}

/** The comment of each packet, in the order of the file. */
const commentsOf = (
  table: FlowTable,
  seen: [number, CapturedPacket][],
  loss = false,
): (string | undefined)[] => {
  const linker = new PacketLinker(points, table, { origin })
  if (loss) linker.noteLoss(origin)
  for (const [point, packet] of seen) linker.add(point, [packet])
  return linker.finish().map(({ mates }) => linkText(mates))
}

const inside: Facts = { source: space, destination: host2 }
const outside: Facts = { source: host1, destination: host2, ports: [40_123, 53], ttl: 63 }
const way: [number, CapturedPacket][] = [
  [inner, at(1, 'out', inside)],
  [host, at(2, 'in', inside)],
  [uplink, at(3, 'out', outside)],
]
const snat = 'SNAT 192.168.45.3:4000 -> 192.168.1.32:40123'
const none = [undefined, undefined, undefined]

describe('packets at three points', () => {
  const table = () => tableOf([outbound, translated])

  test('are one over NAT', () => {
    expect(commentsOf(table(), way)).toEqual([
      `same packet as #2; #3 (after ${snat})`,
      `same packet as #1; #3 (after ${snat})`,
      `same packet as #1 and #2 (before ${snat})`,
    ])
  })

  test('are numbered by their times, from whatever point they are read first', () => {
    expect(commentsOf(table(), way.toReversed())).toEqual(commentsOf(table(), way))
  })

  test('are one on the way back, where the translation is reversed', () => {
    const back = { source: host2, destination: host1, ports: [53, 40_123] as [number, number] }
    const home = { source: host2, destination: space, ports: [53, 4000] as [number, number], ttl: 63 }
    const reverse = 'reverse SNAT 192.168.1.32:40123 -> 192.168.45.3:4000'
    expect(
      commentsOf(table(), [
        [uplink, at(1, 'in', back)],
        [host, at(2, 'out', home)],
        [inner, at(3, 'in', home)],
      ]),
    ).toEqual([
      `same packet as #2 and #3 (after ${reverse})`,
      `same packet as #1 (before ${reverse}); #3`,
      `same packet as #1 (before ${reverse}); #2`,
    ])
  })

  test('are one without a flow as long as no address changes', () => {
    const plain: [number, CapturedPacket][] = [
      ...way.slice(0, 2),
      [uplink, at(3, 'out', { ...inside, ttl: 63 })],
    ]
    expect(commentsOf(new FlowTable(), plain)).toEqual([
      'same packet as #2 and #3',
      'same packet as #1 and #3',
      'same packet as #1 and #2',
    ])
  })
})

describe('nothing is said', () => {
  const table = () => tableOf([outbound, translated])
  const third = (packet: CapturedPacket): [number, CapturedPacket][] => [...way.slice(0, 2), [uplink, packet]]
  const two = ['same packet as #2', 'same packet as #1', undefined]

  test('of a translation that connection tracking does not know', () => {
    expect(commentsOf(new FlowTable(), way)).toEqual(two)
    expect(commentsOf(table(), third(at(3, 'out', { ...outside, ports: [40_124, 53] })))).toEqual(two)
  })

  test('of packets that differ in what NAT leaves alone', () => {
    expect(commentsOf(table(), third(at(3, 'out', { ...outside, id: 8 })))).toEqual(two)
    expect(commentsOf(table(), third(at(3, 'out', { ...outside, data: 2 })))).toEqual(two)
  })

  test('of sightings that are no way through the host: its order, its hops, its directions', () => {
    expect(commentsOf(table(), third(at(3, 'out', { ...outside, ttl: 64 })))).toEqual(none)
    expect(commentsOf(table(), third(at(0, 'out', outside)))).toEqual(none)
    expect(commentsOf(table(), third(at(3, 'in', outside)))).toEqual(none)
    expect(commentsOf(table(), third(at(900_000, 'out', outside)))).toEqual(none)
  })

  test('where two packets could be meant', () => {
    const twice: [number, CapturedPacket][] = [...way, [inner, at(4, 'out', inside)]]
    expect(commentsOf(table(), twice)).toEqual([...none, undefined])
  })

  test('where two flows have a tuple', () => {
    const other = { ...translated, sourcePort: 50_000 }
    expect(commentsOf(tableOf([outbound, translated], [outbound, other]), way)).toEqual(none)
  })

  test('of packets without a number of their own while some are lost', () => {
    const bare = way.map(([point, { time, direction }], index): [number, CapturedPacket] => [
      point,
      { ...at(0, direction, { ...(index === 2 ? outside : inside), id: 0 }), time },
    ])
    expect(commentsOf(table(), bare)[0]).toContain('same packet')
    expect(commentsOf(table(), bare, true)).toEqual(none)
    expect(commentsOf(table(), way, true)[0]).toContain('same packet')
  })
})

describe('points that were added', () => {
  const far: readonly LinkerPoint[] = [
    ...points,
    { role: 'beyond', link: 'ethernet' },
    { role: 'beyond', link: 'ethernet' },
    { role: 'beside', link: 'ethernet' },
  ]
  const [lan, router, port] = [3, 4, 5]
  const table = () => tableOf([outbound, translated])
  const numbersOf = (seen: [number, CapturedPacket][]): number[][] => {
    const linker = new PacketLinker(far, table(), { origin })
    for (const [point, packet] of seen) linker.add(point, [packet])
    return linker.finish().map(({ mates }) => mates.map(({ number }) => number))
  }
  const all = (count: number) =>
    Array.from({ length: count }, (_, one) =>
      Array.from({ length: count }, (_, other) => other + 1).filter(number => number !== one + 1),
    )

  test('in another namespace: where a packet comes to, and where an answer comes from', () => {
    expect(numbersOf([...way, [lan, at(4, 'in', outside)]])).toEqual(all(4))
    const back = { source: host2, destination: host1, ports: [53, 40_123] as [number, number] }
    const home = { source: host2, destination: space, ports: [53, 4000] as [number, number], ttl: 63 }
    expect(
      numbersOf([
        [lan, at(1, 'out', back)],
        [uplink, at(2, 'in', back)],
        [host, at(3, 'out', home)],
        [inner, at(4, 'in', home)],
      ]),
    ).toEqual(all(4))
  })

  test('behind routers, that take of the TTL', () => {
    const forwarded = { ...outside, ttl: 62 }
    const seen: [number, CapturedPacket][] = [
      ...way,
      [router, at(4, 'in', outside)],
      [lan, at(5, 'out', forwarded)],
    ]
    expect(numbersOf(seen)).toEqual(all(5))
    expect(numbersOf([...way, [lan, at(4, 'in', { ...outside, ttl: 64 })]])).toEqual([[], [], [], []])
  })

  test('beside the others in this host, where a packet passes two interfaces at once', () => {
    expect(numbersOf([...way, [port, at(4, 'out', outside)]])).toEqual(all(4))
    expect(numbersOf([...way, [uplink, at(4, 'out', outside)]])).toEqual([[], [], [], []])
    expect(numbersOf([...way.slice(0, 2), [port, at(3, 'out', outside)]])).toEqual(all(3))
  })

  test('never by way of the cable', () => {
    expect(
      numbersOf([
        [lan, at(1, 'out', inside)],
        [host, at(2, 'in', inside)],
      ]),
    ).toEqual([[], []])
  })
})

test('packets wait for their others, and no longer than that', () => {
  const linker = new PacketLinker(points, tableOf([outbound, translated]), { origin })
  linker.add(inner, [at(1, 'out', inside)])
  linker.add(uplink, [at(900, 'out', outside)])
  expect(linker.advance(origin + 1_000_000n)).toEqual([])
  linker.add(host, [at(2, 'in', inside)])
  expect(linker.advance(origin + 199_000_000n)).toEqual([])
  expect(linker.advance(origin + 300_000_000n).map(({ number }) => number)).toEqual([1, 2, 3])
})

test('no more packets are numbered than asked for, and none of the others is named', () => {
  const linker = new PacketLinker(points, tableOf([outbound, translated]), { origin, most: 2 })
  for (const [point, packet] of way) linker.add(point, [packet])
  const packets = linker.finish()
  expect(linker.isFull).toBe(true)
  expect(packets.map(({ mates }) => linkText(mates))).toEqual(['same packet as #2', 'same packet as #1'])
})

test('a flow that ended is known for a while, and gives its tuples to the next', () => {
  const table = tableOf([outbound, translated])
  const old = flowOf(outbound, translated)
  table.remove(old, 0)
  table.forget(1000)
  expect(commentsOf(table, way)[2]).toContain(snat)
  table.add(flowOf(outbound, { ...translated, sourcePort: 50_000 }, 2))
  expect(commentsOf(table, way)).toEqual(['same packet as #2', 'same packet as #1', undefined])
  table.forget(5000)
  expect(
    commentsOf(
      table,
      way.map(([point, packet]) => [point, packet]),
    )[2],
  ).toBeUndefined()
})

test('whatever is lost on the way, only sightings of one packet are linked', () => {
  const packets = fc.array(
    fc.record({
      data: fc.integer({ min: 0, max: 3 }),
      id: fc.integer({ min: 0, max: 2 }),
      seen: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    }),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(packets, sent => {
      const linker = new PacketLinker(points, tableOf([outbound, translated]), { origin })
      const senders = new Map<bigint, number>()
      for (const [index, { data, id, seen }] of sent.entries())
        for (const [point, isSeen] of seen.entries()) {
          if (!isSeen) continue
          const facts = { ...(point === uplink ? outside : inside), data, id }
          const packet = at(index * 10 + point, point === host ? 'in' : 'out', facts)
          senders.set(packet.time, index)
          linker.add(point, [packet])
        }
      const written = linker.finish()
      const senderOf = (number: number) => {
        const found = written[number - 1]
        const { data, id } = sent[senders.get(found?.packet.time ?? 0n) ?? 0] ?? { data: 0, id: 0 }
        return `${data} ${id}`
      }
      for (const { number, mates } of written)
        for (const mate of mates) {
          expect(senderOf(mate.number)).toBe(senderOf(number))
          expect(written[mate.number - 1]?.mates.some(other => other.number === number)).toBe(true)
        }
    }),
  )
})

test('translations in words', () => {
  const six = {
    source: 'fd00::2',
    destination: '2001:db8::1',
    protocol: 6,
    sourcePort: 1,
    destinationPort: 2,
  }
  expect(translationText(six, { ...six, source: 'fd00::9' }, '')).toBe('SNAT [fd00::2]:1 -> [fd00::9]:1')
  const ping = { source: space, destination: host2, protocol: 1, icmp: { type: 8, code: 0, id: 5 } }
  expect(translationText(ping, { ...ping, source: host1, icmp: { ...ping.icmp, id: 6 } }, '')).toBe(
    'SNAT 192.168.45.3 -> 192.168.1.32, identifier 5 -> 6',
  )
  expect(translationText(outbound, outbound, '')).toBe('')
})
