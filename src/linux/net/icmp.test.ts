import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { decodeEcho, decodeEchoPacket, type Echo, encodeEcho } from './icmp.ts'

const number16 = fc.integer({ min: 0, max: 0xffff })
const anyEcho: fc.Arbitrary<Echo> = fc.record({
  type: fc.constantFrom('request' as const, 'reply' as const),
  identifier: number16,
  sequence: number16,
  payload: fc.uint8Array({ maxLength: 200 }),
})

/** The smallest IPv4 header, with `options` bytes after it. */
const ipv4Header = (source: number[], destination: number[], options = 0): Uint8Array => {
  const header = new Uint8Array(20 + options)
  header[0] = 0x40 | (header.length / 4)
  header[9] = 1
  header.set(source, 12)
  header.set(destination, 16)
  return header
}

test('an echo that was encoded is read as it was', () => {
  fc.assert(fc.property(anyEcho, echo => expect(decodeEcho(encodeEcho(echo))).toEqual(echo)))
})

test('a damaged echo is not read', () => {
  fc.assert(
    fc.property(anyEcho, fc.nat(), (echo, place) => {
      const bytes = encodeEcho(echo)
      const bit = place % (bytes.length * 8)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeEcho(bytes)).toBeUndefined()
    }),
  )
})

test('no bytes make the reader throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), bytes => {
      expect(() => [decodeEcho(bytes), decodeEchoPacket(bytes)]).not.toThrow()
    }),
  )
})

test('the bytes of RFC 792: type 8, code 0, checksum, identifier, sequence', () => {
  const bytes = encodeEcho({ type: 'request', identifier: 29610, sequence: 1, payload: new Uint8Array(0) })
  // 0800 + 73aa + 0001 = 7bab, complement 8454.
  expect([...bytes]).toEqual([8, 0, 0x84, 0x54, 0x73, 0xaa, 0, 1])
})

test('a packet gives its addresses, also behind IP options', () => {
  const echo: Echo = { type: 'reply', identifier: 29610, sequence: 3, payload: Uint8Array.of(1, 2, 3) }
  for (const options of [0, 8]) {
    const header = ipv4Header([192, 168, 1, 15], [192, 168, 45, 3], options)
    expect(decodeEchoPacket(Uint8Array.of(...header, ...encodeEcho(echo)))).toEqual({
      ...echo,
      source: '192.168.1.15',
      destination: '192.168.45.3',
    })
  }
})

test('other protocols and other ICMP messages are no echo', () => {
  const header = ipv4Header([10, 0, 0, 1], [10, 0, 0, 2])
  const echo = encodeEcho({ type: 'request', identifier: 1, sequence: 1, payload: new Uint8Array(0) })
  const udp = header.slice()
  udp[9] = 17
  expect(decodeEchoPacket(Uint8Array.of(...udp, ...echo))).toBeUndefined()
  // Destination unreachable, code 1, with its right checksum.
  expect(decodeEcho(Uint8Array.of(3, 1, 0xfc, 0xfe, 0, 0, 0, 0))).toBeUndefined()
})
