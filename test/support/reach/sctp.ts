/**
 * Theory of operation. Two packets are enough to know whether an SCTP endpoint can be reached, and from which address it
 * is: INIT, and the INIT ACK that answers it (RFC 9260, section 5.1). Both are made here, so that they can be sent through
 * raw IP sockets where the kernel has no SCTP of its own. The state cookie, which belongs to the one who answers alone,
 * carries what that one has to tell.
 */

/** An INIT, or the INIT ACK to it. */
export type SctpPacket = {
  sourcePort: number
  destinationPort: number
  /** 0 in an INIT; in an INIT ACK the tag that the INIT asked for. */
  verificationTag: number
  kind: 'init' | 'init-ack'
  /** What the other end must use as its verification tag. */
  initiateTag: number
  cookie?: string
}

/** The number of the protocol in the IP header. */
export const IPPROTO_SCTP = 132

const chunkTypes = { init: 1, 'init-ack': 2 } as const
const STATE_COOKIE = 7
const commonHeader = 12
const initChunk = 20

/** CRC32c (RFC 9260, appendix A): the reflected polynomial of Castagnoli. */
export const crc32c = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc >>> 0
}

/** The packet below the IP header, with its checksum. */
export const encodeSctp = (packet: SctpPacket): Uint8Array => {
  const cookie = new TextEncoder().encode(packet.cookie ?? '')
  const parameter = cookie.length === 0 ? 0 : 4 + cookie.length
  const bytes = new Uint8Array(commonHeader + initChunk + Math.ceil(parameter / 4) * 4)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, packet.sourcePort)
  view.setUint16(2, packet.destinationPort)
  view.setUint32(4, packet.verificationTag)
  view.setUint8(12, chunkTypes[packet.kind])
  view.setUint16(14, initChunk + parameter)
  view.setUint32(16, packet.initiateTag)
  // The least window that section 3.3.2 allows, one stream each way, and a sequence number.
  view.setUint32(20, 1500)
  view.setUint16(24, 1)
  view.setUint16(26, 1)
  view.setUint32(28, packet.initiateTag)
  if (parameter > 0) {
    view.setUint16(32, STATE_COOKIE)
    view.setUint16(34, parameter)
    bytes.set(cookie, 36)
  }
  // With the field itself at zero, and the least significant byte first.
  view.setUint32(8, crc32c(bytes), true)
  return bytes
}

/** What a packet says; undefined when it is neither of the two or its checksum is wrong. */
export const decodeSctp = (bytes: Uint8Array): SctpPacket | undefined => {
  if (bytes.length < commonHeader + initChunk) return undefined
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  const sum = view.getUint32(8, true)
  view.setUint32(8, 0)
  if (crc32c(copy) !== sum) return undefined
  const type = view.getUint8(12)
  if (type !== chunkTypes.init && type !== chunkTypes['init-ack']) return undefined
  const hasCookie = copy.length >= 36 && view.getUint16(32) === STATE_COOKIE
  return {
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    verificationTag: view.getUint32(4),
    kind: type === chunkTypes.init ? 'init' : 'init-ack',
    initiateTag: view.getUint32(16),
    ...(hasCookie ? { cookie: new TextDecoder().decode(copy.subarray(36, 32 + view.getUint16(34))) } : {}),
  }
}
