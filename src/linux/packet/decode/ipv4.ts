import { formatIp } from '../../net/ip.ts'
import { type ChecksumState, checkPlain } from './checksum.ts'
import { cutShort, type Layer, type Place, place, tooShort } from './layer.ts'
import { after, bytesAt, holds, limit, missing, type Slice, u8, u16 } from './slice.ts'
import { decodeTransport } from './transport.ts'

/** One option of an IPv4 header; `data` is what follows its type and length. */
export type Ipv4Option = { type: number; name?: string; data: Uint8Array }

/** An IPv4 header (RFC 791). */
export type Ipv4 = Place & {
  type: 'ipv4'
  /** Bytes, options included. */
  headerLength: number
  /** Differentiated services (RFC 2474) and congestion notification (RFC 3168). */
  dscp: number
  ecn: number
  totalLength: number
  id: number
  dontFragment: boolean
  moreFragments: boolean
  /** Bytes: 0 for a whole packet and for a first fragment. */
  fragmentOffset: number
  ttl: number
  protocol: number
  checksum: ChecksumState
  source: string
  destination: string
  options: Ipv4Option[]
}

const optionNames: Record<number, string> = {
  7: 'record route',
  68: 'timestamp',
  131: 'loose source route',
  137: 'strict source route',
  148: 'router alert',
}

/** Reads an IPv4 packet and what it carries. `quoted`: it stands in an ICMP error, whose sender cut it short. */
export const decodeIpv4 = (slice: Slice, layers: Layer[], quoted = false): void => {
  if (!holds(slice, 20)) {
    layers.push(cutShort(slice, 'ipv4', 20))
    return
  }
  const headerLength = (u8(slice, 0) & 0x0f) * 4
  const totalLength = u16(slice, 2)
  const reason = wrongWith(u8(slice, 0) >> 4, headerLength, totalLength)
  if (reason !== undefined) {
    layers.push({ type: 'malformed', ...place(slice, 20), of: 'ipv4', reason })
    return
  }
  // A packet that the sending kernel has not segmented yet may be too long for its field, which then is 0.
  const own = totalLength === 0 ? slice : limit(slice, totalLength)
  const fragment = u16(slice, 6)
  const header = {
    type: 'ipv4' as const,
    ...place(slice, headerLength),
    headerLength,
    dscp: u8(slice, 1) >> 2,
    ecn: u8(slice, 1) & 3,
    totalLength,
    id: u16(slice, 4),
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset: (fragment & 0x1fff) * 8,
    ttl: u8(slice, 8),
    protocol: u8(slice, 9),
    checksum: checkPlain(slice, headerLength),
    source: formatIp(bytesAt(slice, 12, 4)),
    destination: formatIp(bytesAt(slice, 16, 4)),
    options: optionsOf(bytesAt(slice, 20, headerLength - 20)),
  }
  layers.push(header)
  const payload = after(own, headerLength)
  if (header.fragmentOffset > 0) {
    layers.push({ type: 'data', ...place(payload, payload.whole), missing: missing(payload), fragment: true })
    return
  }
  const [source, destination] = [bytesAt(slice, 12, 4), bytesAt(slice, 16, 4)]
  const lacking = quoted ? 0 : totalLength - (slice.whole - slice.at)
  const whole = !header.moreFragments && lacking <= 0
  decodeTransport(header.protocol, payload, layers, {
    pseudo: whole ? { source, destination, protocol: header.protocol } : undefined,
    quoted,
    family: 4,
  })
  if (lacking > 0) layers.push(tooShort(slice, 'ipv4', lacking))
}

const wrongWith = (version: number, headerLength: number, totalLength: number): string | undefined => {
  if (version !== 4) return `the version is ${version}`
  if (headerLength < 20) return `a header of ${headerLength} bytes`
  if (totalLength !== 0 && totalLength < headerLength) return 'the packet is shorter than its header'
  return undefined
}

const optionsOf = (bytes: Uint8Array): Ipv4Option[] => {
  const options: Ipv4Option[] = []
  for (let at = 0; at < bytes.length; ) {
    const type = bytes[at] ?? 0
    if (type === 0) break
    if (type === 1) {
      options.push({ type, name: 'no operation', data: new Uint8Array(0) })
      at++
      continue
    }
    const length = bytes[at + 1] ?? 0
    if (length < 2 || at + length > bytes.length) break
    const name = optionNames[type]
    options.push({ type, ...(name === undefined ? {} : { name }), data: bytes.slice(at + 2, at + length) })
    at += length
  }
  return options
}
