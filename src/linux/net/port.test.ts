import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { formatPortRange, parsePort, parsePortRange, portCount, portsOverlap } from './port.ts'

const port = fc.integer({ min: 1, max: 65535 })
const range = fc.tuple(port, port).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }))

test.each(['', '0', '65536', '080', '+80', '-80', '8 0', '1e3', '0x50', '80.0', '８０', '999999', '80\n'])(
  'refuses port %j',
  text => {
    expect(parsePort(text)).toBeUndefined()
  },
)

test.each(['', '-', '1-', '-1', '2-1', '1-2-3', '0-5', '1-65536'])('refuses range %j', text => {
  expect(parsePortRange(text)).toBeUndefined()
})

test('ranges round-trip, and overlap exactly if they share a port', () => {
  fc.assert(
    fc.property(range, range, (a, b) => {
      expect(parsePortRange(formatPortRange(a))).toEqual(a)
      const shared = Math.min(a.last, b.last) - Math.max(a.first, b.first) + 1
      expect(portsOverlap(a, b)).toBe(shared > 0)
    }),
  )
  expect(portCount({ first: 9000, last: 9010 })).toBe(11)
})
