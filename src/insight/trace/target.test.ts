import { expect, test } from 'bun:test'
import { NatspaceError } from '../../space/errors.ts'
import { parseTarget } from './target.ts'

test('HOST[:PORT][/PROTOCOL], with brackets around an address of IPv6 that has a port', () => {
  expect(parseTarget('192.0.2.1')).toEqual({ family: 4, protocol: 'icmp', address: '192.0.2.1' })
  expect(parseTarget('192.0.2.1/icmp')).toEqual({ family: 4, protocol: 'icmp', address: '192.0.2.1' })
  expect(parseTarget('192.0.2.1:443')).toEqual({
    family: 4,
    protocol: 'tcp',
    address: '192.0.2.1',
    port: 443,
  })
  expect(parseTarget('192.0.2.1:53/udp')).toEqual({
    family: 4,
    protocol: 'udp',
    address: '192.0.2.1',
    port: 53,
  })
  expect(parseTarget('2001:DB8::1')).toEqual({ family: 6, protocol: 'icmp', address: '2001:db8::1' })
  expect(parseTarget('[2001:db8::1]')).toEqual({ family: 6, protocol: 'icmp', address: '2001:db8::1' })
  expect(parseTarget('[2001:db8::1]:53/udp')).toEqual({
    family: 6,
    protocol: 'udp',
    address: '2001:db8::1',
    port: 53,
  })
})

test('anything else is refused, with the reason', () => {
  const whyNot = (text: string): string => {
    try {
      parseTarget(text)
    } catch (error) {
      if (error instanceof NatspaceError && error.code === 'BAD_DESTINATION') return error.why
      throw error
    }
    return 'accepted'
  }
  const reasons: [string, string][] = [
    ['example.com', 'HOST must be an address: nobody looks names up for a packet'],
    ['localhost:80', 'HOST must be an address: nobody looks names up for a packet'],
    ['', 'it is no HOST[:PORT][/tcp|udp|icmp]'],
    ['\x1b[31m', 'it is no HOST[:PORT][/tcp|udp|icmp]'],
    ['[192.0.2.1', 'it is no HOST[:PORT][/tcp|udp|icmp]'],
    ['192.0.2.1:0', 'a port is a number from 1 to 65535'],
    ['192.0.2.1:65536', 'a port is a number from 1 to 65535'],
    ['192.0.2.1:', 'a port is a number from 1 to 65535'],
    ['192.0.2.1/tcp', 'tcp needs a port'],
    ['192.0.2.1:80/icmp', 'ICMP has no ports'],
    ['192.0.2.1:80/sctp', 'the protocol is tcp, udp or icmp'],
    ['224.0.0.1', 'it is not the address of one host'],
    ['::', 'it is not the address of one host'],
  ]
  expect(reasons.map(([text]) => [text, whyNot(text)])).toEqual(reasons)
})
