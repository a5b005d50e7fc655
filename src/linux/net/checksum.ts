/**
 * The Internet checksum (RFC 1071): the one's complement of the one's complement sum of all 16-bit words, an odd last
 * byte filled up with zero. Over bytes that hold their own right checksum it is 0.
 */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) {
    sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
    // The carry goes round at once, so that no length of input can leave the range of exact integers.
    if (sum > 0xffff) sum -= 0xffff
  }
  return ~sum & 0xffff
}
