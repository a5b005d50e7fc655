import type { Where } from '../../linux/change.ts'
import { parsePrefix, prefixContains } from '../../linux/net/prefix.ts'
import { type Route, routeType } from '../../linux/rtnetlink/route.ts'
import type { Rule } from '../../linux/rtnetlink/rule.ts'
import type { RouteDecision, RoutedKernel, WayDecision } from '../walk/route-decisions.ts'
import { ruleApplies } from '../walk/routing-rule.ts'
import type { Barrier } from './observation.ts'

/**
 * What forbids a way. Where a route or a rule of policy routing does, the kernel only answers with an error, and does not
 * tell which; so rules and tables are gone through as it does. A rule that asks for what is not known here ends that: nothing
 * behind it is certain.
 */

const forbidding = ['blackhole', 'unreachable', 'prohibit'] as const

/** FR_ACT_TO_TBL of linux/fib_rules.h. Actions that forbid have the numbers of the types of routes. */
const lookUpTable = 1

const kindOf = (type: number): (typeof forbidding)[number] | undefined =>
  forbidding.find(name => routeType[name] === type)

/** The barriers of the look-ups that found no way. */
export const barriersOf = (
  kernel: Pick<RoutedKernel, 'routes' | 'rules' | 'links'>,
  space: string,
  decisions: readonly WayDecision[],
): Barrier[] =>
  decisions.flatMap(({ where, decision }) => {
    if (decision.found) return []
    const at = where === space ? 'inside' : 'host'
    const found = barrierOf(kernel, where, decision)
    return found === undefined ? [] : [{ at, ...found }]
  })

type Found = Omit<Barrier, 'at'>

const barrierOf = (
  kernel: Pick<RoutedKernel, 'routes' | 'rules' | 'links'>,
  where: Where,
  { question }: Extract<RouteDecision, { found: false }>,
): Found | undefined => {
  const { source, destination, inputIndex, mark } = question
  const family = destination.includes(':') ? 6 : 4
  const link = kernel.links(where).find(({ index }) => index === inputIndex)
  const asked = { family, source, destination, input: link?.name ?? 'lo', mark } as const
  const routes = kernel.routes(where)
  for (const rule of byPriority(kernel.rules(where))) {
    const applies = ruleApplies(rule, asked)
    if (applies === 'unknown') return undefined
    if (!applies) continue
    const kind = kindOf(rule.action)
    if (kind !== undefined) return { kind, destination: rule.destination, table: 0, priority: rule.priority }
    if (rule.action !== lookUpTable) continue
    const route = bestOf(routes, rule.table, destination)
    const forbids = route && kindOf(route.type)
    if (route === undefined) continue
    // The way that was found may be closed for another reason.
    return forbids && { kind: forbids, destination: route.destination, table: route.table }
  }
  return undefined
}

const byPriority = (rules: readonly Rule[]): Rule[] => rules.toSorted((a, b) => a.priority - b.priority)

/** The longest prefix of a table that fits, then the lowest metric. */
const bestOf = (routes: readonly Route[], table: number, destination: string): Route | undefined => {
  const length = (route: Route): number => parsePrefix(route.destination)?.length ?? 0
  return routes
    .filter(route => route.table === table && prefixContains(route.destination, destination))
    .toSorted((a, b) => length(b) - length(a) || (a.priority ?? 0) - (b.priority ?? 0))[0]
}
