import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { internetChecksum } from './checksum.ts'

test('the worked example of RFC 1071 section 3', () => {
  // Sum ddf2, complement 220d.
  expect(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(0x220d)
})

test('bytes that hold their own checksum sum up to 0', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), data => {
      const bytes = Uint8Array.of(0, 0, ...data)
      new DataView(bytes.buffer).setUint16(0, internetChecksum(bytes))
      expect(internetChecksum(bytes)).toBe(0)
    }),
  )
})

test('any single bit that is turned over is noticed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(), (bytes, place) => {
      const turned = bytes.slice()
      const bit = place % (bytes.length * 8)
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(internetChecksum(turned)).not.toBe(internetChecksum(bytes))
    }),
  )
})
