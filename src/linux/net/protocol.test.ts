import { expect, test } from 'bun:test'
import { protocolName, protocolNumber } from './protocol.ts'

test('protocol numbers', () => {
  expect(['icmp', 'tcp', 'udp', 'icmpv6', 'sctp'].map(name => protocolNumber(name as 'tcp'))).toEqual([
    1, 6, 17, 58, 132,
  ])
  expect(protocolName(132)).toBe('sctp')
  expect(protocolName(47)).toBeUndefined()
})
