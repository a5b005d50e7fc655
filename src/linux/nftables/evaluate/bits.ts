import { littleEndian } from '../../netlink/writer.ts'
import { integerBytes } from '../datatypes/datatype.ts'
import type { Comparison } from '../expressions/cmp.ts'
import type { Truth } from './truth.ts'

/**
 * Bytes of which each bit is 0, 1 or unknown: what a register holds when not all is known of a packet. `known` has a 1
 * for each bit that is known; in `value` the others are 0. So a rule that asks for one flag gets an answer although the
 * flags beside it are unknown.
 */
export type Bits = { readonly value: Uint8Array; readonly known: Uint8Array }

/** Bytes that are known. */
export const knownBits = (value: Uint8Array): Bits => ({
  value,
  known: new Uint8Array(value.length).fill(255),
})

/** More than any instruction takes at once: the length of a part of the packet is one byte. */
const mostBytes = 256

/** So many bytes of which nothing is known; a number that no kernel has is cut. */
export const unknownBits = (length: number): Bits => ({
  value: new Uint8Array(Math.min(length, mostBytes)),
  known: new Uint8Array(Math.min(length, mostBytes)),
})

/** An unsigned integer in so many bytes; of undefined nothing is known. */
export const integerBits = (
  integer: number | undefined,
  length: number,
  order: 'host' | 'network' = 'host',
): Bits =>
  integer === undefined ? unknownBits(length) : knownBits(integerBytes(BigInt(integer), length, order))

/** A 32-bit word in the CPU's order of which only the bits of `mask` are known. */
export const maskedWord = (value: number, mask: number): Bits => ({
  value: integerBytes(BigInt((value & mask) >>> 0), 4, 'host'),
  known: integerBytes(BigInt(mask >>> 0), 4, 'host'),
})

/** The integer, when every bit of it is known. */
export const wordOf = (bits: Bits): number | undefined =>
  isKnown(bits)
    ? bits.value.reduceRight(
        (sum, _, i, all) => sum * 256 + (all[littleEndian ? i : all.length - 1 - i] ?? 0),
        0,
      )
    : undefined

/** Whether every bit is known. */
export const isKnown = ({ known }: Bits): boolean => known.every(byte => byte === 255)

/** A part, in bytes. Behind the end nothing is known. */
export const slice = ({ value, known }: Bits, from: number, length: number): Bits => {
  const part = unknownBits(length)
  part.value.set(value.subarray(from, from + length))
  part.known.set(known.subarray(from, from + length))
  return part
}

/** What is known when it is one of the two: the bits in which they agree. */
export const joinBits = (one: Bits, other: Bits): Bits =>
  one === other
    ? one
    : build(one.value.length, i => {
        const agreed = at(one.known, i) & at(other.known, i) & ~(at(one.value, i) ^ at(other.value, i))
        return [at(one.value, i), agreed]
      })

/** Bitwise and. A bit is 0 as soon as one of the two is. */
export const and = (one: Bits, other: Bits): Bits =>
  build(one.value.length, i => {
    const [a, b, knownA, knownB] = [
      at(one.value, i),
      at(other.value, i),
      at(one.known, i),
      at(other.known, i),
    ]
    return [a & b, (knownA & knownB) | (knownA & ~a) | (knownB & ~b)]
  })

/** Bitwise or. A bit is 1 as soon as one of the two is. */
export const or = (one: Bits, other: Bits): Bits =>
  build(one.value.length, i => {
    const [a, b] = [at(one.value, i), at(other.value, i)]
    return [a | b, (at(one.known, i) & at(other.known, i)) | a | b]
  })

/** Bitwise exclusive or. */
export const xor = (one: Bits, other: Bits): Bits =>
  build(one.value.length, i => [at(one.value, i) ^ at(other.value, i), at(one.known, i) & at(other.known, i)])

/** How bits compare with bytes, both taken as numbers in network byte order: memcmp(3). */
export const compare = (bits: Bits, operator: Comparison, bytes: Uint8Array): Truth => {
  if (operator === '==' || operator === '!=') {
    const equal = equals(bits, bytes)
    return equal === 'unknown' ? equal : equal === (operator === '==')
  }
  const [lowest, highest] = [order(bits.value, bytes), order(highestOf(bits), bytes)]
  const outcomes = [lowest, highest].map(sign =>
    operator === '<' ? sign < 0 : operator === '<=' ? sign <= 0 : operator === '>' ? sign > 0 : sign >= 0,
  )
  return outcomes[0] === outcomes[1] ? (outcomes[0] as boolean) : 'unknown'
}

/** Whether bits lie between two values, these included. */
export const within = (bits: Bits, first: Uint8Array, last: Uint8Array): Truth => {
  const [low, high] = [compare(bits, '>=', first), compare(bits, '<=', last)]
  if (low === false || high === false) return false
  return low === true && high === true ? true : 'unknown'
}

const equals = ({ value, known }: Bits, bytes: Uint8Array): Truth => {
  let certain = value.length === bytes.length
  for (let i = 0; i < bytes.length; i++) {
    if ((at(value, i) ^ at(bytes, i)) & at(known, i)) return false
    if (at(known, i) !== 255) certain = false
  }
  return certain ? true : 'unknown'
}

const order = (one: Uint8Array, other: Uint8Array): number => {
  for (let i = 0; i < other.length; i++) {
    const difference = at(one, i) - at(other, i)
    if (difference !== 0) return difference
  }
  return 0
}

const highestOf = ({ value, known }: Bits): Uint8Array => value.map((byte, i) => byte | (~at(known, i) & 255))

const at = (bytes: Uint8Array, index: number): number => bytes[index] ?? 0

const build = (length: number, byteOf: (index: number) => [value: number, known: number]): Bits => {
  const bits = unknownBits(length)
  for (let i = 0; i < length; i++) {
    const [value, known] = byteOf(i)
    bits.known[i] = known
    bits.value[i] = value & known
  }
  return bits
}
