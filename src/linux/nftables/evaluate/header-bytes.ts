import { parseIp } from '../../net/ip.ts'
import { PROTOCOL_NUMBER } from '../../net/protocol.ts'
import { type Bits, integerBits, knownBits, unknownBits } from './bits.ts'
import type { Packet } from './packet.ts'

/**
 * The headers of a packet, as far as its description tells: what `payload` instructions load. Enough bytes are made for
 * every fixed field of RFC 791, 8200, 9293, 768, 792 and 4443.
 */

const headerBytes = 64

/** Writes fields into a header of which nothing is known yet. */
class Header {
  readonly bits = unknownBits(headerBytes)

  put(offset: number, { value, known }: Bits): this {
    this.bits.value.set(value, offset)
    this.bits.known.set(known, offset)
    return this
  }

  number(offset: number, length: number, value: number | undefined): this {
    return this.put(offset, integerBits(value, length, 'network'))
  }

  address(offset: number, length: number, address: string | undefined): this {
    return this.put(offset, addressBits(address, length))
  }

  /** Single bits of one byte. */
  part(offset: number, value: number, mask: number): this {
    this.bits.value[offset] = value & mask
    this.bits.known[offset] = mask
    return this
  }
}

/** An address as the packet has it; nothing is known of one that is missing or of the other family. */
export const addressBits = (address: string | undefined, length: number): Bits => {
  const bytes = address === undefined ? undefined : parseIp(address)
  return bytes?.length === length ? knownBits(bytes) : unknownBits(length)
}

/** A packet never changes (rules make new ones), and many rules look at the same headers. */
const kept = (make: (packet: Packet) => Bits): ((packet: Packet) => Bits) => {
  const headers = new WeakMap<Packet, Bits>()
  return packet => {
    const known = headers.get(packet)
    if (known !== undefined) return known
    const made = make(packet)
    headers.set(packet, made)
    return made
  }
}

/** The six bits of DSCP, or as many of them as the byte holds, moved to their place: value and mask. */
const shifted = (dscp: number | undefined, by: number): [value: number, mask: number] =>
  dscp === undefined ? [0, 0] : [(dscp << by) & 0xff, (0x3f << by) & 0xff]

/** The IPv4 or IPv6 header. */
export const networkHeader = kept(packet => {
  const header = new Header()
  if (packet.family === 4)
    return (
      header
        .part(0, 0x40, 0xf0)
        .number(2, 2, packet.length)
        // The flag "more fragments" and the offset; "don't fragment" above them is unknown.
        .part(6, 0, 0x3f)
        .part(7, 0, 0xff)
        .part(1, ...shifted(packet.dscp, 2))
        .number(8, 1, packet.ttl)
        .number(9, 1, packet.protocol)
        .address(12, 4, packet.source)
        .address(16, 4, packet.destination).bits
    )
  return header
    .part(0, 0x60 | ((packet.dscp ?? 0) >> 2), packet.dscp === undefined ? 0xf0 : 0xff)
    .part(1, ...shifted(packet.dscp, 6))
    .number(4, 2, packet.length === undefined ? undefined : Math.max(0, packet.length - 40))
    .number(6, 1, packet.protocol)
    .number(7, 1, packet.ttl)
    .address(8, 16, packet.source)
    .address(24, 16, packet.destination).bits
})

/** Protocols whose header begins with the ports: TCP, UDP, DCCP, SCTP and UDP-Lite. */
export const withPorts: readonly number[] = [
  PROTOCOL_NUMBER.tcp,
  PROTOCOL_NUMBER.udp,
  33,
  PROTOCOL_NUMBER.sctp,
  136,
]

/** A port; of one that is not known the bits that all of its range begin with. */
const portBits = (port: number | undefined, range: Packet['sourcePorts']): Bits => {
  if (port !== undefined || range === undefined) return integerBits(port, 2, 'network')
  const free = 32 - Math.clz32(range.first ^ range.last)
  const mask = (0xffff << free) & 0xffff
  const bits = (value: number) => integerBits(value, 2, 'network').value
  return { value: bits(range.first & mask), known: bits(mask) }
}

/** The header behind it. */
export const transportHeader = kept(packet => {
  const header = new Header()
  const { protocol } = packet
  if (protocol === undefined) return header.bits
  if (withPorts.includes(protocol))
    header
      .put(0, portBits(packet.sourcePort, packet.sourcePorts))
      .put(2, portBits(packet.destinationPort, packet.destinationPorts))
  if (protocol === PROTOCOL_NUMBER.tcp) header.number(13, 1, packet.tcpFlags)
  if (protocol === PROTOCOL_NUMBER.icmp || protocol === PROTOCOL_NUMBER.icmpv6)
    header.number(0, 1, packet.icmpType).number(1, 1, packet.icmpCode)
  return header.bits
})
