/**
 * A growing buffer that codecs write into. Multi-byte helpers come in the machine's byte order (`u16`, `u32`, `u64`)
 * and in network byte order (`be16`, `be32`, `be64`); the order is part of the name, never a parameter.
 */

/** Every CPU natspace runs on is little-endian; a big-endian one would need only this constant. */
export const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

export class Writer {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
  }

  /** What was written, as a view that is valid until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Forgets everything written; the memory is used again. */
  reset(): void {
    // Here and not byte by byte in `reserve`, which is called for every field.
    this.#bytes.fill(0, 0, this.#length)
    this.#length = 0
  }

  /** Makes room for `count` zero bytes and returns their offset. */
  reserve(count: number): number {
    const offset = this.#length
    const end = offset + count
    if (end > this.#bytes.length) this.#grow(end)
    this.#length = end
    return offset
  }

  #grow(atLeast: number): void {
    const bytes = new Uint8Array(Math.max(atLeast, this.#bytes.length * 2))
    bytes.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }

  /** Pads with zeros up to the next multiple of four (NLMSG_ALIGNTO and NLA_ALIGNTO). */
  align(): void {
    const rest = this.#length & 3
    if (rest !== 0) this.reserve(4 - rest)
  }

  u8(value: number): void {
    const offset = this.reserve(1)
    this.#view.setUint8(offset, value)
  }

  u16(value: number): void {
    const offset = this.reserve(2)
    this.#view.setUint16(offset, value, littleEndian)
  }

  u32(value: number): void {
    const offset = this.reserve(4)
    this.#view.setUint32(offset, value, littleEndian)
  }

  u64(value: bigint): void {
    const offset = this.reserve(8)
    this.#view.setBigUint64(offset, value, littleEndian)
  }

  be16(value: number): void {
    const offset = this.reserve(2)
    this.#view.setUint16(offset, value)
  }

  be32(value: number): void {
    const offset = this.reserve(4)
    this.#view.setUint32(offset, value)
  }

  be64(value: bigint): void {
    const offset = this.reserve(8)
    this.#view.setBigUint64(offset, value)
  }

  raw(bytes: Uint8Array): void {
    const offset = this.reserve(bytes.length)
    this.#bytes.set(bytes, offset)
  }

  /** Writes a u16 at an earlier offset: lengths that are known only afterwards. */
  patchU16(offset: number, value: number): void {
    this.#view.setUint16(offset, value, littleEndian)
  }

  patchU32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, littleEndian)
  }
}
