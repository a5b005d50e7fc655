import type { RouteDecision } from '../walk/route-decisions.ts'
import type { PlaceFacts } from './facts.ts'
import type { Wire } from './wire.ts'

/** What routing asks for that is not known of a packet before it is sent, as sentences. All pure. */

const asked = (what: string): string => `rules of policy routing ask for ${what}, which is not known`

/** Rules of policy routing that ask for what is not known of the packet. */
export const rulesDoubt = (
  facts: PlaceFacts,
  { wire, mark }: { wire: Wire; mark: number | undefined },
): string | undefined => {
  const rules = facts.rules.filter(({ family }) => family === wire.family)
  const asks = (name: string) => rules.some(({ otherConditions }) => otherConditions?.includes(name))
  if (mark === undefined && rules.some(rule => rule.mark !== undefined)) return asked('its mark')
  if (wire.sourcePort === undefined && asks('sport')) return asked('its source port')
  if (wire.destinationPort === undefined && asks('dport') && wire.icmpType === undefined)
    return asked('its destination port')
  return undefined
}

/**
 * What a decision that was found leaves open: which of several next hops is taken where ports count that are not known
 * (fib_multipath_hash_policy), and what is for all hosts of a link.
 */
export const decisionDoubt = (facts: PlaceFacts, decision: RouteDecision, wire: Wire): string | undefined => {
  if (!decision.found) return undefined
  if (decision.type === 'broadcast' || decision.type === 'multicast')
    return `what is for many (${decision.type}) is not followed`
  const { route, device } = decision
  if (route === undefined || device === undefined || decision.type !== 'unicast') return undefined
  const siblings = facts.routes.filter(
    ({ destination, table, priority, gateway }) =>
      destination === route.destination &&
      table === route.table &&
      priority === route.priority &&
      gateway !== undefined,
  )
  const hasSeveral = wire.family === 4 ? route.outputIndex === undefined : siblings.length > 1
  const policy = facts.setting(`net.ipv${wire.family}.fib_multipath_hash_policy`) ?? '0'
  const isKnown = wire.icmpType !== undefined || wire.sourcePort !== undefined
  return hasSeveral && policy !== '0' && !isKnown
    ? `which of several next hops to ${route.destination} is taken depends on its source port, which is not known`
    : undefined
}
