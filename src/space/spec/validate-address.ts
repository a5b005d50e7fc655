/** Checks of a space's two addresses, each alone and as ends of one cable. */

import { canonicalIp, isLinkLocal, isLoopback, isMulticast } from '../../linux/net/ip.ts'
import {
  firstAddress,
  formatPrefix,
  lastAddress,
  networkOf,
  parsePrefix,
  prefixContains,
} from '../../linux/net/prefix.ts'
import { badValue, type Site, type SiteOf } from './fault.ts'
import { quote } from './quote.ts'
import type { SpaceSpec } from './types.ts'

/** Lengths of the shared subnet: no shorter than the largest private network; /31 is RFC 3021's two-address link. */
const LENGTH = { least: 8, most: 31 } as const

/** The canonical inner address. Throws NatspaceError BAD_ADDRESS. */
export function parseAddress(text: string, site: Site): string {
  const refuse = (why: string, fix: string): Error =>
    badValue({ code: 'BAD_ADDRESS', site, value: text, why, fix: [fix] })
  const prefix = parsePrefix(text)
  if (prefix?.family === 4) {
    throw refuse(
      'the prefix length belongs to the gateway',
      `write ${prefix.address}, and the length with the gateway`,
    )
  }
  const address = canonicalIp(text)
  if (address === undefined)
    throw refuse('it is not an IPv4 address', "write an address such as '192.168.45.3'")
  if (address.includes(':')) throw refuse('it is an IPv6 address', 'write an IPv4 address')
  const why = unusable(address)
  if (why !== undefined) throw refuse(why, "use a private address such as '192.168.45.3'")
  return address
}

/** The canonical `A/LEN` of the host end. Throws NatspaceError BAD_GATEWAY. */
export function parseGateway(text: string, site: Site): string {
  const refuse = (why: string, fix: string): Error =>
    badValue({ code: 'BAD_GATEWAY', site, value: text, why, fix: [fix] })
  const example = "write the host end and its length, such as '192.168.45.2/24'"
  const bare = canonicalIp(text)
  if (bare !== undefined && !bare.includes(':'))
    throw refuse('the prefix length is missing', `write ${bare}/24 or another length`)
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw refuse('it is not an IPv4 address with a prefix length', example)
  if (prefix.family === 6) throw refuse('it is an IPv6 prefix', example)
  const why = unusable(prefix.address)
  if (why !== undefined) throw refuse(why, example)
  if (prefix.length < LENGTH.least || prefix.length > LENGTH.most) {
    throw refuse(
      prefix.length > LENGTH.most
        ? 'a /32 has no room for the address inside'
        : `the subnet is too large: it would take over addresses of other networks`,
      `use a prefix length of ${LENGTH.least} to ${LENGTH.most}, such as /24 or /30`,
    )
  }
  const canonical = formatPrefix(prefix)
  const role = specialRole(canonical, prefix.address)
  if (role !== undefined) throw refuse(role, `use another address of ${networkOf(canonical)}`)
  return canonical
}

/**
 * Whether address and gateway, each right by itself, are two hosts of one subnet. Throws NatspaceError
 * ADDRESS_IS_GATEWAY, ADDRESS_OUTSIDE_GATEWAY_NETWORK or BAD_ADDRESS.
 */
export function checkPair(spec: SpaceSpec, siteOf: SiteOf): void {
  const { address, gateway } = spec
  if (address === undefined || gateway === undefined) return
  const network = networkOf(gateway) ?? gateway
  const refuse = (code: string, why: string): Error =>
    badValue({
      code,
      site: siteOf(['address']),
      value: address,
      why,
      evidence: [
        `the gateway is ${gateway}, its network ${firstAddress(network)} to ${lastAddress(network)}`,
      ],
      fix: [`use another address of ${network}, or leave it out`],
    })
  if (`${address}/` === gateway.slice(0, address.length + 1)) {
    throw refuse('ADDRESS_IS_GATEWAY', 'it is the host end of the cable already')
  }
  if (!prefixContains(network, address)) {
    throw refuse('ADDRESS_OUTSIDE_GATEWAY_NETWORK', `it is not in the gateway's network ${quote(network)}`)
  }
  const role = specialRole(network, address)
  if (role !== undefined) throw refuse('BAD_ADDRESS', role)
}

/** Why a host of this subnet cannot have this address, or undefined. A /31 has neither network nor broadcast address. */
export function specialRole(prefix: string, address: string): string | undefined {
  const length = parsePrefix(prefix)?.length ?? 0
  if (length > 30) return undefined
  if (address === firstAddress(prefix))
    return `it is the network address of ${networkOf(prefix)}, which no host can have`
  if (address === lastAddress(prefix))
    return `it is the broadcast address of ${networkOf(prefix)}, which no host can have`
  return undefined
}

/** Why no host can be reached through NAT at this IPv4 address, or undefined. */
function unusable(address: string): string | undefined {
  const first = Number(address.slice(0, address.indexOf('.')))
  if (first === 0) return "addresses of 0.0.0.0/8 mean 'this network' and name no host"
  if (isLoopback(address)) return 'it is a loopback address, which never leaves its own namespace'
  if (isLinkLocal(address)) return 'it is a link-local address, which routers do not forward'
  if (isMulticast(address)) return 'it is a multicast address'
  if (first >= 240) return 'addresses of 240.0.0.0/4 are reserved'
  return undefined
}
