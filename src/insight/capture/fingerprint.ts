import { u32 } from './bytes.ts'

/**
 * A number of 53 bits that stands for words of 32 bits: whatever is different has different ones, but for one case in nine
 * quadrillion. A text of the same words would be exact, and cost ten times as much for every packet at every point. Where
 * it begins is drawn by chance, so that nobody can prepare packets that are taken for each other.
 *
 * Two hashes of 32 bits (the mixing step of MurmurHash3) with constants of their own.
 */
export class Fingerprint {
  #one = 0
  #other = 0

  /** Begins a new one. */
  begin(): this {
    this.#one = seeds[0] ?? 0
    this.#other = seeds[1] ?? 0
    return this
  }

  /** Adds a word, of which 32 bits count. */
  word(value: number): this {
    let mixed = Math.imul(value, 0xcc9e2d51)
    mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
    const one = this.#one ^ mixed
    this.#one = (Math.imul((one << 13) | (one >>> 19), 5) + 0xe6546b64) | 0
    mixed = Math.imul(value, 0x239b961b)
    mixed = Math.imul((mixed << 16) | (mixed >>> 16), 0xab0e9789)
    const other = this.#other ^ mixed
    this.#other = (Math.imul((other << 19) | (other >>> 13), 5) + 0x561ccd1b) | 0
    return this
  }

  /** Adds the bytes from `from` on, at most so many, and how many they are. */
  bytes(bytes: Uint8Array, from: number, most: number): this {
    const end = Math.min(bytes.length, from + most)
    let at = from
    for (; at < end; at += 4) this.word(at + 4 <= end ? u32(bytes, at) : rest(bytes, at, end))
    return this.word(Math.max(0, end - from))
  }

  /** What it has come to. */
  value(): number {
    return finish(this.#one) * 0x200000 + (finish(this.#other) >>> 11)
  }
}

const seeds = crypto.getRandomValues(new Int32Array(2))

const rest = (bytes: Uint8Array, from: number, end: number): number => {
  let word = 0
  for (let at = from; at < end; at++) word = (word << 8) | (bytes[at] ?? 0)
  return word
}

const finish = (hash: number): number => {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
