/** Checks of a space's two IPv6 addresses, each alone and as ends of one cable: as validate-address.ts for IPv4. */

import { canonicalIp, isLinkLocal, isLoopback, isMulticast, isUnspecified } from '../../linux/net/ip.ts'
import { firstAddress, formatPrefix, networkOf, parsePrefix, prefixContains } from '../../linux/net/prefix.ts'
import { badValue, type Site, type SiteOf } from './fault.ts'
import { quote } from './quote.ts'
import type { SpaceSpec } from './types.ts'

/** Lengths of the shared subnet: no shorter than what one site has (RFC 6177); /127 is RFC 6164's two-address link. */
const LENGTH = { least: 48, most: 127 } as const

const EXAMPLE = 'fd00:45::3'

/** The canonical inner address. Throws NatspaceError BAD_ADDRESS. */
export function parseAddress6(text: string, site: Site): string {
  const refuse = (why: string, fix: string): Error =>
    badValue({ code: 'BAD_ADDRESS', site, value: text, why, fix: [fix] })
  const prefix = parsePrefix(text)
  if (text.includes('/') && prefix?.family === 6)
    throw refuse(
      'the prefix length belongs to the gateway',
      `write ${prefix.address}, and the length with the gateway`,
    )
  const address = canonicalIp(text)
  if (address === undefined)
    throw refuse('it is not an IPv6 address', `write an address such as '${EXAMPLE}'`)
  if (!address.includes(':')) throw refuse('it is an IPv4 address', 'write an IPv6 address')
  const why = unusable6(address)
  if (why !== undefined) throw refuse(why, `use a unique local address such as '${EXAMPLE}'`)
  return address
}

/** The canonical `A/LEN` of the host end. Throws NatspaceError BAD_GATEWAY. */
export function parseGateway6(text: string, site: Site): string {
  const refuse = (why: string, fix: string): Error =>
    badValue({ code: 'BAD_GATEWAY', site, value: text, why, fix: [fix] })
  const example = "write the host end and its length, such as 'fd00:45::2/64'"
  const bare = canonicalIp(text)
  if (bare?.includes(':')) throw refuse('the prefix length is missing', `write ${bare}/64 or another length`)
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw refuse('it is not an IPv6 address with a prefix length', example)
  if (prefix.family === 4) throw refuse('it is an IPv4 prefix', example)
  const why = unusable6(prefix.address)
  if (why !== undefined) throw refuse(why, example)
  if (prefix.length < LENGTH.least || prefix.length > LENGTH.most)
    throw refuse(
      prefix.length > LENGTH.most
        ? 'a /128 has no room for the address inside'
        : 'the subnet is too large: it would take over addresses of other networks',
      `use a prefix length of ${LENGTH.least} to ${LENGTH.most}, such as /64 or /126`,
    )
  const canonical = formatPrefix(prefix)
  const role = specialRole6(canonical, prefix.address)
  if (role !== undefined) throw refuse(role, `use another address of ${networkOf(canonical)}`)
  return canonical
}

/**
 * Whether address and gateway are two hosts of one subnet, and IPv6 is on. Throws NatspaceError ADDRESS_IS_GATEWAY,
 * ADDRESS_OUTSIDE_GATEWAY_NETWORK, BAD_ADDRESS or CONFLICTING_VALUES.
 */
export function checkPair6(spec: SpaceSpec, siteOf: SiteOf): void {
  const { address6, gateway6 } = spec
  const field = address6 === undefined ? 'gateway6' : 'address6'
  if (spec.ipv6 === 'off' && (address6 ?? gateway6) !== undefined)
    throw badValue({
      code: 'CONFLICTING_VALUES',
      site: siteOf([field]),
      value: address6 ?? gateway6 ?? '',
      why: 'the space is to have no IPv6',
      fix: [`leave out either ${field} or ipv6 off`],
    })
  if (address6 === undefined || gateway6 === undefined) return
  const network = networkOf(gateway6) ?? gateway6
  const refuse = (code: string, why: string): Error =>
    badValue({
      code,
      site: siteOf(['address6']),
      value: address6,
      why,
      evidence: [`the gateway is ${gateway6}, its network ${network}`],
      fix: [`use another address of ${network}, or leave it out`],
    })
  if (parsePrefix(gateway6)?.address === address6)
    throw refuse('ADDRESS_IS_GATEWAY', 'it is the host end of the cable already')
  if (!prefixContains(network, address6))
    throw refuse('ADDRESS_OUTSIDE_GATEWAY_NETWORK', `it is not in the gateway's network ${quote(network)}`)
  const role = specialRole6(network, address6)
  if (role !== undefined) throw refuse('BAD_ADDRESS', role)
}

/** Why a host of this subnet cannot have this address, or undefined. A /127 has no address of its own (RFC 6164). */
export function specialRole6(prefix: string, address: string): string | undefined {
  const length = parsePrefix(prefix)?.length ?? 0
  return length < 127 && address === firstAddress(prefix)
    ? `it means the routers of ${networkOf(prefix)} (RFC 4291, section 2.6.1), and no host`
    : undefined
}

/** Why no host can be reached through NAT at this IPv6 address, or undefined. */
function unusable6(address: string): string | undefined {
  if (isUnspecified(address)) return 'it is no address of a host'
  if (isLoopback(address)) return 'it is a loopback address, which never leaves its own namespace'
  if (isLinkLocal(address)) return 'it is a link-local address, which routers do not forward'
  if (isMulticast(address)) return 'it is a multicast address'
  if (/^::/.test(address))
    return 'addresses of ::/96 and IPv4 addresses written as those of IPv6 name no host of IPv6'
  return undefined
}
