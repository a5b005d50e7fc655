import { expect, test } from 'bun:test'
import { cable6, localPrefix } from './cable6.ts'

test('the prefix is a unique local /48 of this machine, the same ever after', () => {
  const prefix = localPrefix('0123456789abcdef', [])
  expect(prefix).toMatch(/^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\/48$/)
  expect(localPrefix('0123456789abcdef', [])).toBe(prefix)
  expect(localPrefix('another machine', [])).not.toBe(prefix)
})

test('a prefix that something else has is left to it', () => {
  const prefix = localPrefix('machine', [])
  const other = localPrefix('machine', [prefix.replace('/48', '/64'), '10.0.0.0/8', '2001:db8::/32'])
  expect(other).not.toBe(prefix)
  expect(localPrefix('machine', ['fd00::/8'])).toMatch(/^fd/)
})

test('the addresses end with those of IPv4', () => {
  const pair = { gateway: '10.200.0.1', address: '10.200.0.2', prefixLength: 30 }
  expect(cable6('fd12:3456:789a::/48', pair)).toEqual({
    gateway: 'fd12:3456:789a::ac8:1',
    address: 'fd12:3456:789a::ac8:2',
    prefixLength: 126,
    network: 'fd12:3456:789a::ac8:0/126',
  })
})
