import { type ChecksumState, checkTransport } from './checksum.ts'
import { cutShort, type Layer, type Place, place, pushData } from './layer.ts'
import { after, bytesAt, holds, present, type Slice, u8, u16, u32 } from './slice.ts'
import type { Carrier } from './transport.ts'

/** Bits of `flags` (RFC 9293 section 3.1, RFC 3168, RFC 9768). */
export const tcpFlags = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
  ae: 0x100,
} as const

/** Options of a TCP header: RFC 9293, RFC 7323 (scale, timestamps), RFC 2018 (SACK); others by number. */
export type TcpOption =
  | { kind: 'no-operation' }
  | { kind: 'mss'; value: number }
  | { kind: 'window-scale'; value: number }
  | { kind: 'sack-permitted' }
  | { kind: 'sack'; blocks: { left: number; right: number }[] }
  | { kind: 'timestamps'; value: number; echo: number }
  | { kind: 'other'; number: number; data: Uint8Array }

/** A TCP header (RFC 9293). What a cut packet lacks of it is undefined: an ICMP error may quote only the first 8 bytes. */
export type Tcp = Place & {
  type: 'tcp'
  sourcePort: number
  destinationPort: number
  sequence: number | undefined
  acknowledgement: number | undefined
  flags: number | undefined
  /** As on the wire, not scaled. */
  window: number | undefined
  urgentPointer: number | undefined
  checksum: ChecksumState
  options: TcpOption[]
  /** Bytes of data that this segment carries on the wire; undefined where the header's length is not known. */
  dataLength: number | undefined
}

/** Reads a TCP segment. */
export const decodeTcp = (slice: Slice, layers: Layer[], { pseudo, quoted }: Carrier): void => {
  if (!holds(slice, 4)) {
    layers.push(cutShort(slice, 'tcp', 20))
    return
  }
  const ports = { sourcePort: u16(slice, 0), destinationPort: u16(slice, 2) }
  if (!holds(slice, 20)) {
    layers.push({
      type: 'tcp',
      ...place(slice, 20),
      ...ports,
      sequence: holds(slice, 8) ? u32(slice, 4) : undefined,
      acknowledgement: holds(slice, 12) ? u32(slice, 8) : undefined,
      flags: holds(slice, 14) ? u16(slice, 12) & 0x1ff : undefined,
      window: holds(slice, 16) ? u16(slice, 14) : undefined,
      urgentPointer: undefined,
      checksum: 'unchecked',
      options: [],
      dataLength: undefined,
    })
    if (!quoted) layers.push(cutShort(after(slice, present(slice)), 'tcp', 20 - present(slice)))
    return
  }
  const headerLength = (u8(slice, 12) >> 4) * 4
  const fits = headerLength >= 20 && headerLength <= slice.whole - slice.at
  layers.push({
    type: 'tcp',
    ...place(slice, fits ? headerLength : 20),
    ...ports,
    sequence: u32(slice, 4),
    acknowledgement: u32(slice, 8),
    flags: u16(slice, 12) & 0x1ff,
    window: u16(slice, 14),
    urgentPointer: u16(slice, 18),
    checksum: quoted ? 'unchecked' : checkTransport(slice, u16(slice, 16), pseudo),
    options: fits ? optionsOf(bytesAt(slice, 20, headerLength - 20)) : [],
    dataLength: fits ? slice.whole - slice.at - headerLength : undefined,
  })
  if (fits) pushData(layers, after(slice, headerLength))
  else if (!quoted)
    layers.push({
      type: 'malformed',
      ...place(after(slice, 20), 0),
      of: 'tcp',
      reason: `a header of ${headerLength} bytes`,
    })
}

const optionsOf = (bytes: Uint8Array): TcpOption[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const options: TcpOption[] = []
  for (let at = 0; at < bytes.length; ) {
    const number = view.getUint8(at)
    if (number === 0) break
    if (number === 1) {
      options.push({ kind: 'no-operation' })
      at++
      continue
    }
    const length = bytes[at + 1] ?? 0
    if (length < 2 || at + length > bytes.length) break
    options.push(optionOf(number, view, at + 2, length - 2))
    at += length
  }
  return options
}

const optionOf = (number: number, view: DataView, at: number, size: number): TcpOption => {
  if (number === 2 && size === 2) return { kind: 'mss', value: view.getUint16(at) }
  if (number === 3 && size === 1) return { kind: 'window-scale', value: view.getUint8(at) }
  if (number === 4 && size === 0) return { kind: 'sack-permitted' }
  if (number === 8 && size === 8)
    return { kind: 'timestamps', value: view.getUint32(at), echo: view.getUint32(at + 4) }
  if (number === 5 && size % 8 === 0) {
    const blocks = Array.from({ length: size / 8 }, (_, index) => ({
      left: view.getUint32(at + index * 8),
      right: view.getUint32(at + index * 8 + 4),
    }))
    return { kind: 'sack', blocks }
  }
  return { kind: 'other', number, data: new Uint8Array(view.buffer, view.byteOffset + at, size).slice() }
}
