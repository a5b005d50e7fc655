import { type ChecksumState, checkTransport } from './checksum.ts'
import { decodeDns } from './dns.ts'
import { cutShort, type Layer, type Place, place, pushData } from './layer.ts'
import { after, holds, limit, present, type Slice, u16 } from './slice.ts'
import type { Carrier } from './transport.ts'

/** A UDP header (RFC 768). What a cut packet lacks of it is undefined. */
export type Udp = Place & {
  type: 'udp'
  sourcePort: number
  destinationPort: number
  checksum: ChecksumState
  /** Bytes of data on the wire, as the header says. */
  dataLength: number | undefined
}

/** Ports of DNS (RFC 1035) and multicast DNS (RFC 6762). */
const dnsPorts = [53, 5353]

/** Reads a UDP datagram, and the DNS message in it if its port is that of DNS. */
export const decodeUdp = (slice: Slice, layers: Layer[], { pseudo, quoted }: Carrier): void => {
  if (!holds(slice, 4)) {
    layers.push(cutShort(slice, 'udp', 8))
    return
  }
  const ports = { sourcePort: u16(slice, 0), destinationPort: u16(slice, 2) }
  if (!holds(slice, 8)) {
    layers.push({ type: 'udp', ...place(slice, 8), ...ports, checksum: 'unchecked', dataLength: undefined })
    if (!quoted) layers.push(cutShort(after(slice, present(slice)), 'udp', 8 - present(slice)))
    return
  }
  const length = u16(slice, 4)
  const field = u16(slice, 6)
  const room = slice.whole - slice.at
  // Of a fragment, and of what an ICMP error quotes, the rest is elsewhere.
  const fits = length >= 8 && (quoted || pseudo === undefined || length <= room)
  const own = fits ? limit(slice, length) : slice
  const checksum = field === 0 ? 'absent' : quoted ? 'unchecked' : checkTransport(own, field, pseudo)
  layers.push({
    type: 'udp',
    ...place(slice, 8),
    ...ports,
    checksum,
    dataLength: (fits ? length : room) - 8,
  })
  // 0 is a jumbogram (RFC 2675).
  if (!fits && length !== 0) {
    const reason = `a length of ${length} in ${room} bytes`
    layers.push({ type: 'malformed', ...place(after(slice, 8), 0), of: 'udp', reason })
    return
  }
  const data = after(own, 8)
  if (!quoted && dnsPorts.some(port => ports.sourcePort === port || ports.destinationPort === port))
    decodeDns(data, layers)
  else pushData(layers, data)
}
