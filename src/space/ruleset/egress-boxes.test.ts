import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { ipToBigInt } from '../../linux/net/ip.ts'
import { prefixRange } from '../../linux/net/prefix.ts'
import type { KeyField } from '../../linux/nftables/index.ts'
import { formatEgress, parseEgress } from '../spec/egress.ts'
import type { Egress } from '../spec/types.ts'
import { egressKeys } from './egress-boxes.ts'

type Range = { first: bigint; last: bigint }

const rangeOf = (field: KeyField | undefined): Range => {
  const { first, last } = field as { first: string | number; last: string | number }
  const number = (value: string | number) =>
    typeof value === 'number' ? BigInt(value) : (ipToBigInt(value) as bigint)
  return { first: number(first), last: number(last) }
}

const holds = ({ first, last }: Range, value: bigint): boolean => first <= value && value <= last

const allowedByKeys = (keys: KeyField[][], packet: bigint[]): boolean =>
  keys.some(key => packet.every((value, at) => holds(rangeOf(key[at]), value)))

const allowedByEntry = ({ network = '0.0.0.0/0', protocol, port }: Egress, packet: bigint[]): boolean => {
  const [address = 0n, number = 0n, destination = 0n] = packet
  const numbers = { tcp: [6n], udp: [17n], sctp: [132n], icmp: [1n] }
  const right = protocol === undefined ? (port ? [6n, 17n, 132n] : undefined) : numbers[protocol]
  return (
    holds(prefixRange(network) as Range, address) &&
    (right === undefined || right.includes(number)) &&
    (port === undefined || (BigInt(port.first) <= destination && destination <= BigInt(port.last)))
  )
}

const entry: fc.Arbitrary<Egress> = fc
  .record({
    octets: fc.tuple(fc.constantFrom(10, 11), fc.constantFrom(0, 1, 128), fc.constantFrom(0, 255)),
    length: fc.constantFrom(0, 7, 8, 16, 24, 31, 32),
    protocol: fc.constantFrom(undefined, 'tcp', 'udp', 'icmp'),
    port: fc.option(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 9 })), {
      nil: undefined,
    }),
  })
  .map(({ octets, length, protocol, port }) => {
    const ports = port === undefined || protocol === 'icmp' ? '' : `:${port[0]}-${port[0] + port[1]}`
    return parseEgress(`${octets.join('.')}.0/${length}${ports}${protocol ? `/${protocol}` : ''}`)
  })

const packet = fc.tuple(
  fc
    .tuple(
      fc.constantFrom(9, 10, 11, 12),
      fc.constantFrom(0, 1, 128),
      fc.constantFrom(0, 255),
      fc.constantFrom(0, 1),
    )
    .map(octets => ipToBigInt(octets.join('.')) as bigint),
  fc.constantFrom(1n, 6n, 17n, 47n),
  fc.integer({ min: 0, max: 20 }).map(BigInt),
)

test('the keys allow exactly what the entries allow', () => {
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 6 }),
      fc.array(packet, { maxLength: 30 }),
      (entries, packets) => {
        const keys = egressKeys(entries, 4)
        for (const one of packets)
          expect(allowedByKeys(keys, one)).toBe(entries.some(item => allowedByEntry(item, one)))
      },
    ),
  )
})

test('no two keys overlap', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), entries => {
      const keys = egressKeys(entries, 4)
      for (const [index, one] of keys.entries())
        for (const other of keys.slice(index + 1)) {
          const apart = one.some((field, at) => {
            const [a, b] = [rangeOf(field), rangeOf(other[at])]
            return a.last < b.first || b.last < a.first
          })
          expect(apart).toBe(true)
        }
    }),
  )
})

test('an entry survives being written and read', () => {
  fc.assert(fc.property(entry, one => expect(parseEgress(formatEgress(one))).toEqual(one)))
  for (const text of [
    'any',
    '1.1.1.1:53/udp',
    '[2001:db8::/32]:443/tcp',
    '2001:db8::1',
    'any:443/tcp',
    '10.0.0.0/8/icmp',
  ])
    expect(formatEgress(parseEgress(text))).toBe(text)
})

test('the keys of one family say nothing of the other', () => {
  const entries = ['10.0.0.0/8', '[2001:db8::1]:53/udp', 'any:443/tcp'].map(text => parseEgress(text))
  expect(egressKeys(entries, 6)).toEqual([
    [
      { first: '::', last: '2001:db8::' },
      { first: 6, last: 6 },
      { first: 443, last: 443 },
    ],
    [
      { first: '2001:db8::1', last: '2001:db8::1' },
      { first: 6, last: 6 },
      { first: 443, last: 443 },
    ],
    [
      { first: '2001:db8::1', last: '2001:db8::1' },
      { first: 17, last: 17 },
      { first: 53, last: 53 },
    ],
    [
      { first: '2001:db8::2', last: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' },
      { first: 6, last: 6 },
      { first: 443, last: 443 },
    ],
  ])
})

test('what is no entry is refused', () => {
  for (const text of [
    '',
    'host',
    '1.2.3',
    '1.1.1.1:0',
    '1.1.1.1:53/icmp',
    '1.1.1.1/33',
    '224.0.0.1',
    '1.1.1.1:9-8',
    ':53',
  ])
    expect(() => parseEgress(text)).toThrow()
})
