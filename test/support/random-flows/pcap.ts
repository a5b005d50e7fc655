/** Files of tcpdump and dumpcap, read by themselves alone: nothing of natspace is asked what a packet is. */

/** Where a packet goes, as its own headers say. `id` is the identifier of an echo. */
export type Ends = {
  source: string
  destination: string
  protocol: number
  sourcePort?: number
  destinationPort?: number
  id?: number
}

/** A packet on a link. */
export type Frame = Ends & {
  time: number
  ttl: number
  /** The identification of an IPv4 header, or the flow label of an IPv6 one: tells packets alike apart. */
  mark: number
  tcpFlags?: number
  icmpType?: number
  icmpCode?: number
  /** The packet that an error of ICMP is about. */
  quoted?: Ends
}

const fileHeader = 24
const frameHeader = 16
const ethernet = 14

/** How much stands before the first packet. */
export const captureStart = fileHeader

/** All packets of a file from its start; what is cut off at its end is left out. */
export const framesOf = (bytes: Buffer): Frame[] => {
  if (bytes.length < fileHeader) return []
  const magic = bytes.readUInt32LE(0)
  if (magic !== 0xa1b2c3d4 && magic !== 0xa1b23c4d) throw new Error('this is no capture of this machine')
  const fraction = magic === 0xa1b2c3d4 ? 1e6 : 1e9
  const frames: Frame[] = []
  for (let at = fileHeader; at + frameHeader <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8)
    const end = at + frameHeader + length
    if (end > bytes.length) break
    const time = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) / fraction
    const type = length < ethernet ? 0 : bytes.readUInt16BE(at + frameHeader + 12)
    const packet = packetOf(bytes.subarray(at + frameHeader + ethernet, end))
    if (packet !== undefined && (type === 0x0800 || type === 0x86dd)) frames.push({ time, ...packet })
    at = end
  }
  return frames
}

/** Octets with dots (RFC 791), or groups with the longest run of zeros left out (RFC 5952). */
const addressOf = (bytes: Buffer): string => {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
  const text = groups.join(':')
  const zeros = (text.match(/(?<![^:])0(?::0)+(?![^:])/g) ?? []).toSorted((a, b) => b.length - a.length)[0]
  return zeros === undefined ? text : text.replace(new RegExp(`(^|:)${zeros}(:|$)`), '::')
}

const echoes = [8, 0, 128, 129]

/** An IP packet without options or extension headers; undefined when it is none. */
export const packetOf = (bytes: Buffer): Omit<Frame, 'time'> | undefined => {
  const version = (bytes[0] ?? 0) >> 4
  const isWhole = version === 4 ? bytes.length >= 20 : version === 6 && bytes.length >= 40
  if (!isWhole) return undefined
  const [from, length] = version === 4 ? [12, 4] : [8, 16]
  const upper = bytes.subarray(version === 4 ? ((bytes[0] ?? 0) & 15) * 4 : 40)
  const protocol = bytes[version === 4 ? 9 : 6] ?? 0
  const ip = {
    source: addressOf(bytes.subarray(from, from + length)),
    destination: addressOf(bytes.subarray(from + length, from + length * 2)),
    protocol,
    ttl: bytes[version === 4 ? 8 : 7] ?? 0,
    mark: version === 4 ? bytes.readUInt16BE(4) : bytes.readUInt32BE(0) & 0xfffff,
  }
  if (upper.length < 8) return ip
  if (protocol === 6 || protocol === 17)
    return {
      ...ip,
      sourcePort: upper.readUInt16BE(0),
      destinationPort: upper.readUInt16BE(2),
      ...(protocol === 6 && upper.length > 13 ? { tcpFlags: upper[13] ?? 0 } : {}),
    }
  if (protocol !== 1 && protocol !== 58) return ip
  const [icmpType = 0, icmpCode = 0] = upper
  if (echoes.includes(icmpType)) return { ...ip, icmpType, icmpCode, id: upper.readUInt16BE(4) }
  const quoted = packetOf(upper.subarray(8))
  return { ...ip, icmpType, icmpCode, ...(quoted === undefined ? {} : { quoted: endsOf(quoted) }) }
}

/** What of a packet tells its flow. */
export const endsOf = ({ source, destination, protocol, sourcePort, destinationPort, id }: Ends): Ends => ({
  source,
  destination,
  protocol,
  ...(sourcePort === undefined ? {} : { sourcePort }),
  ...(destinationPort === undefined ? {} : { destinationPort }),
  ...(id === undefined ? {} : { id }),
})

/** `tcp 10.0.0.1 80 > 10.0.0.2 81`, the same for packets of one direction of a flow. */
export const endsText = ({ source, destination, protocol, sourcePort, destinationPort, id }: Ends): string =>
  id === undefined
    ? `${protocol} ${source} ${sourcePort} > ${destination} ${destinationPort}`
    : `${protocol} ${source} > ${destination} id ${id}`

/** The ends of an answer. */
export const mirrored = ({ source, destination, protocol, sourcePort, destinationPort, id }: Ends): Ends =>
  endsOf({
    source: destination,
    destination: source,
    protocol,
    ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
    ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
    ...(id === undefined ? {} : { id }),
  })
