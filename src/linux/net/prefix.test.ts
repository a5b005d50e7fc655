import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { formatIp } from './ip.ts'
import {
  firstAddress,
  formatPrefix,
  lastAddress,
  netmask,
  networkOf,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
  prefixRange,
} from './prefix.ts'

const prefix = fc
  .oneof(
    fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 32 })),
    fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.integer({ min: 0, max: 128 })),
  )
  .map(([bytes, length]) => `${formatIp(bytes)}/${length}`)

test('parts', () => {
  expect(parsePrefix('192.168.45.2/24')).toEqual({ address: '192.168.45.2', length: 24, family: 4 })
  expect(parsePrefix('FD00::1/64')).toEqual({ address: 'fd00::1', length: 64, family: 6 })
})

test.each([
  '',
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/08',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '::/129',
  '/8',
  '10.0.0.0/ 8',
  '10/8',
])('refuses %j', text => {
  expect(parsePrefix(text)).toBeUndefined()
  expect(networkOf(text)).toBeUndefined()
  expect(firstAddress(text)).toBeUndefined()
  expect(lastAddress(text)).toBeUndefined()
})

test('the subnet of the reference experiment', () => {
  expect(networkOf('192.168.45.2/24')).toBe('192.168.45.0/24')
  expect(firstAddress('192.168.45.2/24')).toBe('192.168.45.0')
  expect(lastAddress('192.168.45.2/24')).toBe('192.168.45.255')
  expect(lastAddress('fd00::/64')).toBe('fd00::ffff:ffff:ffff:ffff')
  expect(prefixRange('0.0.0.0/0')).toEqual({ first: 0n, last: (1n << 32n) - 1n, family: 4 })
})

test('parsing and formatting are inverse; the network of a network is itself', () => {
  fc.assert(
    fc.property(prefix, text => {
      const parts = parsePrefix(text)
      expect(parts && formatPrefix(parts)).toBe(text)
      const network = networkOf(text) ?? ''
      expect(networkOf(network)).toBe(network)
      expect(prefixContains(network, text)).toBe(true)
      expect(prefixContains(text, firstAddress(text) ?? '')).toBe(true)
      expect(prefixContains(text, lastAddress(text) ?? '')).toBe(true)
    }),
  )
})

test('prefixes overlap exactly if one contains the other', () => {
  fc.assert(
    fc.property(prefix, prefix, (a, b) => {
      expect(prefixesOverlap(a, b)).toBe(prefixContains(a, b) || prefixContains(b, a))
      expect(prefixesOverlap(a, b)).toBe(prefixesOverlap(b, a))
    }),
  )
  expect(prefixesOverlap('10.0.0.0/8', '10.200.0.0/30')).toBe(true)
  expect(prefixesOverlap('10.0.0.0/30', '10.0.0.4/30')).toBe(false)
  expect(prefixesOverlap('0.0.0.0/0', '::/0')).toBe(false)
  expect(prefixesOverlap('nonsense', '10.0.0.0/8')).toBe(false)
})

test('netmasks', () => {
  expect(netmask(24)).toBe('255.255.255.0')
  expect(netmask(30)).toBe('255.255.255.252')
  expect(netmask(0)).toBe('0.0.0.0')
  expect(netmask(32)).toBe('255.255.255.255')
  for (const length of [-1, 33, 1.5, Number.NaN]) expect(netmask(length)).toBeUndefined()
})
