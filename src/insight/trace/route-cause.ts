import { interfaceSysctl } from '../../linux/sysctl.ts'
import type { RouteDecision } from '../walk/route-decisions.ts'
import type { TraceObservation } from './observation.ts'

/** What routing, and the settings around it, have against a packet. */

/** One of the look-ups of the way; undefined when it was not asked. */
export const decisionAt = (seen: TraceObservation, at: string): RouteDecision | undefined =>
  seen.decisions.find(decision => decision.at === at)?.decision

/** Why a routing decision stops a packet; undefined when it does not. */
export const stopsAt = (
  decision: RouteDecision,
  { barriers }: TraceObservation,
  place: 'inside' | 'host',
): string | undefined => {
  const { destination } = decision.question
  const text = (kind: string, to: string, table: number | string) =>
    `the route ${to} is of the kind ${kind} (table ${table})`
  if (!decision.found) {
    const barrier = barriers.find(({ at }) => at === place)
    if (barrier?.priority !== undefined)
      return `the rule of policy routing with priority ${barrier.priority} is of the kind ${barrier.kind}: no route leads to ${destination}`
    return barrier === undefined || decision.code === 'ENETUNREACH'
      ? `no route leads to ${destination} (${decision.code})`
      : text(barrier.kind, barrier.destination, barrier.table)
  }
  const { type, route, tableName } = decision
  return type === 'blackhole' || type === 'unreachable' || type === 'prohibit'
    ? text(type, route?.destination ?? destination, tableName)
    : undefined
}

/** What the kernel answers to a source that cannot be, too: one that the reverse path filter stops. */
const ambiguous = ['EINVAL', 'EXDEV']

/** The setting or the route that ended a packet at the host's routing decision; undefined where neither is seen. */
export const routingCause = (
  seen: TraceObservation,
  at: 'host-forward' | 'host-forward-reply',
  input: string,
): { reason: string; evidence: string[] } | undefined => {
  const decision = decisionAt(seen, at)
  const off = forwardingOff(seen, input)
  const isLocal = decision?.found === true && decision.type === 'local'
  if (off !== undefined && !isLocal)
    return { reason: `this host does not forward what comes in by ${input}: ${off}`, evidence: [] }
  const stop = decision && stopsAt(decision, seen, 'host')
  const isCertain =
    stop !== undefined && (decision?.found === true || !ambiguous.includes(decision?.code ?? ''))
  if (isCertain) return { reason: `${stop}, in this host`, evidence: [] }
  // Of IPv4 alone, and of the larger value of both; the kernel tells of drops in other namespaces, too.
  const settings = (['all', input] as const).flatMap((name): [string, string][] => {
    const key = interfaceSysctl('ipv4', name, 'rp_filter')
    const value = seen.settings[key]
    return seen.target.family === 6 || value === undefined ? [] : [[key, value]]
  })
  const filtered = seen.counters.host.find(({ counter }) => counter === 'TcpExt.IPReversePathFilter')
  const isFiltered =
    settings.some(([, value]) => value !== '0') &&
    (filtered !== undefined || seen.drops?.some(({ reason }) => reason === 'IP_RPFILTER') === true)
  if (!isFiltered) return stop === undefined ? undefined : { reason: `${stop}, in this host`, evidence: [] }
  return {
    reason: `the reverse path filter of ${input} stopped it: answers to its source would go another way`,
    evidence: settings.map(([key, value]) => `${key} = ${value}`),
  }
}

/** The setting by which a link's packets are not forwarded, and its value. */
const forwardingOff = ({ settings, target }: TraceObservation, input: string): string | undefined => {
  if (target.family === 4) {
    const own = interfaceSysctl('ipv4', input, 'forwarding')
    if (settings[own] !== '0') return undefined
    return `${settings['net.ipv4.ip_forward'] === '0' ? 'net.ipv4.ip_forward' : own} is 0`
  }
  const all = interfaceSysctl('ipv6', 'all', 'forwarding')
  // Of a link's own switches only force_forwarding counts.
  const own = interfaceSysctl('ipv6', input, 'force_forwarding')
  if (settings[all] !== '0' || settings[own] === '1') return undefined
  return settings[own] === undefined ? `${all} is 0` : `${all} and ${own} are 0`
}
