import { formatIp } from '../../net/ip.ts'
import { formatMac } from '../../net/mac.ts'
import { type ChecksumState, checkTransport } from './checksum.ts'
import { cutShort, type Layer, type Place, place, pushData } from './layer.ts'
import { after, bytesAt, holds, type Slice, u8, u16, u32 } from './slice.ts'
import { type Carrier, decodeQuoted } from './transport.ts'

/** An ICMPv6 message (RFC 4443), with what neighbour discovery (RFC 4861) puts in it. */
export type Icmpv6 = Place & {
  type: 'icmpv6'
  icmpType: number
  icmpCode: number
  checksum: ChecksumState
  query?: { id: number; sequence: number }
  /** Of "packet too big". */
  mtu?: number
  /** Of neighbour solicitations and advertisements, and of redirects: whom it is about. */
  target?: string
  /** Source or target link-layer address option. */
  linkAddress?: string
  /** Of router advertisements: prefixes as `ADDRESS/LENGTH`, and how many seconds this is a default router. */
  router?: { lifetime: number; prefixes: string[] }
  /** Of neighbour advertisements: bits R, S, O. */
  advertisement?: { router: boolean; solicited: boolean; override: boolean }
  /** Of an error: the layers of the packet that it is about, as far as it is quoted. */
  quoted?: Layer[]
  /** Bytes of the whole message on the wire. */
  length: number
}

/** Types of ICMPv6 (IANA). */
export const icmpv6Types = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
} as const

/** Where the options of a neighbour discovery message begin. */
const optionsStart: Record<number, number> = { 133: 8, 134: 16, 135: 24, 136: 24, 137: 40 }

/** Reads an ICMPv6 message, and the packet in it if it is an error. */
export const decodeIcmpv6 = (slice: Slice, layers: Layer[], { pseudo, quoted }: Carrier): void => {
  if (!holds(slice, 4)) {
    layers.push(cutShort(slice, 'icmpv6', 8))
    return
  }
  const [icmpType, icmpCode] = [u8(slice, 0), u8(slice, 1)]
  const rest = holds(slice, 8)
  const isError = icmpType < 128
  layers.push({
    type: 'icmpv6',
    ...place(slice, 8),
    icmpType,
    icmpCode,
    checksum: quoted ? 'unchecked' : checkTransport(slice, u16(slice, 2), pseudo),
    ...(rest ? details(slice, icmpType) : {}),
    ...(isError && !quoted && rest ? { quoted: decodeQuoted(6, after(slice, 8)) } : {}),
    length: slice.whole - slice.at,
  })
  if (!rest) layers.push(cutShort(after(slice, 4), 'icmpv6', 4))
  else if (!isError) pushData(layers, after(slice, 8))
}

const details = (slice: Slice, icmpType: number): Partial<Icmpv6> => {
  const found: Partial<Icmpv6> = {}
  if (icmpType === icmpv6Types.echoRequest || icmpType === icmpv6Types.echoReply)
    found.query = { id: u16(slice, 4), sequence: u16(slice, 6) }
  if (icmpType === icmpv6Types.packetTooBig) found.mtu = u32(slice, 4)
  if (icmpType >= 135 && icmpType <= 137 && holds(slice, 24)) found.target = formatIp(bytesAt(slice, 8, 16))
  if (icmpType === icmpv6Types.neighbourAdvertisement) {
    const bits = u8(slice, 4)
    found.advertisement = {
      router: (bits & 0x80) !== 0,
      solicited: (bits & 0x40) !== 0,
      override: (bits & 0x20) !== 0,
    }
  }
  const start = optionsStart[icmpType]
  const options = start === undefined ? [] : optionsFrom(after(slice, start))
  const link = options.find(({ number }) => number === 1 || number === 2)
  if (link !== undefined) found.linkAddress = formatMac(link.data.subarray(0, 6))
  if (icmpType === icmpv6Types.routerAdvertisement)
    found.router = { lifetime: u16(slice, 6), prefixes: options.flatMap(prefixOf) }
  return found
}

type Option = { number: number; data: Uint8Array }

/** Options of neighbour discovery: type, length in units of 8 bytes, data (RFC 4861 section 4.6). */
const optionsFrom = (start: Slice): Option[] => {
  const options: Option[] = []
  let rest = start
  while (holds(rest, 8)) {
    const size = u8(rest, 1) * 8
    if (size === 0 || !holds(rest, size)) break
    options.push({ number: u8(rest, 0), data: bytesAt(rest, 2, size - 2) })
    rest = after(rest, size)
  }
  return options
}

const prefixOf = ({ number, data }: Option): string[] =>
  number === 3 && data.length === 30 ? [`${formatIp(data.subarray(14, 30))}/${data[0]}`] : []
