import { expect, test } from 'bun:test'
import { parseSnmp } from './snmp.ts'

// As `cat /proc/net/snmp /proc/net/netstat` prints it, shortened.
const text = `Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams
Ip: 2 64 17 0 1 3
Icmp: InMsgs InErrors
Icmp: 4 5
TcpExt: SyncookiesSent
TcpExt: 6
IpExt: InNoRoutes InTruncatedPkts
IpExt: 7 0
`

test('counters are found by their names, and those of other protocols are left out', () => {
  const counters = parseSnmp(text)
  expect(counters.get('InAddrErrors')).toBe(1)
  expect(counters.get('ForwDatagrams')).toBe(3)
  expect(counters.get('InNoRoutes')).toBe(7)
  expect(counters.has('InMsgs')).toBe(false)
})

test('unknown text has no counters', () => {
  expect(parseSnmp('').size).toBe(0)
  expect(parseSnmp('Udp: A\nUdp: 1\n').size).toBe(0)
})
