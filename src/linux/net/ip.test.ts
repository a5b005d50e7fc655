import { describe, expect, test } from 'bun:test'
import { isIP } from 'node:net'
import fc from 'fast-check'
import {
  bigIntToIp,
  canonicalIp,
  formatIp,
  ipFamily,
  ipToBigInt,
  ipv4ToNumber,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  numberToIpv4,
  parseIp,
} from './ip.ts'

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const anyBytes = fc.oneof(
  bytesOf(4),
  bytesOf(16),
  // Mostly zero: where the rules of RFC 5952 for `::` matter.
  fc
    .array(fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 255 })), {
      minLength: 16,
      maxLength: 16,
    })
    .map(bytes => Uint8Array.from(bytes)),
)

describe('parseIp', () => {
  test.each([
    ['192.168.45.3', '192.168.45.3'],
    ['0.0.0.0', '0.0.0.0'],
    ['FD00:0:0::1', 'fd00::1'],
    ['::', '::'],
    ['1::', '1::'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:192.168.1.1', '::ffff:192.168.1.1'],
    ['::FFFF:c0a8:101', '::ffff:192.168.1.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('%s is %s', (text, canonical) => expect(canonicalIp(text)).toBe(canonical))

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.04',
    '0x7f.0.0.1',
    '256.1.1.1',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1..2.3',
    '.1.2.3',
    '1.2.3.',
    '2130706433',
    '1.2.3.-4',
    '+1.2.3.4',
    '１.2.3.4',
    ':',
    ':::',
    '1:::2',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '[::1]',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '::1.2.3',
    '::01.2.3.4',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1\n',
    '1.2.3.4\0',
  ])('refuses %j', text => expect(parseIp(text)).toBeUndefined())

  test('agrees with node:net on which texts are addresses', () => {
    const characters = fc.constantFrom(...'0123456789abf.:'.split(''))
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 24 }), text => {
        expect(ipFamily(text) ?? 0).toBe(isIP(text) as 0 | 4 | 6)
      }),
      { numRuns: 2000 },
    )
  })
})

test('formatting and parsing are inverse', () => {
  fc.assert(
    fc.property(anyBytes, bytes => {
      expect(parseIp(formatIp(bytes))).toEqual(bytes)
    }),
    { numRuns: 1000 },
  )
})

test('text agrees with the URL standard, whose serialiser compresses by the same rule', () => {
  fc.assert(
    fc.property(anyBytes, bytes => {
      const text = formatIp(bytes)
      fc.pre(bytes.length === 16 && !text.includes('.'))
      expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`)
    }),
    { numRuns: 1000 },
  )
})

test('formatIp refuses lengths that no address has', () => {
  expect(() => formatIp(new Uint8Array(5))).toThrow(RangeError)
})

test('big integers round-trip and are bounded by the family', () => {
  fc.assert(
    fc.property(anyBytes, bytes => {
      const text = formatIp(bytes)
      expect(bigIntToIp(ipToBigInt(text) ?? -1n, bytes.length === 4 ? 4 : 6)).toBe(text)
    }),
  )
  expect(bigIntToIp(1n << 32n, 4)).toBeUndefined()
  expect(bigIntToIp(-1n, 6)).toBeUndefined()
  expect(ipToBigInt('nonsense')).toBeUndefined()
})

test('numbers round-trip', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), value => {
      expect(ipv4ToNumber(numberToIpv4(value))).toBe(value)
    }),
  )
  expect(numberToIpv4(2 ** 32 - 1)).toBe('255.255.255.255')
})

test.each([
  [isLoopback, ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1'], ['128.0.0.1', '::2', '::', 'x']],
  [
    isMulticast,
    ['224.0.0.1', '239.1.1.1', 'ff02::1', '::ffff:224.0.0.1'],
    ['223.0.0.1', '240.0.0.1', 'fe00::', 'x'],
  ],
  [isLinkLocal, ['169.254.1.1', 'fe80::1', 'febf::1'], ['169.253.1.1', 'fec0::1', 'x']],
  [isUnspecified, ['0.0.0.0', '::', '::ffff:0.0.0.0'], ['0.0.0.1', '::1', 'x']],
] as const)('%p', (predicate, yes, no) => {
  for (const text of yes) expect([text, predicate(text)]).toEqual([text, true])
  for (const text of no) expect([text, predicate(text)]).toEqual([text, false])
})
