import { expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  and,
  type Bits,
  compare,
  integerBits,
  joinBits,
  knownBits,
  maskedWord,
  or,
  within,
  wordOf,
  xor,
} from './bits.ts'

/** Bits with holes, and one value that they may stand for. */
const bitsAndValue = (length: number) =>
  fc
    .tuple(
      fc.uint8Array({ minLength: length, maxLength: length }),
      fc.uint8Array({ minLength: length, maxLength: length }),
    )
    .map(([actual, known]) => ({
      actual,
      bits: { value: actual.map((byte, i) => byte & (known[i] ?? 0)), known },
    }))

/** Whether bits allow a value. */
const allows = ({ value, known }: Bits, actual: Uint8Array): boolean =>
  actual.every((byte, i) => (byte & (known[i] ?? 0)) === value[i])

const zip = (one: Uint8Array, other: Uint8Array, operation: (a: number, b: number) => number) =>
  one.map((byte, i) => operation(byte, other[i] ?? 0))

test('what is computed with unknown bits allows what is computed with any value that they may stand for', () => {
  fc.assert(
    fc.property(bitsAndValue(3), bitsAndValue(3), (one, other) => {
      expect(
        allows(
          and(one.bits, other.bits),
          zip(one.actual, other.actual, (a, b) => a & b),
        ),
      ).toBe(true)
      expect(
        allows(
          or(one.bits, other.bits),
          zip(one.actual, other.actual, (a, b) => a | b),
        ),
      ).toBe(true)
      expect(
        allows(
          xor(one.bits, other.bits),
          zip(one.actual, other.actual, (a, b) => a ^ b),
        ),
      ).toBe(true)
      const joined = joinBits(one.bits, other.bits)
      expect(allows(joined, one.actual) && allows(joined, other.actual)).toBe(true)
    }),
  )
})

test('a comparison is certain only where it holds for every value', () => {
  fc.assert(
    fc.property(bitsAndValue(2), fc.uint8Array({ minLength: 2, maxLength: 2 }), ({ bits, actual }, bytes) => {
      const order = Buffer.compare(actual, bytes)
      const truths = {
        '==': order === 0,
        '!=': order !== 0,
        '<': order < 0,
        '<=': order <= 0,
        '>': order > 0,
        '>=': order >= 0,
      } as const
      for (const operator of Object.keys(truths) as (keyof typeof truths)[])
        expect([truths[operator], 'unknown']).toContain(compare(bits, operator, bytes))
      expect(compare(knownBits(actual), '<', bytes)).toBe(order < 0)
    }),
  )
})

test('a flag is known although those beside it are not', () => {
  const status = maskedWord(0x20, 0x30)
  expect(compare(and(status, integerBits(0x20, 4)), '!=', new Uint8Array(4))).toBe(true)
  expect(compare(and(status, integerBits(0x10, 4)), '!=', new Uint8Array(4))).toBe(false)
  expect(compare(and(status, integerBits(0x08, 4)), '!=', new Uint8Array(4))).toBe('unknown')
  expect(wordOf(status)).toBeUndefined()
  expect(wordOf(integerBits(0xfedcba98, 4))).toBe(0xfedcba98)
})

test('an interval of half known bits is decided by the bits that count', () => {
  const high: Bits = { value: Uint8Array.of(10, 0), known: Uint8Array.of(255, 0) }
  expect(within(high, Uint8Array.of(10, 0), Uint8Array.of(10, 255))).toBe(true)
  expect(within(high, Uint8Array.of(11, 0), Uint8Array.of(12, 0))).toBe(false)
  expect(within(high, Uint8Array.of(10, 1), Uint8Array.of(12, 0))).toBe('unknown')
})
