import type { Where } from '../../linux/change.ts'
import { type Route, routeTable } from '../../linux/rtnetlink/route.ts'
import { NatspaceError } from '../errors.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { StepName } from '../steps.ts'
import type { Planner, Resource } from './resource.ts'

/** A route that leaves by our cable; it bears no mark of its own, and goes with the cable. */
type OwnRoute = {
  where: Where
  /** The end of the cable it leaves by. */
  name: string
  destination: string
  gateway: string | undefined
  /** Where it is no route to elsewhere, but what is for this host. */
  local?: true
  step: StepName
  id: string
}

const isDefault = ({ destination }: Pick<Route, 'destination'>): boolean => destination.endsWith('/0')

const ownRouteResource = (space: ResolvedSpace, wanted: OwnRoute): Resource => {
  const { where, name, destination, gateway, local, step, id } = wanted
  const table = local ? routeTable.local : routeTable.main
  const rivals = (seen: Observation): Route[] =>
    seen.routes(where).filter(route => route.destination === destination && route.table === table)
  const isOurs = (seen: Observation, route: Route): boolean =>
    route.outputIndex !== undefined && route.outputIndex === seen.link(where, name)?.index
  const current = (seen: Observation): Route | undefined =>
    rivals(seen).find(route => isOurs(seen, route) && route.gateway === gateway)
  const change = (index: number) => ({
    where,
    name,
    index,
    destination,
    gateway,
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
  const { name, namespacePath, interface: inner, gateway, ipv6, internal, connect } = space
  const by = { where: namespacePath, name: inner, step: 'default-route' } as const
  const route = (destination: string, via: string): Resource =>
    ownRouteResource(space, {
      ...by,
      destination,
      gateway: via,
      id: `${destination.endsWith('/0') ? 'default route' : `route to ${destination}`} of ${name} via ${via}`,
    })
  // Without a subnet that both share, each end has a route to the other, and the gateway is reached by that.
  const between = space.prefixLength === 32 ? [hostRouteResource(space), toGateway(space)] : []
  const outside = space.routes ?? ['0.0.0.0/0']
  if (!internal)
    return [
      ...between,
      ...outside.map(destination => route(destination, gateway)),
      ...(ipv6 === undefined ? [] : [route('::/0', ipv6.gateway)]),
    ]
  return [
    ...between,
    ...connect.flatMap(peer => [
      route(`${peer.address}/32`, gateway),
      ...(ipv6 === undefined || peer.address6 === undefined
        ? []
        : [route(`${peer.address6}/128`, ipv6.gateway)]),
    ]),
  ]
}

/** Equivalent to: `ip -n NAME route add GATEWAY dev INNER` */
const toGateway = (space: ResolvedSpace): Resource =>
  ownRouteResource(space, {
    where: space.namespacePath,
    name: space.interface,
    destination: `${space.gateway}/32`,
    gateway: undefined,
    step: 'default-route',
    id: `route of ${space.name} to its gateway ${space.gateway}`,
  })

/** Equivalent to: `ip route add ADDRESS dev HOST` */
const hostRouteResource = (space: ResolvedSpace): Resource =>
  ownRouteResource(space, {
    where: undefined,
    name: space.hostInterface,
    destination: `${space.address}/32`,
    gateway: undefined,
    step: 'host-address',
    id: `route to ${space.address} by ${space.hostInterface}`,
  })

/**
 * Lets answers of the space to ::1 of this host, which was translated on the way in, be for this host: what
 * route_localnet is to 127.0.0.1. The kernel takes no packet off a wire that bears ::1 (RFC 4291, section 2.5.3), only
 * one that connection tracking gave it back. Equivalent to: `ip route add local ::1/128 dev HOST metric N`
 */
export const loopbackRouteResources = (space: ResolvedSpace): Resource[] => {
  const { hostInterface, ipv6, publish } = space
  const publishes = publish.some(({ hostAddress }) => hostAddress === undefined || hostAddress === '::1')
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
    what: `cannot make ${gateway} the ${id.slice(0, id.indexOf(' of '))} of ${space.name}`,
    why: 'the namespace has another one, which natspace did not make',
    evidence: [`${textOf(route)} via ${route.gateway ?? 'a link'}, link ${route.outputIndex ?? 'unknown'}`],
    fix: [
      `take it away: ip -n ${space.name} route delete ${textOf(route)}`,
      'or use --internal for a cable without a default route',
    ],
  })
