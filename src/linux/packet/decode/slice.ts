/**
 * A part of a captured packet. `end` is where the bytes that are there stop, `whole` where they would stop had all been
 * captured: a packet cut at the snapshot length has `end < whole`. Offsets count from the start of the packet.
 */
export type Slice = {
  readonly view: DataView
  readonly at: number
  readonly end: number
  readonly whole: number
}

/** All of a packet of which `length` bytes were on the wire. */
export const sliceOf = (bytes: Uint8Array, length: number): Slice => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  at: 0,
  end: bytes.length,
  whole: Math.max(bytes.length, length),
})

/** How many bytes are there. */
export const present = ({ at, end }: Slice): number => Math.max(0, end - at)

/** How many bytes were not captured. */
export const missing = ({ at, end, whole }: Slice): number => whole - Math.max(at, end)

/** What follows the first `size` bytes. */
export const after = (slice: Slice, size: number): Slice => {
  const at = Math.min(slice.at + size, slice.whole)
  return { ...slice, at, end: Math.max(at, slice.end) }
}

/** The first `size` bytes: a length field of the packet says that no more belongs to it (the rest is padding). */
export const limit = (slice: Slice, size: number): Slice => {
  const whole = Math.min(slice.at + size, slice.whole)
  return { ...slice, end: Math.min(slice.end, whole), whole }
}

/** Whether `size` bytes are there from the start of the slice. */
export const holds = (slice: Slice, size: number): boolean => present(slice) >= size

/** A view of `size` bytes from the offset `at` within the slice, fewer where fewer are there. */
export const bytesAt = (slice: Slice, at: number, size: number): Uint8Array => {
  const start = Math.min(slice.at + at, slice.end)
  const stop = Math.min(start + size, slice.end)
  return new Uint8Array(slice.view.buffer, slice.view.byteOffset + start, Math.max(0, stop - start))
}

/** One byte at an offset within the slice; the caller has asked `holds`. */
export const u8 = (slice: Slice, at: number): number => slice.view.getUint8(slice.at + at)

/** Two bytes in network order. */
export const u16 = (slice: Slice, at: number): number => slice.view.getUint16(slice.at + at)

/** Four bytes in network order. */
export const u32 = (slice: Slice, at: number): number => slice.view.getUint32(slice.at + at)
