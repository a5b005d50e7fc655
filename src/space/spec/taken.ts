/** Prefixes that are in use on the host, as the pool sees them. */

import { ipv4ToNumber } from '../../linux/net/ip.ts'

/** A prefix that is in use and what uses it, in words: `route dev eth0 table main`, `space web`. */
export type Taken = { prefix: string; why: string }

/** IPv4 addresses from `first` to `last`, both included, as numbers. */
export type Interval = { first: number; last: number }

/**
 * Whether a prefix keeps us from using addresses in it. IPv6 does not, and neither does a default route, nor half of
 * one: VPNs route 0.0.0.0/1 and 128.0.0.0/1 to win over the default route without replacing it.
 */
export function countsAsTaken(taken: Taken): boolean {
  return !taken.prefix.includes(':') && !/\/[01]$/.test(taken.prefix)
}

/** The addresses of an IPv4 prefix, host bits or not; a bare address is one address. Throws RangeError if malformed. */
export function intervalOf(prefix: string): Interval {
  const slash = prefix.indexOf('/')
  const value = ipv4ToNumber(slash < 0 ? prefix : prefix.slice(0, slash))
  const digits = slash < 0 ? '32' : prefix.slice(slash + 1)
  const length = Number(digits)
  if (value === undefined || !/^[0-9]{1,2}$/.test(digits) || length > 32) {
    throw new RangeError(`Cannot read IPv4 prefix: ${JSON.stringify(prefix)}`)
  }
  const size = 2 ** (32 - length)
  const first = value - (value % size)
  return { first, last: first + size - 1 }
}

/** Whether all of `inner` lies in `outer`; both IPv4. */
export function covers(outer: Interval, inner: Interval): boolean {
  return outer.first <= inner.first && inner.last <= outer.last
}
