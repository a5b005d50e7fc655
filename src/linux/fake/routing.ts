import type { Change } from '../change.ts'
import { type IpFamily, ipFamily } from '../net/ip.ts'
import { networkOf, prefixContains } from '../net/prefix.ts'
import { type Address, noPrefixRouteFlag } from '../rtnetlink/address.ts'
import { type Route, type RouteQuery, routeProtocol, routeTable, routeType } from '../rtnetlink/route.ts'
import { refusal } from './errors.ts'
import {
  isSameRoute,
  isSameSubnet,
  item,
  kernelRoutes,
  linkLocalOf,
  metric6,
  positionOf,
  routeTo,
  scopeOf,
  scopes,
  secondary,
} from './kernel-routes.ts'
import { type FakeLink, hasCarrier } from './link.ts'
import type { FakeNamespace } from './namespace.ts'
import { lookUp } from './route-look-up.ts'

type AddressChange = Extract<Change, { type: 'address.add' | 'address.delete' }>
type RouteChange = Extract<Change, { type: 'route.add' | 'route.delete' }>

const invalidGateway = 'Nexthop has invalid gateway'
const permanent = 0x80
const noDad = 0x02

/**
 * Addresses and routes of one namespace. Theory of operation: what the kernel adds by itself follows from the addresses
 * and the state of the links. An IPv4 address has a route of the table `local` from the moment it is there; the routes
 * to its subnet and its broadcast address exist while the link is up, and belong to the first address of that subnet
 * (the others are secondary, and go with it). When a link goes down all else that leaves by it goes too, and does not
 * come back; when it loses its last IPv4 address, as well. IPv6 forgets the addresses of a link that goes down, and
 * gives every link with a carrier a link-local address, unless `addr_gen_mode` or `disable_ipv6` says otherwise.
 */
export class FakeRouting {
  readonly #namespace: FakeNamespace
  addresses: Address[] = []
  routes: Route[] = []

  constructor(namespace: FakeNamespace) {
    this.#namespace = namespace
  }

  /** In the order of a dump: IPv4 before IPv6, by link, primary addresses before secondary ones. */
  listAddresses(): Address[] {
    const rank = (address: Address) => address.family * 2 ** 20 + address.index
    return this.addresses
      .map((address, position) => ({ address, position }))
      .sort(
        (a, b) =>
          rank(a.address) - rank(b.address) ||
          (a.address.flags & secondary) - (b.address.flags & secondary) ||
          a.position - b.position,
      )
      .map(({ address }) => ({ ...address }))
  }

  /** In the order of a dump: by family and table, then as the trie is walked: see `positionOf`. */
  listRoutes(): Route[] {
    return this.routes
      .map(route => ({ route: { ...route }, position: positionOf(route) }))
      .sort((one, other) => {
        const [a, b] = [one.position, other.position]
        return (
          one.route.family - other.route.family ||
          one.route.table - other.route.table ||
          (a.place < b.place ? -1 : a.place > b.place ? 1 : b.length - a.length)
        )
      })
      .map(({ route }) => route)
  }

  /** Throws NetlinkError ENODEV, EEXIST, EINVAL, EACCES. */
  addAddress({ index, address, prefixLength, noPrefixRoute }: AddressChange): void {
    const operation = 'RTM_NEWADDR'
    const family = ipFamily(address) ?? 4
    const asked = permanent | (noPrefixRoute ? noPrefixRouteFlag : 0)
    if (prefixLength > (family === 4 ? 32 : 128))
      throw refusal(operation, 'EINVAL', `${family === 4 ? 'ipv4' : 'IPv6'}: Invalid prefix length`)
    const link = this.#namespace.links.get(index)
    if (link === undefined) throw refusal(operation, 'ENODEV', 'Unable to find interface')
    if (family === 6 && !this.#hasIpv6(link))
      throw refusal(operation, 'EACCES', 'ipv6: IPv6 is disabled on this device')
    const others = this.#of(link, family)
    const taken = others.some(
      other => other.address === address && (family === 6 || other.prefixLength === prefixLength),
    )
    if (taken)
      throw refusal(
        operation,
        'EEXIST',
        family === 4 ? 'ipv4: Address already assigned' : 'ipv6: address already assigned',
      )
    const scope = scopeOf(address)
    if (family === 6)
      this.addresses.unshift({ ...item(index, address, prefixLength, scope), flags: asked | noDad })
    else {
      const isSecondary = others.some(other => isSameSubnet(other, address, prefixLength))
      const flags = isSecondary ? asked | secondary : asked
      this.addresses.push({ ...item(index, address, prefixLength, scope), flags })
      this.#namespace.sysctls.settle(link.name)
    }
    this.settle(link)
  }

  /** Throws NetlinkError ENODEV, EADDRNOTAVAIL. */
  deleteAddress({ index, address, prefixLength }: AddressChange): void {
    const operation = 'RTM_DELADDR'
    const family = ipFamily(address) ?? 4
    const link = this.#namespace.links.get(index)
    if (link === undefined) throw refusal(operation, 'ENODEV', 'Unable to find the interface')
    const found = this.#of(link, family).find(
      other => other.address === address && other.prefixLength === prefixLength,
    )
    if (found === undefined)
      throw refusal(
        operation,
        'EADDRNOTAVAIL',
        family === 4 ? 'ipv4: Address not found' : 'address not found',
      )
    const goes = (other: Address): boolean =>
      other === found ||
      (family === 4 &&
        (found.flags & secondary) === 0 &&
        (other.flags & secondary) !== 0 &&
        other.index === index &&
        isSameSubnet(other, address, prefixLength))
    this.addresses = this.addresses.filter(other => !goes(other))
    this.#dropKernelRoutes(link, family)
    if (family === 4 && this.#of(link, 4).length === 0)
      this.routes = this.routes.filter(route => route.family !== 4 || route.outputIndex !== index)
    this.settle(link)
  }

  /** Throws NetlinkError ENODEV, EEXIST, ENETUNREACH, ENETDOWN, EHOSTUNREACH, EINVAL. */
  addRoute({
    index,
    destination,
    gateway,
    local,
    preferredSource,
    priority,
    table = routeTable.main,
  }: RouteChange): void {
    const operation = 'RTM_NEWROUTE'
    const family = destination.includes(':') ? 6 : 4
    const prefix = networkOf(destination)
    if (prefix !== destination) throw refusal(operation, 'EINVAL', 'Invalid prefix for given prefix length')
    const link = this.#namespace.links.get(index)
    if (link === undefined)
      throw family === 4 && gateway !== undefined
        ? refusal(operation, 'ENETUNREACH', invalidGateway)
        : refusal(operation, 'ENODEV')
    if (family === 6 && !this.#hasIpv6(link))
      throw refusal(operation, 'EACCES', 'IPv6 is disabled on nexthop device')
    const isBroadcast = ({ type, outputIndex, destination: only }: Route): boolean =>
      type === routeType.broadcast && outputIndex === index && only === `${gateway}/32`
    if (this.routes.some(isBroadcast)) throw refusal(operation, 'EINVAL', invalidGateway)
    if (gateway !== undefined && !this.#reaches(link, gateway))
      throw family === 4
        ? refusal(operation, 'ENETUNREACH', invalidGateway)
        : refusal(operation, 'EHOSTUNREACH')
    if (!link.up)
      throw refusal(
        operation,
        'ENETDOWN',
        family === 4 ? 'Device for nexthop is not up' : 'Nexthop device is not up',
      )
    const route = routeTo(family, destination, index, {
      gateway,
      preferredSource,
      priority: priority ?? (family === 4 ? undefined : metric6.user),
      table,
      protocol: routeProtocol.boot,
      scope: family === 4 && gateway === undefined ? scopes.link : scopes.universe,
      ...(local === undefined
        ? {}
        : { table: routeTable.local, type: routeType.local, priority: local.priority }),
    })
    const taken = this.routes.some(
      other =>
        other.destination === destination && other.table === route.table && other.priority === route.priority,
    )
    if (taken) throw refusal(operation, 'EEXIST')
    this.routes.push(route)
  }

  /** Throws NetlinkError ESRCH, EINVAL. */
  deleteRoute({ index, destination, gateway, local, priority, table = routeTable.main }: RouteChange): void {
    if (networkOf(destination) !== destination)
      throw refusal('RTM_DELROUTE', 'EINVAL', 'Invalid prefix for given prefix length')
    const found = this.routes.find(
      route =>
        route.table === (local === undefined ? table : routeTable.local) &&
        route.destination === destination &&
        route.outputIndex === index &&
        (gateway === undefined || route.gateway === gateway) &&
        (priority === undefined || route.priority === priority),
    )
    if (found === undefined) throw refusal('RTM_DELROUTE', 'ESRCH')
    this.routes = this.routes.filter(route => route !== found)
  }

  /** Throws NetlinkError ENETUNREACH and others: see lookUp. */
  lookUp(query: RouteQuery): Route {
    return lookUp(this.#namespace, query)
  }

  /** Adds what the kernel adds by itself for the state the link is in now. */
  settle(link: FakeLink): void {
    if (!this.#hasIpv6(link)) this.#forget(link, 6)
    if (link.name === 'lo' && link.up) this.#addLoopbackAddresses(link)
    else if (this.#hasIpv6(link) && hasCarrier(link)) this.#addLinkLocal(link)
    for (const address of this.addresses)
      if (address.index === link.index)
        for (const route of kernelRoutes(link, address, this.#of(link, 4)))
          if (!this.routes.some(other => isSameRoute(other, route))) this.routes.push(route)
  }

  wentDown(link: FakeLink): void {
    this.#forget(link, 6)
    const stays = (route: Route) =>
      route.outputIndex !== link.index || (route.table === routeTable.local && route.type === routeType.local)
    this.routes = this.routes.filter(stays)
  }

  wentAway(link: FakeLink): void {
    this.#forget(link, 4)
    this.#forget(link, 6)
  }

  #hasIpv6(link: FakeLink): boolean {
    return this.#namespace.sysctls.read(`net/ipv6/conf/${link.name}/disable_ipv6`) === '0'
  }

  #of(link: FakeLink, family: IpFamily): Address[] {
    return this.addresses.filter(address => address.index === link.index && address.family === family)
  }

  #forget(link: FakeLink, family: IpFamily): void {
    this.addresses = this.addresses.filter(item => item.index !== link.index || item.family !== family)
    this.routes = this.routes.filter(item => item.outputIndex !== link.index || item.family !== family)
  }

  /** Takes away the kernel's own routes of a link; `settle` puts those back that still have an address. */
  #dropKernelRoutes(link: FakeLink, family: IpFamily): void {
    this.routes = this.routes.filter(
      route =>
        route.outputIndex !== link.index ||
        route.family !== family ||
        route.protocol !== routeProtocol.kernel ||
        route.type === routeType.multicast,
    )
  }

  /** Whether a gateway can be reached by this link without another gateway. */
  #reaches(link: FakeLink, gateway: string): boolean {
    const family = ipFamily(gateway)
    const isLocal = this.addresses.some(({ index, address }) => index === link.index && address === gateway)
    if (isLocal) return family === 4
    return this.routes.some(
      route =>
        route.outputIndex === link.index &&
        route.family === family &&
        route.gateway === undefined &&
        route.type === routeType.unicast &&
        prefixContains(route.destination, gateway),
    )
  }

  #addLoopbackAddresses({ index }: FakeLink): void {
    const has = (address: string) =>
      this.addresses.some(item => item.index === index && item.address === address)
    if (!has('127.0.0.1'))
      this.addresses.push({ ...item(index, '127.0.0.1', 8, scopes.host), flags: permanent })
    const isOff = this.#namespace.sysctls.read('net/ipv6/conf/lo/disable_ipv6') !== '0'
    if (!isOff && !has('::1'))
      this.addresses.push({ ...item(index, '::1', 128, scopes.host), flags: permanent })
  }

  #addLinkLocal(link: FakeLink): void {
    if (this.#namespace.sysctls.read(`net/ipv6/conf/${link.name}/addr_gen_mode`) !== '0') return
    if (this.#of(link, 6).some(address => address.scope === scopes.link)) return
    this.addresses.push({ ...item(link.index, linkLocalOf(link.address), 64, scopes.link), flags: permanent })
  }
}
