import { bigIntToIp, type IpFamily, ipFamily, ipToBigInt, parseIp } from '../net/ip.ts'
import { lastAddress, networkOf } from '../net/prefix.ts'
import { type Address, noPrefixRouteFlag } from '../rtnetlink/address.ts'
import { type Route, routeProtocol, routeTable, routeType } from '../rtnetlink/route.ts'
import { type FakeLink, hasCarrier } from './link.ts'

/** RT_SCOPE_*. */
export const scopes = { universe: 0, link: 253, host: 254 } as const
/** IFA_F_SECONDARY. */
export const secondary = 0x01
/** The metric of a route of IPv6 that named none, and of those that the kernel makes. */
export const metric6 = { user: 1024, kernel: 256 } as const

/**
 * The routes that the kernel makes for one address in the state its link is in. `others` are the IPv4 addresses of the
 * link: the first of a subnet is the source of all.
 */
export const kernelRoutes = (
  link: FakeLink,
  { family, address, prefixLength, flags }: Address,
  others: readonly Address[],
): Route[] => {
  const { index } = link
  const kernel = { protocol: routeProtocol.kernel }
  const prefix = networkOf(`${address}/${prefixLength}`) as string
  if (family === 6) {
    const own = { ...kernel, table: routeTable.local, priority: 0, type: routeType.local }
    const routes = [routeTo(6, `${address}/128`, index, own)]
    if (link.name === 'lo' || !hasCarrier(link)) return routes
    const metric = { ...kernel, priority: metric6.kernel }
    routes.push(
      routeTo(6, 'ff00::/8', index, { ...metric, table: routeTable.local, type: routeType.multicast }),
    )
    if (prefixLength < 128 && (flags & noPrefixRouteFlag) === 0)
      routes.push(routeTo(6, prefix, index, metric))
    return routes
  }
  const first =
    others.find(other => (other.flags & secondary) === 0 && isSameSubnet(other, address, prefixLength))
      ?.address ?? address
  const local = { ...kernel, table: routeTable.local, preferredSource: first }
  const own = { ...local, type: routeType.local, scope: scopes.host }
  const routes = [routeTo(4, `${address}/32`, index, own)]
  if (!link.up || (flags & secondary) !== 0 || prefixLength === 32) return routes
  if (link.name === 'lo') routes.push(routeTo(4, prefix, index, own))
  else if ((flags & noPrefixRouteFlag) === 0)
    routes.push(routeTo(4, prefix, index, { ...kernel, preferredSource: first, scope: scopes.link }))
  if (prefixLength < 31)
    routes.push(
      routeTo(4, `${lastAddress(prefix)}/32`, index, {
        ...local,
        type: routeType.broadcast,
        scope: scopes.link,
      }),
    )
  return routes
}

/** IPv4 is walked by the first address of a prefix, IPv6 by the last; the longest prefix first. */
export const positionOf = ({ family, destination }: Route): { place: bigint; length: number } => {
  const address = family === 4 ? destination.slice(0, destination.indexOf('/')) : lastAddress(destination)
  return {
    place: ipToBigInt(address ?? '') ?? 0n,
    length: Number(destination.slice(destination.indexOf('/') + 1)),
  }
}

/** The fields of an address but its flags. */
export const item = (index: number, address: string, prefixLength: number, scope: number) => ({
  index,
  family: ipFamily(address) ?? 4,
  address,
  prefixLength,
  scope,
})

/** Of IPv6, by the address. */
export const scopeOf = (address: string): number => {
  const [first = 0, second = 0] = parseIp(address) ?? []
  return first === 0xfe && (second & 0xc0) === 0x80 ? scopes.link : scopes.universe
}

export const isSameSubnet = (one: Address, address: string, prefixLength: number): boolean =>
  one.family === ipFamily(address) &&
  one.prefixLength === prefixLength &&
  networkOf(`${one.address}/${prefixLength}`) === networkOf(`${address}/${prefixLength}`)

export const routeTo = (
  family: IpFamily,
  destination: string,
  outputIndex: number,
  rest: Partial<Route>,
): Route => ({
  family,
  destination,
  gateway: undefined,
  outputIndex,
  preferredSource: undefined,
  priority: undefined,
  table: routeTable.main,
  protocol: routeProtocol.boot,
  scope: scopes.universe,
  type: routeType.unicast,
  ...rest,
})

export const isSameRoute = (one: Route, other: Route): boolean =>
  one.destination === other.destination &&
  one.table === other.table &&
  one.type === other.type &&
  one.outputIndex === other.outputIndex &&
  one.preferredSource === other.preferredSource

/** The link-local address of a link-layer address: modified EUI-64 (RFC 4291, appendix A). */
export const linkLocalOf = (mac: string): string => {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map(part => Number.parseInt(part, 16))
  const bytes = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f]
  return bigIntToIp(
    bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n),
    6,
  ) as string
}
