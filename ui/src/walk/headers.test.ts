import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { flagsText, headerRows, headersText, withChanges, withoutChanges } from './headers.ts'

const headers = {
  family: 4,
  source: '192.168.45.3',
  destination: '192.168.1.15',
  protocol: 1,
  ttl: 64,
  dscp: 0,
  icmpId: 7,
} as const

test('changes go forwards and backwards', () => {
  const changes = [
    { field: 'source', before: '192.168.45.3', after: '192.168.1.32' },
    { field: 'ttl', before: 64, after: 63 },
    { field: 'mark', before: 0, after: 1 },
  ] as const
  expect(withChanges(headers, changes)).toEqual({ ...headers, source: '192.168.1.32', ttl: 63 })
  expect(withoutChanges(withChanges(headers, changes), changes)).toEqual(headers)
})

test('rows mark what changed, and a mark stands there only when it matters', () => {
  const after = { ...headers, source: '192.168.1.32' }
  const rows = headerRows(headers, after, [{ field: 'mark', before: 0, after: 16 }])
  expect(rows.filter(({ isChanged }) => isChanged)).toEqual([
    { field: 'source', before: '192.168.45.3', after: '192.168.1.32', isChanged: true },
    { field: 'mark', before: '0x0', after: '0x10', isChanged: true },
  ])
  expect(rows.map(({ field }) => field)).not.toContain('dscp')
  expect(headerRows(undefined, undefined, [])).toEqual([])
})

test('a packet in a line', () => {
  expect(headersText(headers)).toBe('192.168.45.3 > 192.168.1.15, id 7')
  expect(
    headersText({
      source: '2001:db8::1',
      sourcePort: 1,
      destination: '::1',
      destinationPort: 80,
      tcpFlags: 18,
    }),
  ).toBe('[2001:db8::1]:1 > [::1]:80 SYN ACK')
})

test('flags have names, whatever they are', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), flags => expect(flagsText(flags)).toMatch(/^(0|[A-Z ]+)$/)),
  )
})
