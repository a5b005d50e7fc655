import type { RouteDecision } from '../walk/route-decisions.ts'

/** A routing decision in the words of `ip route`: `default via 192.168.45.2 dev veth2 (table main)`. Pure. */
export const decisionText = (decision: RouteDecision): string => {
  if (!decision.found) return `no route to ${decision.question.destination} (${decision.code})`
  const { type, route, gateway, device, tableName, question } = decision
  const destination = route?.destination ?? question.destination
  return [
    ...(type === 'unicast' || type === 'other' ? [] : [type]),
    /\/0$/.test(destination) ? 'default' : destination,
    ...(gateway === undefined ? [] : [`via ${gateway}`]),
    ...(device === undefined || type === 'local' ? [] : [`dev ${device.name ?? device.index}`]),
    `(table ${tableName})`,
  ].join(' ')
}
