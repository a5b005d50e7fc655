import { type Route, routeTable } from '../../linux/rtnetlink/route.ts'
import { NatspaceError } from '../errors.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

const defaultRoute = '0.0.0.0/0'

/**
 * Step 6: the default route of the namespace, by the host end. It bears no mark of its own: it leaves by our cable and
 * goes with it. Equivalent to: `ip -n NAME route add default via GATEWAY`
 */
export const routeResource = (space: ResolvedSpace): Resource => {
  const { name, namespacePath: where, interface: inner, gateway } = space
  const id = `default route of ${name} via ${gateway}`
  const defaults = (seen: Observation): Route[] =>
    seen.routes(where).filter(route => route.destination === defaultRoute && route.table === routeTable.main)
  const isOurs = (seen: Observation, route: Route): boolean =>
    route.outputIndex !== undefined && route.outputIndex === seen.link(where, inner)?.index
  const current = (seen: Observation): Route | undefined =>
    defaults(seen).find(route => isOurs(seen, route) && route.gateway === gateway)
  return {
    id,
    step: 'default-route',
    phase: 'route',
    space: name,
    drift(seen) {
      if (current(seen)) return []
      const found = defaults(seen).map(route => `default via ${route.gateway ?? 'a link'}`)
      return [
        {
          resource: id,
          step: 'default-route',
          space: name,
          expected: 'there',
          found: found.join(', ') || 'no default route',
        },
      ]
    },
    add(seen, planner) {
      const fresh = planner.creates(where, inner)
      const index = planner.index(where, inner)
      if (index === undefined || (!fresh && current(seen))) return []
      const goes = ({ outputIndex }: Route): boolean =>
        outputIndex !== undefined && planner.removes(where, outputIndex)
      const rival = defaults(seen).find(route => !isOurs(seen, route) && !goes(route))
      if (rival) throw hasAnother(space, rival)
      const change = { where, name: inner, index, destination: defaultRoute, gateway }
      return [
        {
          change: { type: 'route.add', ...change },
          undo: fresh ? [] : [{ type: 'route.delete', ...change }],
          step: 'default-route',
          space: name,
        },
      ]
    },
    remove(seen, planner) {
      const route = current(seen)
      // With the link its routes go.
      if (route?.outputIndex === undefined || planner.link(where, inner) === undefined) return []
      const change = { where, name: inner, index: route.outputIndex, destination: defaultRoute, gateway }
      return [
        {
          change: { type: 'route.delete', ...change },
          undo: [{ type: 'route.add', ...change }],
          step: 'default-route',
          space: name,
        },
      ]
    },
  }
}

const hasAnother = (space: ResolvedSpace, route: Route): NatspaceError =>
  new NatspaceError({
    code: 'DEFAULT_ROUTE_TAKEN',
    exit: 1,
    what: `cannot make ${space.gateway} the default route of ${space.name}`,
    why: 'the namespace has another default route, which natspace did not make',
    evidence: [`default via ${route.gateway ?? 'a link'}, link ${route.outputIndex ?? 'unknown'}`],
    fix: [
      `take it away: ip -n ${space.name} route delete default`,
      'or use --internal for a cable without a default route',
    ],
  })
