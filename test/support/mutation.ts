/** Bytes that are nearly a message: for decoders that must fail, if they fail, by an error of their own. */

/** Numbers from 0 up to a limit, the same for the same seed (xorshift32). */
export const randomNumbers = (seed: number): ((limit: number) => number) => {
  // Zero would stay zero.
  let state = seed | 0 || 1
  return limit => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}

/** Values at which lengths, counts and offsets go wrong. */
const edges = [
  0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xfffc, 0xffff, 0x7fffffff, 0xffffffff,
]

type Mutation = (bytes: Uint8Array, random: (limit: number) => number, other: Uint8Array) => Uint8Array

const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** What is said, changed: most messages keep their form. */
const ofValues: readonly Mutation[] = [
  // One bit, or two.
  (bytes, random) => {
    const copy = bytes.slice()
    for (let count = random(2); count >= 0; count--) {
      const at = random(copy.length)
      copy[at] = (copy[at] ?? 0) ^ (1 << random(8))
    }
    return copy
  },
  // A byte of any value.
  (bytes, random) => {
    const copy = bytes.slice()
    copy[random(copy.length)] = random(256)
    return copy
  },
  // A number of two or four bytes, in either order, at its edge: lengths above all.
  (bytes, random) => {
    const copy = bytes.slice()
    const size = random(2) === 0 ? 2 : 4
    if (copy.length < size) return copy
    const view = new DataView(copy.buffer)
    // Most are aligned.
    const at = Math.min(random(4) === 0 ? random(copy.length) : random(copy.length) & ~3, copy.length - size)
    const value = edges[random(edges.length)] ?? 0
    if (size === 2) view.setUint16(at, value & 0xffff, random(2) === 0)
    else view.setUint32(at, value, random(2) === 0)
    return copy
  },
]

/** The form, changed: most messages are of no use any more. */
const ofForm: readonly Mutation[] = [
  // The end is missing.
  (bytes, random) => bytes.slice(0, random(bytes.length + 1)),
  // Something follows.
  (bytes, random) =>
    joined(
      bytes,
      Uint8Array.from({ length: random(40) }, () => random(256)),
    ),
  // A part is missing, is there twice, or is of another message.
  (bytes, random) => {
    const from = random(bytes.length)
    return joined(bytes.subarray(0, from), bytes.subarray(from + random(24)))
  },
  (bytes, random) => {
    const from = random(bytes.length)
    const part = bytes.subarray(from, from + random(64))
    return joined(bytes.subarray(0, from), part, part, bytes.subarray(from + part.length))
  },
  (bytes, random, other) => {
    const at = random(bytes.length)
    return joined(bytes.subarray(0, at), other.subarray(random(other.length)))
  },
]

/** A message that differs from another one, mostly in one way or two. `other` lends parts. */
export const mutated = (
  bytes: Uint8Array,
  other: Uint8Array,
  random: (limit: number) => number,
): Uint8Array => {
  let result = bytes
  do {
    const kinds = random(4) === 0 ? ofForm : ofValues
    result = kinds[random(kinds.length)]?.(result, random, other) ?? result
  } while (random(2) === 0 && result.length > 0)
  return result
}
