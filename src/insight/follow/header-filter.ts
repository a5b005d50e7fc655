import { parseIp } from '../../linux/net/ip.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { Filter } from '../../linux/packet/index.ts'
import type { Story } from '../trace/story.ts'
import type { PacketHeader } from '../walk/packet-header.ts'

/**
 * A filter in the language of pcap-filter(7) reads frames, and of traced packets the kernel hands out their headers. So the
 * headers are written as a frame again: of Ethernet without addresses, and without data, which is not known.
 */

const ETHERNET = 14

/** Whether the first packet of a flow is selected, as it was at one of the points. Of an old one it may be an answer. Pure. */
export const matchesFilter = (filter: Filter, { points, isOld }: Story): boolean =>
  points
    .flatMap(({ request, reply }) => [request, ...(isOld && request === undefined ? [reply] : [])])
    .some(sighting => {
      if (sighting === undefined) return false
      const frame = frameOf(sighting.header)
      return filter.matches(frame, ETHERNET + sighting.header.length)
    })

/** The headers of a packet as a frame. Pure. */
export const frameOf = (header: PacketHeader): Uint8Array => {
  const transport = transportOf(header)
  const network = header.family === 4 ? ipv4Of(header) : ipv6Of(header)
  const frame = new Uint8Array(ETHERNET + network.length + transport.length)
  frame.set(header.family === 4 ? [0x08, 0x00] : [0x86, 0xdd], 12)
  frame.set(network, ETHERNET)
  frame.set(transport, ETHERNET + network.length)
  return frame
}

/** RFC 791 section 3.1, without options. */
const ipv4Of = ({
  source,
  destination,
  protocol = 0,
  ttl,
  dscp,
  ipId = 0,
  length,
}: PacketHeader): Uint8Array => {
  const bytes = new Uint8Array(20)
  const view = new DataView(bytes.buffer)
  bytes.set([0x45, dscp << 2])
  view.setUint16(2, length)
  view.setUint16(4, ipId)
  bytes.set([ttl, protocol], 8)
  bytes.set(parseIp(source) ?? [], 12)
  bytes.set(parseIp(destination) ?? [], 16)
  return bytes
}

/** RFC 8200 section 3. */
const ipv6Of = ({ source, destination, protocol = 0, ttl, dscp, length }: PacketHeader): Uint8Array => {
  const bytes = new Uint8Array(40)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, 0x6000 | (dscp << 6))
  view.setUint16(4, Math.max(0, length - 40))
  bytes.set([protocol, ttl], 6)
  bytes.set(parseIp(source) ?? [], 8)
  bytes.set(parseIp(destination) ?? [], 24)
  return bytes
}

const transportOf = (header: PacketHeader): Uint8Array => {
  const { protocol, sourcePort, destinationPort, tcpFlags = 0 } = header
  if (sourcePort !== undefined && destinationPort !== undefined) {
    const bytes = new Uint8Array(protocol === PROTOCOL_NUMBER.tcp ? 20 : 8)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, sourcePort)
    view.setUint16(2, destinationPort)
    // RFC 9293 section 3.1: the length of the header, then the flags.
    if (protocol === PROTOCOL_NUMBER.tcp) bytes.set([0x50, tcpFlags], 12)
    return bytes
  }
  const { icmpType, icmpCode = 0, icmpId = 0, icmpSequence = 0 } = header
  if (icmpType === undefined) return new Uint8Array()
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  bytes.set([icmpType, icmpCode])
  view.setUint16(4, icmpId)
  view.setUint16(6, icmpSequence)
  return bytes
}
