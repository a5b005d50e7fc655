import type { Slice } from './slice.ts'

/**
 * What became of a checksum. `offloaded`: the field holds the sum over the pseudo-header alone, which is how Linux
 * leaves it to the network card (CHECKSUM_PARTIAL), so packets seen on their way out, or on a veth pair, are whole and
 * yet look wrong. `absent`: the sender computed none (UDP over IPv4). `unchecked`: not all the bytes are there.
 */
export type ChecksumState = 'right' | 'wrong' | 'offloaded' | 'absent' | 'unchecked'

/** What the checksums of the transport protocols cover beside their own bytes (RFC 9293 section 3.1, RFC 8200 section 8.1). */
export type PseudoHeader = { source: Uint8Array; destination: Uint8Array; protocol: number }

const fold = (sum: number): number => {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000)
  return folded
}

/** Sum of the 16-bit words from `at` to `end`, an odd last byte filled up with zero (RFC 1071), not complemented. */
export const sumOfWords = (view: DataView, at: number, end: number): number => {
  let sum = 0
  let i = at
  for (; i + 1 < end; i += 2) sum += view.getUint16(i)
  if (i < end) sum += view.getUint8(i) << 8
  return fold(sum)
}

const sumOfBytes = (bytes: Uint8Array): number =>
  sumOfWords(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length)

/** Whether bytes that hold their own checksum sum up: IPv4 headers, ICMP. */
export const checkPlain = (slice: Slice, size: number): ChecksumState => {
  if (slice.at + size > slice.end) return 'unchecked'
  return sumOfWords(slice.view, slice.at, slice.at + size) === 0xffff ? 'right' : 'wrong'
}

/** The checksum `field` of all that is in the slice, with its pseudo-header; without one (a fragment) it is unchecked. */
export const checkTransport = (
  slice: Slice,
  field: number,
  pseudo: PseudoHeader | undefined,
): ChecksumState => {
  if (pseudo === undefined || slice.end < slice.whole) return 'unchecked'
  const length = slice.whole - slice.at
  const extra = fold(
    sumOfBytes(pseudo.source) +
      sumOfBytes(pseudo.destination) +
      pseudo.protocol +
      Math.floor(length / 0x10000) +
      (length & 0xffff),
  )
  if (fold(extra + sumOfWords(slice.view, slice.at, slice.end)) === 0xffff) return 'right'
  return field === extra ? 'offloaded' : 'wrong'
}
