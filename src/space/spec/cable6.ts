/**
 * The IPv6 addresses of a cable: unique local ones (RFC 4193), of a prefix that is this host's own. The last four bytes
 * are those of the IPv4 addresses, so that both have the same neighbours and no second pool is needed:
 * 10.200.0.1/30 becomes fdXX:XXXX:XXXX::ac8:1/126.
 */

import { bigIntToIp, canonicalIp, ipv4ToNumber } from '../../linux/net/ip.ts'
import { networkOf, prefixRange } from '../../linux/net/prefix.ts'
import type { Cable6, ResolvedSpace } from './types.ts'

/**
 * `fd` and a global id of 40 bits, as a /48. RFC 4193 wants it pseudo-random and the same ever after: it is a hash of
 * what tells this machine from others. `taken` are prefixes that something else here has a route to.
 */
export function localPrefix(machine: string, taken: readonly string[]): string {
  for (let attempt = 0; ; attempt++) {
    const id = hash40(`${machine} ${attempt}`)
    const first = (0xfdn << 120n) | (id << 80n)
    const prefix = `${bigIntToIp(first, 6)}/48`
    if (attempt === ATTEMPTS || !taken.some(other => overlaps(prefix, other))) return prefix
  }
}

/** Two hosts that meet get the same id once in 10^12 cases; so many attempts fail only where all of fd00::/8 is routed. */
const ATTEMPTS = 16

const overlaps = (one: string, other: string): boolean => {
  const [a, b] = [prefixRange(one), prefixRange(other)]
  return a !== undefined && b !== undefined && b.family === 6 && a.first <= b.last && b.first <= a.last
}

/** FNV-1a of 64 bits (RFC 9923), folded to 40. */
function hash40(text: string): bigint {
  let value = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(text))
    value = ((value ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  return (value >> 24n) & 0xffffffffffn
}

/** The addresses beside those of IPv4, in a prefix of this host. */
export function cable6(
  prefix: string,
  { gateway, address, prefixLength }: Pick<ResolvedSpace, 'gateway' | 'address' | 'prefixLength'>,
): Cable6 {
  const length = 96 + prefixLength
  const inside = (ipv4: string): string => {
    const first = prefixRange(prefix)?.first ?? 0n
    return canonicalIp(bigIntToIp(first + BigInt(ipv4ToNumber(ipv4) ?? 0), 6) ?? '') ?? ''
  }
  return {
    gateway: inside(gateway),
    address: inside(address),
    prefixLength: length,
    network: networkOf(`${inside(gateway)}/${length}`) ?? '',
  }
}
