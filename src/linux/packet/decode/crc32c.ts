let table: Uint32Array | undefined

const tableOf = (): Uint32Array =>
  Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    // The polynomial of Castagnoli with its bits in reverse.
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f6_3b78 : value >>> 1
    return value
  })

/** CRC32c (RFC 9260 appendix A) of the bytes from `at` to `end`, those from `zeroAt` to `zeroAt + 4` taken as zero. */
export const crc32c = (view: DataView, at: number, end: number, zeroAt = end): number => {
  table ??= tableOf()
  let crc = 0xffff_ffff
  for (let i = at; i < end; i++) {
    const byte = i >= zeroAt && i < zeroAt + 4 ? 0 : view.getUint8(i)
    crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  }
  return ~crc >>> 0
}
