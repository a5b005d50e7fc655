import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { bigIntToIp } from '../../net/ip.ts'
import { EncodeError } from '../../netlink/codec.ts'
import { decodeElements } from './decode-elements.ts'
import type { SetElement } from './element.ts'
import { encodeElements } from './encode-elements.ts'
import { type NamedSet, namedSet } from './named-set.ts'
import { asState } from './set-fields.ts'

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')

const again = (set: NamedSet, elements: SetElement[]): SetElement[] =>
  decodeElements(asState(set), encodeElements(set, elements))

const ipv4 = fc.nat({ max: 0xffffffff }).map(value => bigIntToIp(BigInt(value), 4) as string)
const ipv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(value => bigIntToIp(value, 6) as string)
const port = fc.nat({ max: 0xffff })
const protocol = fc.constantFrom('tcp', 'udp', 'sctp', 200)
const name = fc.stringMatching(/^[a-z0-9._-]{1,15}$/)
const fields: Record<string, fc.Arbitrary<string | number>> = {
  ifname: name,
  ipv4_addr: ipv4,
  ipv6_addr: ipv6,
  inet_service: port,
  inet_proto: protocol,
  mark: fc.nat({ max: 0xffffffff }),
}
const types = fc.array(fc.constantFrom(...Object.keys(fields)), { minLength: 1, maxLength: 3 })
const valuesOf = (key: string[]) =>
  fc.tuple(...key.map(type => fields[type] as fc.Arbitrary<string | number>))

describe('elements come back as they were', () => {
  test('of hash sets and maps', () => {
    const cases = fc.tuple(types, types).chain(([key, data]) =>
      fc.record({
        key: fc.constant(key),
        data: fc.constant(data),
        elements: fc.array(
          fc.record({
            key: valuesOf(key),
            data: valuesOf(data),
            comment: fc.constantFrom('one', 'two words'),
          }),
          { maxLength: 6 },
        ),
      }),
    )
    fc.assert(
      fc.property(cases, ({ key, data, elements }) => {
        const map = namedSet({ name: 'm', key, data })
        expect(again(map, elements)).toEqual(elements)
      }),
    )
  })

  test('of sets of intervals, in ascending order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 0xffffffff }), { maxLength: 12 }), bounds => {
        const sorted = bounds.toSorted((a, b) => a - b)
        if (sorted.length % 2 === 1) sorted.pop()
        const pairs = sorted.flatMap((first, i) =>
          i % 2 === 0 ? [[first, sorted[i + 1] as number] as const] : [],
        )
        const set = namedSet({ name: 's', key: ['mark'], flags: { interval: true } })
        const elements = pairs.map(([first, last]) => ({ key: [{ first, last }] }))
        expect(again(set, elements.toReversed())).toEqual(elements)
      }),
    )
  })

  test('of sets of intervals of concatenations', () => {
    const interval = fc.tuple(port, port).map(([a, b]) => {
      const [first, last] = a < b ? [a, b] : [b, a]
      return first === last ? first : { first, last }
    })
    const set = namedSet({
      name: 's',
      key: ['ifname', 'inet_proto', 'inet_service'],
      flags: { interval: true },
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(name, protocol, interval), { maxLength: 6 }), keys => {
        const elements = keys.map(key => ({ key }))
        expect(again(set, elements)).toEqual(elements)
      }),
    )
  })
})

describe('intervals', () => {
  const pool = namedSet({ name: 'p', key: ['ipv4_addr'], flags: { interval: true } })

  test('a prefix is its first value and the one behind its last', () => {
    const [start, end, ...more] = encodeElements(pool, [{ key: ['10.0.0.7/8'] }])
    expect([hex(start?.key?.value), hex(end?.key?.value), end?.flags, more.length]).toEqual([
      '0a000000',
      '0b000000',
      1,
      0,
    ])
  })

  test('one that reaches the last value has no end, and a note in the user data', () => {
    const encoded = encodeElements(pool, [{ key: ['255.255.255.0/24'] }])
    expect(encoded.map(element => [hex(element.key?.value), hex(element.userdata)])).toEqual([
      ['ffffff00', '010401000000'],
    ])
    expect(again(pool, [{ key: ['255.255.255.0/24'] }])).toEqual([{ key: ['255.255.255.0/24'] }])
  })

  test('neighbours stay apart', () => {
    const elements = [{ key: ['10.0.0.0/30'] }, { key: ['10.0.0.4/30'] }, { key: ['10.0.0.8'] }]
    expect(again(pool, elements)).toEqual(elements)
  })

  test('everything', () => {
    expect(again(pool, [{ key: ['0.0.0.0/0'] }])).toEqual([{ key: ['0.0.0.0/0'] }])
  })

  test('names that begin alike', () => {
    const set = namedSet({ name: 's', key: ['ifname'], flags: { interval: true } })
    const elements = [{ key: ['eth0'] }, { key: [{ beginning: 'veth' }] }]
    expect(again(set, elements)).toEqual(elements)
    expect(encodeElements(set, elements).map(element => hex(element.key?.value).slice(0, 10))).toEqual([
      '6574683000',
      '6574683000',
      '7665746800',
      '7665746900',
    ])
  })

  test('an empty one is refused', () => {
    expect(() => encodeElements(pool, [{ key: [{ first: '1.2.3.5', last: '1.2.3.4' }] }])).toThrow(
      EncodeError,
    )
  })
})

describe('what a set cannot hold is refused', () => {
  const set = namedSet({ name: 's', key: ['ifname', 'ipv4_addr'] })
  for (const [what, key] of [
    ['too few fields', ['lo']],
    ['an address of the other family', ['lo', 'fe80::1']],
    ['a name that is too long', ['sixteen-letters-', '1.2.3.4'].map(text => `${text}x`)],
    ['an empty name', ['', '1.2.3.4']],
    ['an interval in a set without intervals', ['lo', { first: '1.2.3.4', last: '1.2.3.5' }]],
  ] as [string, SetElement['key']][])
    test(what, () => expect(() => encodeElements(set, [{ key }])).toThrow(EncodeError))

  test('an unknown datatype', () => {
    expect(() => namedSet({ name: 's', key: ['ipv5_addr'] })).toThrow(RangeError)
  })
})

test('an element * stands for the rest', () => {
  const set = namedSet({ name: 's', key: ['mark'] })
  expect(again(set, [{ key: [] }, { key: [5] }])).toEqual([{ key: [] }, { key: [5] }])
})
