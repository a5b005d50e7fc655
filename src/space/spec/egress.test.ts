import { expect, test } from 'bun:test'
import { formatEgress, parseEgress } from './egress.ts'
import { faultOf } from './test-support.ts'

test('an address of IPv4 that is written as one of IPv6 is that of IPv4', () => {
  expect(parseEgress('::ffff:192.0.2.1')).toEqual(parseEgress('192.0.2.1'))
  expect(formatEgress(parseEgress('[::ffff:192.0.2.1]:53/udp'))).toBe('192.0.2.1:53/udp')
})

test('a name is refused, and what to write instead is said', () => {
  for (const name of ['example.com:443/tcp', 'localhost', 'db.internal.', 'a-b.example'])
    expect(faultOf(() => parseEgress(name))).toMatchObject({
      code: 'BAD_EGRESS',
      why: expect.stringContaining('a firewall knows addresses alone'),
    })
  for (const mistake of ['1.2.3', '1.2.3.4.5', '1.2.3.400', 'fd00::g', '', '/tcp', 'a b', '-x'])
    expect(faultOf(() => parseEgress(mistake)).why).not.toContain('is a name')
})
