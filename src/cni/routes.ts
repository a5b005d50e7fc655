/** The routes of a network (CNI specification 1.1.0, section 5, "routes"): what a container gets to by its gateways. */

import { canonicalIp } from '../linux/net/ip.ts'
import { routeScope, routeTable } from '../linux/rtnetlink/route.ts'
import type { SpaceRoute } from '../space/spec/types.ts'
import { badField, type Fields, unsupported } from './fields.ts'
import { networkIn } from './network-text.ts'

/**
 * Reads a list of routes; `gateways` are those that the container has, of either family. Throws CniError 2 for a way that
 * does not exist in a container with one cable, 7 for what is no route.
 */
export const parseRoutes = (routes: readonly Fields[], gateways: readonly string[]): SpaceRoute[] => {
  const parsed = routes.map(route => parseRoute(route, gateways))
  const keyOf = ({ destination, priority, table }: SpaceRoute) => [destination, priority, table].join(' ')
  return [...new Map(parsed.map(route => [keyOf(route), route])).values()]
}

const parseRoute = (fields: Fields, gateways: readonly string[]): SpaceRoute => {
  fields.allow('dst', 'gw', 'mtu', 'advmss', 'priority', 'table', 'scope')
  const destination = destinationOf(fields)
  const isIpv6 = destination.includes(':')
  if (!gateways.some(gateway => gateway.includes(':') === isIpv6))
    throw badField(fields.at('dst'), destination, `the container gets no address of IPv${isIpv6 ? 6 : 4}`)
  const gateway = gatewayOf(fields, gateways, isIpv6)
  const isOnLink = onLink(fields)
  if (isOnLink && gateway !== undefined)
    throw badField(fields.at('gw'), gateway, 'a route of the scope link (253) has no gateway')
  const table = fields.number('table', 0, 0xffff_ffff)
  if (table === routeTable.local)
    throw unsupported(fields.at('table'), table, 'that table is what the kernel has for addresses of its own')
  return {
    destination,
    ...(gateway === undefined ? {} : { gateway }),
    ...(isOnLink ? { isOnLink } : {}),
    // 0 is how a program in Go writes that nothing is asked for.
    ...given('priority', fields.number('priority', 0, 0xffff_ffff)),
    ...given('table', table),
    ...given('mtu', fields.number('mtu', 0, 65_535)),
    ...given('advertisedMss', fields.number('advmss', 0, 65_535)),
  }
}

const given = <K extends keyof SpaceRoute>(key: K, value: number | undefined): { [P in K]?: number } =>
  value ? ({ [key]: value } as { [P in K]: number }) : {}

const destinationOf = (fields: Fields): string => {
  const text = fields.text('dst') ?? ''
  const network = networkIn(text)
  if (network !== undefined) return network
  throw badField(fields.at('dst'), text, 'it must be a network such as 0.0.0.0/0')
}

const gatewayOf = (fields: Fields, gateways: readonly string[], isIpv6: boolean): string | undefined => {
  const text = fields.text('gw')
  const gateway = text === undefined ? undefined : canonicalIp(text)
  if (text === undefined) return undefined
  if (gateway === undefined || gateway.includes(':') !== isIpv6)
    throw badField(fields.at('gw'), text, 'it must be an address of the family of dst')
  if (gateways.includes(gateway)) return gateway
  throw unsupported(fields.at('gw'), text, 'the only way out of a container is by its gateways')
}

const onLink = (fields: Fields): boolean => {
  const scope = fields.number('scope', 0, 255) ?? routeScope.universe
  if (scope === routeScope.universe) return false
  if (scope === routeScope.link) return true
  throw unsupported(fields.at('scope'), scope, 'natspace knows the scopes global (0) and link (253)')
}
