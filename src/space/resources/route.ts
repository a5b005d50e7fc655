import type { Where } from '../../linux/change.ts'
import { type Route, routeTable } from '../../linux/rtnetlink/route.ts'
import { NatspaceError } from '../errors.ts'
import type { Observation } from '../reconcile/observation.ts'
import { type InnerAddress, innerAddresses, isRouted, wholeLength } from '../spec/endpoints.ts'
import { boundAddress, isPublishedIn } from '../spec/publish.ts'
import type { ResolvedSpace, SpaceRoute } from '../spec/types.ts'
import type { StepName } from '../steps.ts'
import type { Planner, Resource } from './resource.ts'

/** A route that leaves by our cable; it bears no mark of its own, and goes with the cable. */
type OwnRoute = Omit<SpaceRoute, 'gateway'> & {
  where: Where
  /** The end of the cable it leaves by. */
  name: string
  gateway: string | undefined
  preferredSource?: string
  /** Where it is no route to elsewhere, but what is for this host. */
  local?: true
  step: StepName
  id: string
}

const isDefault = ({ destination }: Pick<Route, 'destination'>): boolean => destination.endsWith('/0')

const ownRouteResource = (space: ResolvedSpace, wanted: OwnRoute): Resource => {
  const {
    where,
    name,
    destination,
    gateway,
    preferredSource,
    priority,
    mtu,
    advertisedMss,
    local,
    step,
    id,
  } = wanted
  const table = local ? routeTable.local : (wanted.table ?? routeTable.main)
  const rivals = (seen: Observation): Route[] =>
    seen
      .routes(where)
      .filter(
        route =>
          route.destination === destination &&
          route.table === table &&
          (priority === undefined || (route.priority ?? 0) === priority),
      )
  const isOurs = (seen: Observation, route: Route): boolean =>
    route.outputIndex !== undefined && route.outputIndex === seen.link(where, name)?.index
  const current = (seen: Observation): Route | undefined =>
    rivals(seen).find(
      route =>
        isOurs(seen, route) &&
        route.gateway === gateway &&
        (preferredSource === undefined || route.preferredSource === preferredSource),
    )
  const change = (index: number) => ({
    where,
    name,
    index,
    destination,
    gateway,
    ...(preferredSource === undefined ? {} : { preferredSource }),
    ...(priority === undefined ? {} : { priority }),
    ...(wanted.table === undefined ? {} : { table: wanted.table }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(advertisedMss === undefined ? {} : { advertisedMss }),
    // Behind the host's own route, and apart from those of other cables.
    ...(local ? { local: { priority: index } } : {}),
  })
  return {
    id,
    step,
    phase: 'route',
    space: space.name,
    drift(seen) {
      if (current(seen)) return []
      const found = local
        ? []
        : rivals(seen).map(route => `${textOf(route)} via ${route.gateway ?? 'a link'}`)
      const nothing = isDefault(wanted) ? 'no default route' : 'no such route'
      return [
        { resource: id, step, space: space.name, expected: 'there', found: found.join(', ') || nothing },
      ]
    },
    add(seen, planner) {
      const fresh = planner.creates(where, name)
      const index = planner.index(where, name)
      if (index === undefined || (!fresh && current(seen))) return []
      const rival = local
        ? undefined
        : rivals(seen).find(route => !isOurs(seen, route) && !goes(planner, route))
      if (rival) throw hasAnother(space, wanted, rival)
      return [
        {
          change: { type: 'route.add', ...change(index) },
          undo: fresh ? [] : [{ type: 'route.delete', ...change(index) }],
          step,
          space: space.name,
        },
      ]
    },
    remove(seen, planner) {
      const route = current(seen)
      // With the link its routes go.
      if (route?.outputIndex === undefined || planner.link(where, name) === undefined) return []
      return [
        {
          change: { type: 'route.delete', ...change(route.outputIndex) },
          undo: [{ type: 'route.add', ...change(route.outputIndex) }],
          step,
          space: space.name,
        },
      ]
    },
  }

  function goes(planner: Planner, { outputIndex }: Route): boolean {
    return outputIndex !== undefined && planner.removes(where, outputIndex)
  }
}

const textOf = (route: Route): string => (isDefault(route) ? 'default' : route.destination)

/**
 * Step 6: the default routes of the namespace, by the host end. An internal space has none, only routes to the spaces
 * that it may reach. Equivalent to: `ip -n NAME route add default via GATEWAY`
 */
export const routeResources = (space: ResolvedSpace): Resource[] => {
  const { name, namespacePath, interface: inner, address, gateway, ipv6, internal, connect } = space
  const by = { where: namespacePath, name: inner, step: 'default-route' } as const
  const route = (wanted: SpaceRoute): Resource => {
    const via = wayOf(space, wanted)
    return ownRouteResource(space, { ...by, ...wanted, gateway: via, id: idOf(name, wanted, via) })
  }
  const between = innerAddresses(space).filter(isRouted)
  return [
    // Two addresses may have one gateway.
    ...between.map(item => hostRouteResource(space, item)),
    ...[...new Map(between.map(item => [item.gateway, item])).values()].map(item => toGateway(space, item)),
    ...[...new Map(between.toReversed().map(item => [item.subnet, item])).values()].flatMap(item =>
      toSubnet(space, item),
    ),
    ...(internal
      ? connect.flatMap(peer => [
          ...(address === '' || peer.address === ''
            ? []
            : [route({ destination: `${peer.address}/32`, gateway })]),
          ...(ipv6 === undefined || peer.address6 === undefined
            ? []
            : [route({ destination: `${peer.address6}/128`, gateway: ipv6.gateway })]),
        ])
      : (space.routes ?? defaultRoutes(space)).map(route)),
  ]
}

/** The gateway of a route; undefined where it has none. */
export const wayOf = (
  { gateway, ipv6 }: Pick<ResolvedSpace, 'gateway' | 'ipv6'>,
  route: SpaceRoute,
): string | undefined =>
  route.isOnLink ? undefined : (route.gateway ?? (route.destination.includes(':') ? ipv6?.gateway : gateway))

/** Everything of each family leads outside. */
export const defaultRoutes = ({
  address,
  gateway,
  ipv6,
}: Pick<ResolvedSpace, 'address' | 'gateway' | 'ipv6'>): SpaceRoute[] => [
  ...(address === '' ? [] : [{ destination: '0.0.0.0/0', gateway }]),
  ...(ipv6 === undefined ? [] : [{ destination: '::/0', gateway: ipv6.gateway }]),
]

/** Two routes to one destination may differ by their metric and table. */
const idOf = (name: string, { destination, priority, table }: SpaceRoute, gateway?: string): string =>
  [
    `${destination.endsWith('/0') ? 'default route' : `route to ${destination}`} of ${name}`,
    gateway === undefined ? 'by the cable' : `via ${gateway}`,
    ...(priority === undefined ? [] : [`metric ${priority}`]),
    ...(table === undefined ? [] : [`table ${table}`]),
  ].join(' ')

/**
 * Without a subnet that both share, each end has a route to the other, and the gateway is reached by that.
 * Equivalent to: `ip -n NAME route add GATEWAY dev INNER src ADDRESS`
 */
const toGateway = (space: ResolvedSpace, { family, address, gateway, subnet }: InnerAddress): Resource =>
  ownRouteResource(space, {
    where: space.namespacePath,
    name: space.interface,
    destination: `${gateway}/${wholeLength[family]}`,
    gateway: undefined,
    ...(subnet === undefined ? {} : { preferredSource: address }),
    step: 'default-route',
    id: `route of ${space.name} to its gateway ${gateway}`,
  })

/**
 * The others of its network are not on the cable, but behind the gateway.
 * Equivalent to: `ip -n NAME route add SUBNET via GATEWAY dev INNER src ADDRESS`
 */
const toSubnet = (space: ResolvedSpace, { family, address, gateway, subnet }: InnerAddress): Resource[] =>
  subnet === undefined || subnet.endsWith(`/${wholeLength[family]}`)
    ? []
    : [
        ownRouteResource(space, {
          where: space.namespacePath,
          name: space.interface,
          destination: subnet,
          gateway,
          preferredSource: address,
          step: 'default-route',
          id: `route of ${space.name} to its network ${subnet}`,
        }),
      ]

/** Equivalent to: `ip route add ADDRESS dev HOST` */
const hostRouteResource = (space: ResolvedSpace, { family, address }: InnerAddress): Resource =>
  ownRouteResource(space, {
    where: undefined,
    name: space.hostInterface,
    destination: `${address}/${wholeLength[family]}`,
    gateway: undefined,
    step: 'host-address',
    id: `route to ${address} by ${space.hostInterface}`,
  })

/**
 * Lets answers of the space to ::1 of this host, which was translated on the way in, be for this host: what
 * route_localnet is to 127.0.0.1. The kernel takes no packet off a wire that bears ::1 (RFC 4291, section 2.5.3), only
 * one that connection tracking gave it back. Equivalent to: `ip route add local ::1/128 dev HOST metric N`
 */
export const loopbackRouteResources = (space: ResolvedSpace): Resource[] => {
  const { hostInterface, ipv6, publish } = space
  const publishes = publish.some(item => isPublishedIn(6, item) && (boundAddress(item) ?? '::1') === '::1')
  if (ipv6 === undefined || !publishes) return []
  return [
    ownRouteResource(space, {
      where: undefined,
      name: hostInterface,
      destination: '::1/128',
      gateway: undefined,
      local: true,
      step: 'publish',
      id: `local route to ::1 by ${hostInterface}`,
    }),
  ]
}

const hasAnother = (space: ResolvedSpace, { gateway, id }: OwnRoute, route: Route): NatspaceError =>
  new NatspaceError({
    code: 'DEFAULT_ROUTE_TAKEN',
    exit: 1,
    what: `cannot make ${gateway ?? 'the cable'} the ${id.slice(0, id.indexOf(' of '))} of ${space.name}`,
    why: 'the namespace has another one, which natspace did not make',
    evidence: [`${textOf(route)} via ${route.gateway ?? 'a link'}, link ${route.outputIndex ?? 'unknown'}`],
    fix: [
      `take it away: ip -n ${space.name} route delete ${textOf(route)}`,
      'or use --internal for a cable without a default route',
    ],
  })
