import { formatIp, parseIp } from '../net/ip.ts'
import { formatMac } from '../net/mac.ts'
import { type Codec, DecodeError, EncodeError } from './codec.ts'
import { littleEndian, type Writer } from './writer.ts'

/** Codecs of single values. The byte order is part of the name: `u32` is the machine's, `be32` the network's. */

const fixed = <T>(
  size: number,
  read: (bytes: Uint8Array, start: number) => T,
  encode: (writer: Writer, value: T) => void,
): Codec<T> & { size: number } => ({
  size,
  encode,
  decode(bytes, start, end) {
    if (end - start !== size) throw new DecodeError(`expected ${size} bytes, found ${end - start}`)
    return read(bytes, start)
  },
})

// Bytes are put together here and not by a DataView, of which each read would need a new one.
const two = (high: number | undefined, low: number | undefined): number =>
  ((high as number) << 8) | (low as number)

/** A 32-bit integer in network byte order. */
const fourBig = (bytes: Uint8Array, at: number): number =>
  ((two(bytes[at], bytes[at + 1]) << 16) | two(bytes[at + 2], bytes[at + 3])) >>> 0

const fourLittle = (bytes: Uint8Array, at: number): number =>
  ((two(bytes[at + 3], bytes[at + 2]) << 16) | two(bytes[at + 1], bytes[at])) >>> 0

const fourNative = littleEndian ? fourLittle : fourBig
const twoNative = littleEndian
  ? (bytes: Uint8Array, at: number) => two(bytes[at + 1], bytes[at])
  : (bytes: Uint8Array, at: number) => two(bytes[at], bytes[at + 1])

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const integer = (bits: number, write: (writer: Writer, value: number) => void) => {
  const limit = 2 ** bits
  return (writer: Writer, value: number) => {
    if (!Number.isInteger(value) || value < 0 || value >= limit)
      throw new EncodeError(`${value} is no unsigned ${bits}-bit integer`)
    write(writer, value)
  }
}

const bigInteger = (write: (writer: Writer, value: bigint) => void) => (writer: Writer, value: bigint) => {
  if (value < 0n || value >= 1n << 64n) throw new EncodeError(`${value} is no unsigned 64-bit integer`)
  write(writer, value)
}

export const u8 = fixed<number>(
  1,
  (bytes, start) => bytes[start] as number,
  integer(8, (writer, value) => writer.u8(value)),
)
export const u16 = fixed<number>(
  2,
  twoNative,
  integer(16, (writer, value) => writer.u16(value)),
)
export const u32 = fixed<number>(
  4,
  fourNative,
  integer(32, (writer, value) => writer.u32(value)),
)
export const i32 = fixed<number>(
  4,
  (bytes, start) => fourNative(bytes, start) | 0,
  (writer, value) => {
    if ((value | 0) !== value) throw new EncodeError(`${value} is no signed 32-bit integer`)
    writer.u32(value >>> 0)
  },
)
export const u64 = fixed<bigint>(
  8,
  (bytes, start) => viewOf(bytes).getBigUint64(start, littleEndian),
  bigInteger((writer, value) => writer.u64(value)),
)
export const be16 = fixed<number>(
  2,
  (bytes, start) => two(bytes[start], bytes[start + 1]),
  integer(16, (writer, value) => writer.be16(value)),
)
export const be32 = fixed<number>(
  4,
  fourBig,
  integer(32, (writer, value) => writer.be32(value)),
)
export const be64 = fixed<bigint>(
  8,
  (bytes, start) => viewOf(bytes).getBigUint64(start),
  bigInteger((writer, value) => writer.be64(value)),
)

/** An attribute whose presence is the message (NLA_FLAG): no payload. */
export const flag: Codec<true> = {
  encode() {},
  decode(_bytes, start, end) {
    if (end !== start) throw new DecodeError(`expected no payload, found ${end - start} bytes`)
    return true
  },
}

// Names are compared, so no byte may vanish: a decoder left to itself would drop a byte order mark at the start.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

const textOf = (bytes: Uint8Array, start: number, end: number): string => {
  let stop = start
  while (stop < end && bytes[stop] !== 0) stop++
  return decoder.decode(bytes.subarray(start, stop))
}

/** A string with its terminating NUL (NLA_NUL_STRING, and most NLA_STRING attributes); reading stops at the first NUL. */
export const cstring: Codec<string> = {
  encode(writer, value) {
    if (value.includes('\0')) throw new EncodeError('a string for the kernel cannot hold a NUL byte')
    writer.raw(encoder.encode(value))
    writer.u8(0)
  },
  decode: textOf,
}

/** A copy of the payload, whatever it is. */
export const bytes: Codec<Uint8Array> = {
  encode(writer, value) {
    writer.raw(value)
  },
  // Not `slice`: that of a Buffer is a view.
  decode: (source, start, end) => new Uint8Array(source.subarray(start, end)),
}

/** An IPv4 or IPv6 address as its canonical text; the length tells the family. */
export const ip: Codec<string> = {
  encode(writer, value) {
    const address = parseIp(value)
    if (address === undefined) throw new EncodeError(`${JSON.stringify(value)} is no IP address`)
    writer.raw(address)
  },
  decode(source, start, end) {
    if (end - start !== 4 && end - start !== 16)
      throw new DecodeError(`expected an address of 4 or 16 bytes, found ${end - start}`)
    return formatIp(source.subarray(start, end))
  },
}

/** A link-layer address as text: Ethernet's six bytes, or any other length a link type has (tunnels: 4 or 16; none: 0). */
export const linkAddress: Codec<string> = {
  encode(writer, value) {
    if (!/^([0-9a-f]{2}(:[0-9a-f]{2})*)?$/i.test(value))
      throw new EncodeError(`${JSON.stringify(value)} is no link-layer address`)
    writer.raw(Uint8Array.from(value === '' ? [] : value.split(':'), part => Number.parseInt(part, 16)))
  },
  decode: (source, start, end) => formatMac(source.subarray(start, end)),
}
