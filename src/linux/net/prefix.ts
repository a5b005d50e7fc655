/**
 * Prefixes as strings, `ADDRESS/LENGTH`. The address may carry host bits (`192.168.45.2/24` is how an interface's
 * address is written); `networkOf` clears them.
 */

import { bigIntToIp, canonicalIp, type IpFamily, ipToBigInt } from './ip.ts'

/** A prefix in parts: `address` canonical and with its host bits, `length` 0..32 or 0..128. */
export type Prefix = { address: string; length: number; family: IpFamily }

/** First and last address of a prefix as unsigned integers, both included. */
export type PrefixRange = { first: bigint; last: bigint; family: IpFamily }

const bitsOf = (family: IpFamily): number => (family === 4 ? 32 : 128)

/** Parts of `ADDRESS/LENGTH`, or undefined. The length is decimal without leading zeros; it is not optional. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = canonicalIp(text.slice(0, slash))
  const digits = text.slice(slash + 1)
  if (address === undefined || !/^(0|[1-9][0-9]{0,2})$/.test(digits)) return undefined
  const length = Number(digits)
  const family = address.includes(':') ? 6 : 4
  return length > bitsOf(family) ? undefined : { address, length, family }
}

/** `ADDRESS/LENGTH` of the parts. The inverse of `parsePrefix`. */
export function formatPrefix(prefix: { address: string; length: number }): string {
  return `${prefix.address}/${prefix.length}`
}

/** First and last address of the prefix's network, or undefined if `text` is not a prefix. */
export function prefixRange(text: string): PrefixRange | undefined {
  const prefix = parsePrefix(text)
  const value = prefix === undefined ? undefined : ipToBigInt(prefix.address)
  if (prefix === undefined || value === undefined) return undefined
  const hostBits = BigInt(bitsOf(prefix.family) - prefix.length)
  const first = (value >> hostBits) << hostBits
  return { first, last: first + (1n << hostBits) - 1n, family: prefix.family }
}

/** The prefix with its host bits cleared: `192.168.45.2/24` becomes `192.168.45.0/24`. */
export function networkOf(text: string): string | undefined {
  const first = firstAddress(text)
  return first === undefined ? undefined : `${first}${text.slice(text.indexOf('/'))}`
}

/** The address with all host bits 0: of an IPv4 subnet, the network address, which no host may use. */
export function firstAddress(text: string): string | undefined {
  const range = prefixRange(text)
  return range && bigIntToIp(range.first, range.family)
}

/** The address with all host bits 1: of an IPv4 subnet, the directed broadcast address. */
export function lastAddress(text: string): string | undefined {
  const range = prefixRange(text)
  return range && bigIntToIp(range.last, range.family)
}

/** Whether all of `inner`, an address or a prefix, lies in `outer`. False if either is malformed or families differ. */
export function prefixContains(outer: string, inner: string): boolean {
  const a = prefixRange(outer)
  const b = prefixRange(inner.includes('/') ? inner : `${inner}/${inner.includes(':') ? 128 : 32}`)
  return a !== undefined && b !== undefined && a.family === b.family && a.first <= b.first && b.last <= a.last
}

/** Whether two prefixes share an address. False if either is malformed or the families differ. */
export function prefixesOverlap(one: string, other: string): boolean {
  const a = prefixRange(one)
  const b = prefixRange(other)
  return a !== undefined && b !== undefined && a.family === b.family && a.first <= b.last && b.first <= a.last
}

/** IPv4 netmask of a length of 0..32, as ifconfig(8) writes it: 24 is `255.255.255.0`. Undefined out of range. */
export function netmask(length: number): string | undefined {
  if (!Number.isInteger(length) || length < 0 || length > 32) return undefined
  const ones = (1n << BigInt(length)) - 1n
  return bigIntToIp(ones << BigInt(32 - length), 4)
}
