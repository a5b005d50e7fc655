import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Fingerprint } from './fingerprint.ts'

const fingerprint = new Fingerprint()
const of = (bytes: Uint8Array, ...words: number[]): number => {
  fingerprint.begin()
  for (const word of words) fingerprint.word(word)
  return fingerprint.bytes(bytes, 0, 64).value()
}

test('equal for what is equal, and exact as a number', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.array(fc.integer()), (bytes, words) => {
      const value = of(bytes, ...words)
      expect(of(Uint8Array.from(bytes), ...words)).toBe(value)
      expect(Number.isSafeInteger(value) && value >= 0).toBe(true)
    }),
  )
})

test('different for whatever is different within what is looked at', () => {
  const values = new Set<number>()
  const bytes = new Uint8Array(64)
  for (let at = 0; at < 64; at++)
    for (let value = 1; value < 256; value++) {
      bytes[at] = value
      values.add(of(bytes))
      bytes[at] = 0
    }
  expect(values.size).toBe(64 * 255)
  for (let length = 0; length <= 64; length++) values.add(of(new Uint8Array(length)))
  expect(values.size).toBe(64 * 255 + 65)
  expect(of(Uint8Array.of(1), 2, 3)).not.toBe(of(Uint8Array.of(1), 3, 2))
})

test('numbers in a row are spread over all of its bits', () => {
  const low = new Set<number>()
  const high = new Set<number>()
  for (let word = 0; word < 4096; word++) {
    const value = fingerprint.begin().word(word).value()
    low.add(value % 4096)
    high.add(Math.floor(value / 2 ** 41))
  }
  // Thrown at 4096 places by chance, so many numbers meet 63 of 100 of them.
  for (const met of [low, high]) expect(met.size).toBeWithin(2400, 2800)
})
