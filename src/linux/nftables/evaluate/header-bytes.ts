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
        .number(9, 1, packet.protocol)
        .address(12, 4, packet.source)
        .address(16, 4, packet.destination).bits
    )
  return header
    .part(0, 0x60, 0xf0)
    .number(4, 2, packet.length === undefined ? undefined : Math.max(0, packet.length - 40))
    .number(6, 1, packet.protocol)
    .address(8, 16, packet.source)
    .address(24, 16, packet.destination).bits
})

/** Protocols whose header begins with the ports: TCP, UDP, DCCP, SCTP and UDP-Lite. */
const withPorts: readonly number[] = [PROTOCOL_NUMBER.tcp, PROTOCOL_NUMBER.udp, 33, PROTOCOL_NUMBER.sctp, 136]

/** The header behind it. */
export const transportHeader = kept(packet => {
  const header = new Header()
  const { protocol } = packet
  if (protocol === undefined) return header.bits
  if (withPorts.includes(protocol))
    header.number(0, 2, packet.sourcePort).number(2, 2, packet.destinationPort)
  if (protocol === PROTOCOL_NUMBER.tcp) header.number(13, 1, packet.tcpFlags)
  if (protocol === PROTOCOL_NUMBER.icmp || protocol === PROTOCOL_NUMBER.icmpv6)
    header.number(0, 1, packet.icmpType).number(1, 1, packet.icmpCode)
  return header.bits
})
