/** Packets made by hand, byte by byte, so that a test can send what no honest stack would. */
import { internetChecksum } from '../../../src/linux/net/checksum.ts'
import { formatIp, parseIp } from '../../../src/linux/net/ip.ts'
import { parseMac } from '../../../src/linux/net/mac.ts'

export const protocolNumber = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const

/** Who says to be talking to whom; ports where the protocol has them. */
export type Flow = { source: string; destination: string; sourcePort: number; port: number }

/** What of a frame a test asks about. */
export type Seen = Omit<Flow, 'sourcePort' | 'port'> & {
  protocol: number
  sourcePort: number
  port: number
  /** First byte of the payload: what kind of ICMP message it is. */
  type: number
  text: string
}

const addressBytes = (text: string): Uint8Array => {
  const bytes = parseIp(text)
  if (bytes === undefined) throw new RangeError(`${text} is no address`)
  return bytes
}

const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(parts.flatMap(part => [...part]))

const number16 = (value: number): Uint8Array => new Uint8Array([value >> 8, value & 0xff])

/** struct ethhdr around an IP packet. */
export const ethernet = (destination: string, source: string, packet: Uint8Array): Uint8Array => {
  const [to, from] = [parseMac(destination), parseMac(source)]
  if (to === undefined || from === undefined) throw new RangeError(`${destination}, ${source}: no MAC`)
  return concat(to, from, number16((packet[0] ?? 0) >> 4 === 4 ? 0x0800 : 0x86dd), packet)
}

type Ip = { source: string; destination: string; protocol: number; hops?: number }

/** An IPv4 (RFC 791) or IPv6 (RFC 8200) packet without options; the family is that of the source. */
export const ipPacket = (
  { source, destination, protocol, hops = 64 }: Ip,
  payload: Uint8Array,
): Uint8Array => {
  const addresses = concat(addressBytes(source), addressBytes(destination))
  if (source.includes(':'))
    return concat(
      new Uint8Array([0x60, 0, 0, 0]),
      number16(payload.length),
      new Uint8Array([protocol, hops]),
      addresses,
      payload,
    )
  const header = concat(
    new Uint8Array([0x45, 0]),
    number16(20 + payload.length),
    new Uint8Array([0, 1, 0, 0, hops, protocol, 0, 0]),
    addresses,
  )
  header.set(number16(internetChecksum(header)), 10)
  return concat(header, payload)
}

/** The payload with its checksum over it and the pseudo header (RFC 793, RFC 8200 section 8.1) at the given place. */
const checked = (flow: Ip, payload: Uint8Array, at: number): Uint8Array => {
  const pseudo = concat(
    addressBytes(flow.source),
    addressBytes(flow.destination),
    number16(flow.protocol),
    number16(payload.length),
  )
  payload.set(number16(internetChecksum(concat(pseudo, payload))), at)
  return payload
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** A UDP datagram (RFC 768) in its IP packet. */
export const udp = ({ source, destination, sourcePort, port }: Flow, payload: string): Uint8Array => {
  const ip = { source, destination, protocol: protocolNumber.udp }
  const body = text(payload)
  const datagram = concat(number16(sourcePort), number16(port), number16(8 + body.length), number16(0), body)
  return ipPacket(ip, checked(ip, datagram, 6))
}

export const tcpFlag = { fin: 1, syn: 2, rst: 4, ack: 16 } as const

/** A TCP segment (RFC 9293) in its IP packet; the payload tells one from another. */
export const tcp = (
  { source, destination, sourcePort, port }: Flow,
  flags: number,
  payload: string,
): Uint8Array => {
  const ip = { source, destination, protocol: protocolNumber.tcp }
  const sequences = new Uint8Array([0, 0, 0, 1, 0, 0, 0, flags & tcpFlag.ack ? 1 : 0])
  const rest = new Uint8Array([0x50, flags, 0xff, 0xff, 0, 0, 0, 0])
  return ipPacket(
    ip,
    checked(ip, concat(number16(sourcePort), number16(port), sequences, rest, text(payload)), 16),
  )
}

/** An ICMP (RFC 792) or ICMPv6 (RFC 4443) message in its IP packet. */
export const icmp = (
  { source, destination, hops = 64 }: Omit<Ip, 'protocol'>,
  type: number,
  code: number,
  body: Uint8Array,
): Uint8Array => {
  const message = concat(new Uint8Array([type, code, 0, 0]), body)
  if (source.includes(':')) {
    const ip = { source, destination, hops, protocol: protocolNumber.icmpv6 }
    return ipPacket(ip, checked(ip, message, 2))
  }
  message.set(number16(internetChecksum(message)), 2)
  return ipPacket({ source, destination, hops, protocol: protocolNumber.icmp }, message)
}

/** An echo request or any other message with identifier and sequence, and a text. */
export const echo = (addresses: Omit<Ip, 'protocol'>, payload: string, type?: number): Uint8Array =>
  icmp(
    addresses,
    type ?? (addresses.source.includes(':') ? 128 : 8),
    0,
    concat(new Uint8Array([0, 7, 0, 1]), text(payload)),
  )

/** The address an option or body of ICMP holds, as bytes. */
export const bytesOf = (...parts: (number[] | string)[]): Uint8Array =>
  concat(...parts.map(part => (typeof part === 'string' ? addressBytes(part) : new Uint8Array(part))))

/** The packet cut in two behind the first `at` bytes of its payload, a multiple of 8 (RFC 791; RFC 8200 section 4.5). */
export const fragments = (
  packet: Uint8Array,
  at: number,
  identification: number,
): [Uint8Array, Uint8Array] => {
  const is6 = (packet[0] ?? 0) >> 4 === 6
  const header = packet.slice(0, is6 ? 40 : 20)
  const payload = packet.slice(header.length)
  const part = (bytes: Uint8Array, offset: number, more: boolean): Uint8Array => {
    const copy = header.slice()
    if (is6) {
      copy.set(number16(8 + bytes.length), 4)
      copy[6] = 44
      const fragment = new Uint8Array([packet[6] ?? 0, 0, 0, 0, 0, 0, 0, 0])
      fragment.set(number16(offset | (more ? 1 : 0)), 2)
      fragment.set(number16(identification), 6)
      return concat(copy, fragment, bytes)
    }
    copy.set(number16(20 + bytes.length), 2)
    copy.set(number16(identification), 4)
    copy.set(number16((offset >> 3) | (more ? 0x2000 : 0)), 6)
    copy.set([0, 0], 10)
    copy.set(number16(internetChecksum(copy)), 10)
    return concat(copy, bytes)
  }
  return [part(payload.slice(0, at), 0, true), part(payload.slice(at), at, false)]
}

/** What is in an Ethernet frame; undefined where it holds no IP. */
export const readFrame = (frame: Uint8Array): Seen | undefined => {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (frame.length < 34) return undefined
  const type = view.getUint16(12)
  if (type !== 0x0800 && (type !== 0x86dd || frame.length < 54)) return undefined
  const is6 = type === 0x86dd
  const at = is6 ? 54 : 14 + ((frame[14] ?? 0) & 15) * 4
  const protocol = frame[is6 ? 20 : 23] ?? 0
  const hasPorts = [protocolNumber.tcp, protocolNumber.udp].includes(protocol as 6) && frame.length >= at + 4
  return {
    source: formatIp(is6 ? frame.subarray(22, 38) : frame.subarray(26, 30)),
    destination: formatIp(is6 ? frame.subarray(38, 54) : frame.subarray(30, 34)),
    protocol,
    sourcePort: hasPorts ? view.getUint16(at) : 0,
    port: hasPorts ? view.getUint16(at + 2) : 0,
    type: frame[at] ?? 0,
    text: new TextDecoder('latin1').decode(frame.subarray(at)),
  }
}
