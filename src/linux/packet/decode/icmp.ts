import { formatIp } from '../../net/ip.ts'
import { type ChecksumState, checkPlain } from './checksum.ts'
import { cutShort, type Layer, type Place, place, pushData } from './layer.ts'
import { after, bytesAt, holds, limit, type Slice, u8, u16 } from './slice.ts'
import { type Carrier, decodeQuoted } from './transport.ts'

/** An ICMP message (RFC 792). */
export type Icmp = Place & {
  type: 'icmp'
  icmpType: number
  icmpCode: number
  checksum: ChecksumState
  /** Queries and their answers: `id` plays the part of a port (RFC 5508 section 3.1). */
  query?: { id: number; sequence: number }
  /** Of "fragmentation needed": the MTU of the next link (RFC 1191), 0 from old routers. */
  mtu?: number
  /** Of a redirect: the better gateway. */
  gateway?: string
  /** Of an error: the layers of the packet that it is about, as far as it is quoted. */
  quoted?: Layer[]
  /** Bytes of the whole message on the wire. */
  length: number
}

/** Types of ICMP (IANA). */
export const icmpTypes = {
  echoReply: 0,
  unreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
  timestamp: 13,
  timestampReply: 14,
} as const

const queries: readonly number[] = [0, 8, 13, 14, 15, 16, 17, 18]
const errors: readonly number[] = [3, 4, 5, 11, 12]
const FRAGMENTATION_NEEDED = 4

/** Reads an ICMP message, and the packet in it if it is an error. */
export const decodeIcmp = (slice: Slice, layers: Layer[], { pseudo, quoted }: Carrier): void => {
  if (!holds(slice, 4)) {
    layers.push(cutShort(slice, 'icmp', 8))
    return
  }
  const [icmpType, icmpCode] = [u8(slice, 0), u8(slice, 1)]
  const length = slice.whole - slice.at
  const rest = holds(slice, 8)
  // A fragment has no pseudo-header, and what an error quotes is cut: neither can be checked.
  const checksum = quoted || pseudo === undefined ? 'unchecked' : checkPlain(slice, length)
  const isError = errors.includes(icmpType)
  layers.push({
    type: 'icmp',
    ...place(slice, 8),
    icmpType,
    icmpCode,
    checksum,
    ...(rest && queries.includes(icmpType) ? { query: { id: u16(slice, 4), sequence: u16(slice, 6) } } : {}),
    ...(rest && icmpType === icmpTypes.unreachable && icmpCode === FRAGMENTATION_NEEDED
      ? { mtu: u16(slice, 6) }
      : {}),
    ...(rest && icmpType === icmpTypes.redirect ? { gateway: formatIp(bytesAt(slice, 4, 4)) } : {}),
    // Errors about errors are not sent (RFC 1122 section 3.2.2): one level is all there is.
    ...(isError && !quoted && rest ? { quoted: decodeQuoted(4, quotation(slice)) } : {}),
    length,
  })
  if (!rest) layers.push(cutShort(after(slice, 4), 'icmp', 4))
  else if (!isError) pushData(layers, after(slice, 8))
}

/** The quoted packet: RFC 4884 lets extensions follow it, and byte 5 then tells its length in words. */
const quotation = (slice: Slice): Slice => {
  const words = u8(slice, 5)
  const body = after(slice, 8)
  const extended = u8(slice, 0) !== icmpTypes.redirect && words >= 32 && words * 4 < body.whole - body.at
  return extended ? limit(body, words * 4) : body
}
