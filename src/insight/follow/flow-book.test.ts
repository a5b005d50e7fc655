import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import type { TimedPacket, TracedSpace } from '../trace/observation.ts'
import type { PacketHeader } from '../walk/packet-header.ts'
import type { HookPassage, PacketEnd } from '../walk/steps.ts'
import { type EndedFlow, FlowBook } from './flow-book.ts'
import type { Scope } from './scope.ts'

const space = {
  name: 'web',
  address: '10.0.0.2',
  hostInterface: 'veth-web',
  interface: 'eth0',
  publish: [{ protocol: 'tcp', hostPort: { first: 8080, last: 8089 }, port: { first: 80, last: 89 } }],
} as unknown as ResolvedSpace
const traced: TracedSpace = {
  name: 'web',
  interface: 'eth0',
  hostInterface: 'veth-web',
  cables: ['veth-web'],
  addresses: ['10.0.0.2'],
  isLimited: false,
  isInternal: false,
}

const SYN = 2
const RST = 4
const ACK = 16

/** A book without connection tracking: packets are known by their tuples alone. */
const bookFor = (scope: Scope = {}): FlowBook =>
  new FlowBook({
    space,
    traced,
    scope,
    timeout: 1000,
    flows: { find: () => undefined, byId: () => undefined },
    wasThere: () => false,
  })

const header = (port: number, fields: Partial<PacketHeader> = {}): PacketHeader => ({
  family: 4,
  source: '10.0.0.2',
  destination: '192.0.2.1',
  protocol: 6,
  sourcePort: port,
  destinationPort: 80,
  tcpFlags: SYN,
  ttl: 64,
  dscp: 0,
  length: 60,
  ...fields,
})
const answering = (port: number, fields: Partial<PacketHeader> = {}): PacketHeader =>
  header(port, {
    source: '192.0.2.1',
    destination: '10.0.0.2',
    sourcePort: 80,
    destinationPort: port,
    tcpFlags: SYN | ACK,
    ...fields,
  })

type Way = { hook: 'output' | 'prerouting'; input?: string; end?: PacketEnd; time?: number }

const packet = (
  arrived: PacketHeader,
  { hook, input, end = { type: 'sent' }, time = 0 }: Way,
): TimedPacket => {
  const passage = {
    hook,
    visits: [],
    input: input === undefined ? undefined : { index: 1, name: input },
    output: undefined,
    arrived,
    left: arrived,
    changesBefore: [],
    changes: [],
    connection: undefined,
    mark: 0,
  } satisfies HookPassage
  return { id: 1, hooks: [passage], end, hasGap: false, time }
}

const sent = (port: number) => packet(header(port), { hook: 'output' })
const forwarded = (port: number, end?: PacketEnd) =>
  packet(header(port), { hook: 'prerouting', input: 'veth-web', ...(end === undefined ? {} : { end }) })
const returned = (port: number) => packet(answering(port), { hook: 'prerouting', input: 'eth0' })
const received = (port: number, fields?: Partial<PacketHeader>) =>
  packet(answering(port, fields), { hook: 'prerouting', input: 'eth0', end: { type: 'delivered' } })

const vanished: PacketEnd = { type: 'vanished', behind: 'prerouting' }

const told = (ended: readonly EndedFlow[]) =>
  ended.map(({ flow, progress }) => [flow.number, flow.tuple.sourcePort, progress, flow.isOld])

describe('a flow', () => {
  test('is over a moment after its answer, and then told no more', () => {
    const book = bookFor()
    book.take('host', [forwarded(1), returned(1)], 0)
    book.take('inside', [sent(1), received(1)], 0)
    expect(book.due(10)).toEqual([])
    expect(told(book.due(20))).toEqual([[1, 1, 'answered', false]])
    // A retransmission, and whatever else goes both ways.
    book.take('host', [forwarded(1), returned(1)], 30)
    book.take('inside', [sent(1), received(1)], 30)
    expect(told(book.due(5000))).toEqual([])
    expect(book.open).toBe(0)
  })

  test('without an answer is over when its time is', () => {
    const book = bookFor()
    book.take('host', [forwarded(1)], 0)
    book.take('host', [forwarded(1)], 900)
    expect(book.due(999)).toEqual([])
    expect(told(book.due(1000))).toEqual([[1, 1, 'open', false]])
  })

  test('whose answer is read first waits for it; an answer alone is none', () => {
    const book = bookFor()
    book.take('host', [packet(answering(1, { tcpFlags: RST }), { hook: 'output' })], 0)
    book.take('host', [forwarded(1, vanished)], 20)
    const [only, ...more] = book.due(500)
    expect(more).toEqual([])
    expect(only?.flow.host).toHaveLength(2)
    book.take('host', [packet(answering(2, { tcpFlags: RST }), { hook: 'output' })], 600)
    expect(book.due(601)).toEqual([])
    expect(book.due(9000)).toEqual([])
  })

  test('that is refused is told as refused', () => {
    const book = bookFor()
    book.take('host', [forwarded(1), returned(1)], 0)
    book.take('inside', [sent(1), received(1, { tcpFlags: RST | ACK })], 0)
    expect(told(book.due(100))).toEqual([[1, 1, 'refused', false]])
  })

  test('that is refused before the host is seen to have had it waits for that', () => {
    const book = bookFor()
    book.take('inside', [sent(1), received(1, { tcpFlags: RST | ACK })], 0)
    expect(book.due(300)).toEqual([])
    book.take('host', [forwarded(1, vanished)], 301)
    expect(told(book.due(400))).toEqual([[1, 1, 'stopped', false]])
  })

  test('that is dropped later is told a second time, and no third', () => {
    const book = bookFor()
    const later = () =>
      packet(header(1, { tcpFlags: ACK }), { hook: 'prerouting', input: 'veth-web', end: vanished })
    book.take('host', [forwarded(1), returned(1), later(), later()], 0)
    book.take('inside', [sent(1), received(1)], 0)
    expect(told(book.due(20))).toEqual([[1, 1, 'answered', false]])
    book.take('host', [later()], 30)
    expect(told(book.due(200))).toEqual([[1, 1, 'stopped', true]])
    book.take('host', [later(), later()], 300)
    expect(book.due(5000)).toEqual([])
  })

  test('that ends has last words which nobody needs to be told of', () => {
    const book = bookFor()
    book.take('host', [forwarded(1), returned(1)], 0)
    book.take('inside', [sent(1), received(1)], 0)
    book.due(20)
    const reset = packet(header(1, { tcpFlags: RST }), {
      hook: 'prerouting',
      input: 'veth-web',
      end: vanished,
    })
    book.take('host', [reset], 30)
    expect(book.due(5000)).toEqual([])
  })

  test('with the tuple of an attempt that failed long ago is another', () => {
    const book = bookFor()
    book.take('host', [forwarded(1, vanished)], 0)
    expect(told(book.due(100))).toEqual([[1, 1, 'stopped', false]])
    book.take('host', [forwarded(1, vanished)], 3000)
    expect(book.due(4000)).toEqual([])
    book.take('host', [forwarded(1, vanished)], 70_000)
    expect(told(book.due(80_000))).toEqual([[2, 1, 'stopped', false]])
  })
})

describe('what is followed', () => {
  const visit = (port: number, end: PacketEnd = { type: 'sent' }) =>
    packet(header(4000, { source: '192.0.2.7', destination: '192.0.2.2', destinationPort: port }), {
      hook: 'prerouting',
      input: 'uplink',
      end,
    })
  const followed = (scope: Scope, ...packets: TimedPacket[]): number => {
    const book = bookFor(scope)
    book.take('host', packets, 0)
    return book.due(2000).length
  }

  test('are both directions, or one', () => {
    expect(followed({}, forwarded(1))).toBe(1)
    expect(followed({ direction: 'in' }, forwarded(1))).toBe(0)
    expect(followed({ direction: 'out' }, visit(8080, { type: 'delivered' }))).toBe(0)
    expect(followed({ direction: 'in' }, visit(8080, { type: 'delivered' }))).toBe(1)
  })

  test('is not what goes elsewhere, or what the host takes for itself unless somebody asks for its sender', () => {
    expect(followed({}, visit(8080))).toBe(0)
    expect(followed({}, visit(22, { type: 'delivered' }))).toBe(0)
    expect(followed({ from: { address: '192.0.2.7' } }, visit(22, { type: 'delivered' }))).toBe(1)
    expect(followed({ from: { address: '192.0.2.7', port: 4000 } }, visit(22, vanished))).toBe(1)
    expect(followed({ from: { address: '192.0.2.7', port: 4001 } }, visit(22, vanished))).toBe(0)
    expect(followed({ from: { address: '192.0.2.8' } }, visit(8080, vanished))).toBe(0)
    expect(followed({ from: { address: '10.0.0.2' } }, forwarded(1))).toBe(0)
  })

  test('is nothing that only keeps links up', () => {
    const multicast = packet(header(1, { destination: 'ff02::1', family: 6 }), { hook: 'output' })
    const discovery = packet(
      { ...header(1), family: 6, destination: 'fd00::1', protocol: 58, icmpType: 135 },
      { hook: 'output' },
    )
    expect(followed({}, multicast, discovery)).toBe(0)
  })
})

test('an error of ICMP goes to the flow that it is about, in the space by what the host has passed on', () => {
  const book = bookFor()
  const ports = [1, 2, 3]
  book.take(
    'host',
    ports.map(port => forwarded(port)),
    0,
  )
  const error = (ipId: number): PacketHeader => ({
    ...answering(0),
    protocol: 1,
    icmpType: 3,
    icmpCode: 13,
    ipId,
    sourcePort: undefined as never,
    destinationPort: undefined as never,
  })
  const passes = (ipId: number) => packet(error(ipId), { hook: 'prerouting', input: 'eth0' })
  const arrives = (ipId: number) =>
    packet(error(ipId), { hook: 'prerouting', input: 'eth0', end: { type: 'delivered' } })
  // Nobody says which: each to one that has none.
  book.take('host', [passes(70), passes(71), passes(72)], 1)
  book.take('inside', [arrives(71), arrives(72), arrives(70)], 1)
  const ended = book.due(100)
  expect(ended.map(({ progress }) => progress)).toEqual(['refused', 'refused', 'refused'])
  for (const { flow } of ended) {
    const ids = [...flow.host.slice(1), ...flow.inside].map(({ hooks }) => hooks[0]?.arrived?.ipId)
    expect(new Set(ids).size).toBe(1)
  }
})

test('as many flows as one likes cost no more than so much, and those that are left out are counted', () => {
  const book = bookFor()
  book.take(
    'host',
    Array.from({ length: 5000 }, (_, port) => forwarded(port + 1)),
    0,
  )
  expect(book.open).toBe(1000)
  expect(book.skipped).toBe(4000)
  expect(book.due(2000)).toHaveLength(1000)
})

test('in whatever order and company its packets are read, each flow is told once', () => {
  const ports = [1, 2, 3, 4, 5]
  const all = ports.flatMap(port => [
    { place: 'inside', packet: sent(port) } as const,
    { place: 'host', packet: forwarded(port) } as const,
    { place: 'host', packet: forwarded(port) } as const,
    { place: 'host', packet: returned(port) } as const,
    { place: 'inside', packet: received(port) } as const,
  ])
  fc.assert(
    fc.property(
      fc.shuffledSubarray(all, { minLength: all.length }),
      fc.array(fc.nat(30), { minLength: all.length, maxLength: all.length }),
      (packets, delays) => {
        const book = bookFor()
        const ended: EndedFlow[] = []
        let now = 0
        for (const [index, { place, packet: item }] of packets.entries()) {
          book.take(place, [item], now)
          // Together less than what is waited for an answer.
          now += (delays[index] ?? 0) / 4
          if (index % 3 === 0) ended.push(...book.due(now))
        }
        ended.push(...book.due(now + 300), ...book.due(now + 5000))
        expect(ended.map(({ flow }) => flow.tuple.sourcePort).toSorted()).toEqual(ports)
      },
    ),
  )
})
