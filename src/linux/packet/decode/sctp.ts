import type { ChecksumState } from './checksum.ts'
import { crc32c } from './crc32c.ts'
import { cutShort, type Layer, type Place, place } from './layer.ts'
import { after, holds, present, type Slice, u8, u16, u32 } from './slice.ts'
import type { Carrier } from './transport.ts'

/** One chunk: its kind, its flags and its length in bytes, header included. */
export type SctpChunk = { number: number; name?: string; flags: number; length: number }

/** The common header of SCTP and the kinds of its chunks (RFC 9260). */
export type Sctp = Place & {
  type: 'sctp'
  sourcePort: number
  destinationPort: number
  verificationTag: number | undefined
  checksum: ChecksumState
  chunks: SctpChunk[]
  /** Bytes of chunks that were not captured. */
  missing: number
}

const names: Record<number, string> = {
  0: 'DATA',
  1: 'INIT',
  2: 'INIT ACK',
  3: 'SACK',
  4: 'HEARTBEAT',
  5: 'HEARTBEAT ACK',
  6: 'ABORT',
  7: 'SHUTDOWN',
  8: 'SHUTDOWN ACK',
  9: 'ERROR',
  10: 'COOKIE ECHO',
  11: 'COOKIE ACK',
  14: 'SHUTDOWN COMPLETE',
  64: 'I-DATA',
  130: 'RE-CONFIG',
  192: 'FORWARD TSN',
}

/** Reads an SCTP packet as far as the headers of its chunks. */
export const decodeSctp = (slice: Slice, layers: Layer[], { pseudo, quoted }: Carrier): void => {
  if (!holds(slice, 4)) {
    layers.push(cutShort(slice, 'sctp', 12))
    return
  }
  const chunks: SctpChunk[] = []
  let rest = after(slice, 12)
  while (holds(rest, 4)) {
    const number = u8(rest, 0)
    const length = u16(rest, 2)
    if (length < 4) break
    const name = names[number]
    chunks.push({ number, ...(name === undefined ? {} : { name }), flags: u8(rest, 1), length })
    // Chunks are filled up to four bytes; the length leaves that out.
    rest = after(rest, (length + 3) & ~3)
  }
  layers.push({
    type: 'sctp',
    ...place(slice, present(slice)),
    sourcePort: u16(slice, 0),
    destinationPort: u16(slice, 2),
    verificationTag: holds(slice, 8) ? u32(slice, 4) : undefined,
    // Unlike others it does not cover the pseudo-header, but a fragment has none.
    checksum: quoted || pseudo === undefined ? 'unchecked' : checkSctp(slice),
    chunks,
    missing: slice.whole - slice.end,
  })
}

/** The checksum stands in the other byte order than everything else; what is left to the network card is 0. */
const checkSctp = (slice: Slice): ChecksumState => {
  if (slice.end < slice.whole || !holds(slice, 12)) return 'unchecked'
  const field = slice.view.getUint32(slice.at + 8, true)
  if (field === crc32c(slice.view, slice.at, slice.end, slice.at + 8)) return 'right'
  return field === 0 ? 'offloaded' : 'wrong'
}
