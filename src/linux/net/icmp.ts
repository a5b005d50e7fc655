import { internetChecksum } from './checksum.ts'
import { formatIp } from './ip.ts'

/**
 * ICMP echo (RFC 792): what ping sends and receives. The identifier is what a NAT keys its translation on, and may
 * change, where TCP and UDP have their ports (RFC 5508 section 3.1).
 */
export type Echo = {
  type: 'request' | 'reply'
  /** 0..65535. */
  identifier: number
  /** 0..65535. */
  sequence: number
  payload: Uint8Array
}

/** An echo as it came: with the addresses of its IPv4 header. */
export type EchoPacket = Echo & { source: string; destination: string }

const typeNumber = { reply: 0, request: 8 } as const
const headerSize = 8
const IPPROTO_ICMP = 1

/** The ICMP message, checksum included, without an IP header (the kernel makes that). */
export function encodeEcho({ type, identifier, sequence, payload }: Echo): Uint8Array {
  const bytes = new Uint8Array(headerSize + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, typeNumber[type])
  view.setUint16(4, identifier)
  view.setUint16(6, sequence)
  bytes.set(payload, headerSize)
  view.setUint16(2, internetChecksum(bytes))
  return bytes
}

/** An ICMP message as an echo; undefined when it is another message, cut short, or its checksum is wrong. */
export function decodeEcho(bytes: Uint8Array): Echo | undefined {
  if (bytes.length < headerSize || internetChecksum(bytes) !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const number = view.getUint8(0)
  const type = number === typeNumber.request ? 'request' : number === typeNumber.reply ? 'reply' : undefined
  if (type === undefined || view.getUint8(1) !== 0) return undefined
  return {
    type,
    identifier: view.getUint16(4),
    sequence: view.getUint16(6),
    payload: bytes.slice(headerSize),
  }
}

/** What a raw ICMP socket receives: an IPv4 packet (RFC 791). Undefined when it holds no whole echo. */
export function decodeEchoPacket(bytes: Uint8Array): EchoPacket | undefined {
  const size = ((bytes[0] ?? 0) & 0x0f) * 4
  if ((bytes[0] ?? 0) >> 4 !== 4 || size < 20 || bytes.length < size || bytes[9] !== IPPROTO_ICMP)
    return undefined
  const echo = decodeEcho(bytes.subarray(size))
  if (echo === undefined) return undefined
  return { ...echo, source: formatIp(bytes.subarray(12, 16)), destination: formatIp(bytes.subarray(16, 20)) }
}
