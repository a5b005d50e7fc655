/**
 * IP addresses. In our data an address is its canonical string: dotted quad for IPv4, RFC 5952 for IPv6
 * (lower case, no leading zeros, the longest run of zero groups as `::`, IPv4-mapped addresses in mixed notation),
 * so two addresses are equal exactly when their strings are. Bytes exist only at the edge of the kernel.
 */

export type IpFamily = 4 | 6

const DOT = 0x2e
const ZERO = 0x30

/**
 * Bytes of an address in network order, 4 or 16 of them, or undefined if `text` is not exactly one address.
 * Stricter than inet_aton(3): four decimal parts without leading zeros (which some readers take for octal), no
 * abbreviated forms; IPv6 as in RFC 4291 section 2.2, without a zone id.
 */
export function parseIp(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined // the longest legal text, a full IPv6 address with an IPv4 tail
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** IPv4 as a number of 0..2^32-1: the fast form for arithmetic. Undefined if `text` is not a strict dotted quad. */
export function ipv4ToNumber(text: string): number | undefined {
  let value = 0
  let part = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (part < 0 || ++dots > 3) return undefined
      value = value * 256 + part
      part = -1
      continue
    }
    const digit = code - ZERO
    if (digit < 0 || digit > 9 || part === 0) return undefined
    part = part < 0 ? digit : part * 10 + digit
    if (part > 255) return undefined
  }
  return dots === 3 && part >= 0 ? value * 256 + part : undefined
}

/** Dotted quad of a number of 0..2^32-1. Higher bits are cut off. */
export function numberToIpv4(value: number): string {
  return `${(value >>> 24) & 255}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

function parseIpv4(text: string): Uint8Array | undefined {
  const value = ipv4ToNumber(text)
  if (value === undefined) return undefined
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

function parseIpv6(text: string): Uint8Array | undefined {
  const gap = text.indexOf('::')
  const head = groups(gap < 0 ? text : text.slice(0, gap), gap < 0)
  if (head === undefined) return undefined
  if (gap < 0) return head.length === 16 ? Uint8Array.from(head) : undefined
  const tail = groups(text.slice(gap + 2), true)
  // RFC 5952 section 4.2.2 forbids writing `::` for one group, but RFC 4291 lets a reader accept it.
  if (tail === undefined || head.length + tail.length > 14) return undefined
  const bytes = new Uint8Array(16)
  bytes.set(head, 0)
  bytes.set(tail, 16 - tail.length)
  return bytes
}

/** Bytes of the colon-separated groups of `text`; only the last part of an address may end as a dotted quad. */
function groups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  const bytes: number[] = []
  if (text === '') return bytes
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      const group = Number.parseInt(part, 16)
      bytes.push(group >> 8, group & 255)
      continue
    }
    const tail = mayEndInIpv4 && i === parts.length - 1 ? parseIpv4(part) : undefined
    if (tail === undefined) return undefined
    bytes.push(...tail)
  }
  return bytes
}

/**
 * Canonical text of 4 or 16 bytes in network order. A length check belongs to the codec that cut the bytes out of a
 * message; any other length here is a mistake of the caller and throws RangeError.
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  if (bytes.length !== 16) throw new RangeError(`Cannot format an address: ${bytes.length} bytes`)
  const words: number[] = []
  for (let i = 0; i < 16; i += 2) words.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0))
  if (words[5] === 0xffff && words.slice(0, 5).every(word => word === 0)) {
    return `::ffff:${formatIp(bytes.subarray(12))}`
  }
  const { start, length } = longestZeroRun(words)
  const hex = words.map(word => word.toString(16))
  if (length < 2) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** The longest run of zero words, the first of equals (RFC 5952 section 4.2.3). */
function longestZeroRun(words: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let length = 0
  for (const [i, word] of words.entries()) {
    length = word === 0 ? length + 1 : 0
    if (length > best.length) best = { start: i - length + 1, length }
  }
  return best
}

/** 4, 6, or undefined if `text` is not an address. */
export function ipFamily(text: string): IpFamily | undefined {
  const bytes = parseIp(text)
  if (bytes === undefined) return undefined
  return bytes.length === 4 ? 4 : 6
}

/** The canonical form of an address, or undefined if `text` is not one: `FD00:0::1` becomes `fd00::1`. */
export function canonicalIp(text: string): string | undefined {
  const bytes = parseIp(text)
  return bytes === undefined ? undefined : formatIp(bytes)
}

/** An IPv4 address that is written as one of IPv6 (RFC 4291, section 2.5.5.2) means packets of IPv4: `::ffff:192.0.2.1`. */
export function unmappedIp(canonical: string): string {
  return canonical.startsWith('::ffff:') && canonical.includes('.')
    ? canonical.slice('::ffff:'.length)
    : canonical
}

/** The address as an unsigned integer of 32 or 128 bits, or undefined if `text` is not an address. */
export function ipToBigInt(text: string): bigint | undefined {
  const bytes = parseIp(text)
  if (bytes === undefined) return undefined
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return value
}

/** Canonical address of an unsigned integer, or undefined if it does not fit the family. */
export function bigIntToIp(value: bigint, family: IpFamily): string | undefined {
  const length = family === 4 ? 4 : 16
  if (value < 0n || value >> BigInt(length * 8) !== 0n) return undefined
  const bytes = new Uint8Array(length)
  let rest = value
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 255n)
    rest >>= 8n
  }
  return formatIp(bytes)
}

/** 127.0.0.0/8 or ::1; an IPv4-mapped address is judged by its IPv4 part. False for what is not an address. */
export function isLoopback(text: string): boolean {
  return judge(
    text,
    ipv4 => ipv4[0] === 127,
    ipv6 => ipv6[15] === 1 && ipv6.subarray(0, 15).every(isZero),
  )
}

/** 224.0.0.0/4 or ff00::/8. False for what is not an address. */
export function isMulticast(text: string): boolean {
  return judge(
    text,
    ipv4 => ((ipv4[0] ?? 0) & 0xf0) === 0xe0,
    ipv6 => ipv6[0] === 0xff,
  )
}

/** 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291): addresses that no router forwards. */
export function isLinkLocal(text: string): boolean {
  return judge(
    text,
    ipv4 => ipv4[0] === 169 && ipv4[1] === 254,
    ipv6 => ipv6[0] === 0xfe && ((ipv6[1] ?? 0) & 0xc0) === 0x80,
  )
}

/** 0.0.0.0 or `::`. False for what is not an address. */
export function isUnspecified(text: string): boolean {
  return judge(
    text,
    ipv4 => ipv4.every(isZero),
    ipv6 => ipv6.every(isZero),
  )
}

const isZero = (byte: number): boolean => byte === 0

function judge(
  text: string,
  ofIpv4: (b: Uint8Array) => boolean,
  ofIpv6: (b: Uint8Array) => boolean,
): boolean {
  const bytes = parseIp(text)
  if (bytes === undefined) return false
  if (bytes.length === 4) return ofIpv4(bytes)
  const mapped = bytes[10] === 255 && bytes[11] === 255 && bytes.subarray(0, 10).every(isZero)
  return mapped ? ofIpv4(bytes.subarray(12)) : ofIpv6(bytes)
}
