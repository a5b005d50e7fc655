import { isLoopback } from '../../linux/net/ip.ts'
import { parsePrefix, prefixContains } from '../../linux/net/prefix.ts'
import { type Route, type RouteQuery, routeType } from '../../linux/rtnetlink/route.ts'
import { interfaceSysctl } from '../../linux/sysctl.ts'
import type { RouteDecision } from '../walk/route-decisions.ts'
import { type RuleQuestion, ruleApplies } from '../walk/routing-rule.ts'
import type { PlaceFacts } from './facts.ts'
import { addressType } from './fib.ts'
import type { Wire } from './wire.ts'

/**
 * Theory of operation. The kernel itself is asked where a packet goes, so that it is refused is certain; but it does not
 * say why. The causes are gone through in its order: forwarding that is off, a route that forbids, a source or a
 * destination that cannot be, the reverse path filter.
 */

/** Why a routing decision stops a packet, in words. */
export type Refusal = { reason: string; evidence: string[] }

/** Where the packet is, for the words: `, in this host` or `, inside the space`. */
export type Whereabouts = 'host' | 'inside'

const placeWords: Record<Whereabouts, string> = { host: 'in this host', inside: 'inside the space' }

const forbidding = ['blackhole', 'unreachable', 'prohibit'] as const

/**
 * The route that forbids, in words: that with the longest prefix of the table which the rules of policy routing lead to. They
 * are gone through as the kernel does; where one asks for what is not known, or leads elsewhere, nothing is said.
 */
const barrier = (
  { routes, rules }: Pick<PlaceFacts, 'routes' | 'rules'>,
  question: RuleQuestion,
): string | undefined => {
  const own = rules.filter(({ family }) => family === question.family)
  if (own.length === 0) return barrierIn(routes, question.destination)
  for (const rule of own.toSorted((a, b) => a.priority - b.priority)) {
    const applies = ruleApplies(rule, question)
    if (applies === 'unknown') return undefined
    if (!applies) continue
    const forbids = forbidding.find(name => actions[name] === rule.action)
    if (forbids !== undefined)
      return `the rule of priority ${rule.priority} of policy routing says ${forbids}`
    if (rule.action !== actions.lookUp) return undefined
    const there = routes.filter(
      ({ table, destination }) => table === rule.table && prefixContains(destination, question.destination),
    )
    if (there.length > 0) return barrierIn(there, question.destination)
  }
  return undefined
}

/** FR_ACT_* of linux/fib_rules.h. */
const actions = { lookUp: 1, blackhole: 6, unreachable: 7, prohibit: 8 } as const

const barrierIn = (routes: readonly Route[], destination: string): string | undefined => {
  const length = ({ destination: prefix }: Route) => parsePrefix(prefix)?.length ?? 0
  const [best] = routes
    .filter(route => prefixContains(route.destination, destination))
    .toSorted((a, b) => length(b) - length(a))
  const kind = forbidding.find(name => routeType[name] === best?.type)
  return kind === undefined || best === undefined
    ? undefined
    : `the route ${best.destination} is of the kind ${kind} (table ${best.table})`
}

/** What rules ask of the packet of a question. */
const ruleQuestion = (
  { links }: Pick<PlaceFacts, 'links'>,
  { source, destination, mark, inputIndex }: RouteQuery,
): RuleQuestion => ({
  family: destination.includes(':') ? 6 : 4,
  source,
  destination,
  input: inputIndex === undefined ? 'lo' : (links.find(({ index }) => index === inputIndex)?.name ?? ''),
  mark,
})

/** The setting by which packets that come in by a link are not forwarded; undefined where they are. */
export const forwardingOff = (
  { setting }: Pick<PlaceFacts, 'setting'>,
  family: 4 | 6,
  input: string,
): string | undefined => {
  if (family === 4) {
    const own = interfaceSysctl('ipv4', input, 'forwarding')
    if (setting(own) !== '0') return undefined
    return `${setting('net.ipv4.ip_forward') === '0' ? 'net.ipv4.ip_forward' : own} is 0`
  }
  const all = interfaceSysctl('ipv6', 'all', 'forwarding')
  const own = interfaceSysctl('ipv6', input, 'force_forwarding')
  const switched = setting(own)
  if (setting(all) !== '0' || switched === '1') return undefined
  return switched === undefined ? `${all} is 0` : `${all} and ${own} are 0`
}

/** Why a packet that a place sends itself has no way; undefined where it has one. */
export const outputRefusal = (
  facts: PlaceFacts,
  decision: RouteDecision,
  where: Whereabouts,
): Refusal | undefined => {
  const stop = routeStop(facts, decision)
  return stop === undefined ? undefined : { reason: `${stop}, ${placeWords[where]}`, evidence: [] }
}

const routeStop = (facts: PlaceFacts, decision: RouteDecision): string | undefined => {
  const { destination } = decision.question
  if (decision.found) {
    const { type, route, tableName } = decision
    return type === 'blackhole' || type === 'unreachable' || type === 'prohibit'
      ? `the route ${route?.destination ?? destination} is of the kind ${type} (table ${tableName})`
      : undefined
  }
  const forbids =
    decision.code === 'ENETUNREACH' ? undefined : barrier(facts, ruleQuestion(facts, decision.question))
  return forbids ?? `no route leads to ${destination} (${decision.code})`
}

/** What the kernel answers where source or destination cannot be, too. */
const ambiguous: readonly string[] = ['EINVAL', 'EXDEV']

/** Why a packet that comes in by a link is not taken further; undefined where it is. */
export const inputRefusal = (
  facts: PlaceFacts,
  decision: RouteDecision,
  wire: Wire,
  input: { name: string; index: number },
  where: Whereabouts,
): Refusal | undefined => {
  const isLocal = decision.found && decision.type === 'local'
  const off = isLocal ? undefined : forwardingOff(facts, wire.family, input.name)
  const who = where === 'host' ? 'this host' : 'the space'
  if (off !== undefined && (wire.family === 6 || !decision.found))
    return { reason: `${who} does not forward what comes in by ${input.name}: ${off}`, evidence: [] }
  if (decision.found || !ambiguous.includes(decision.code)) return outputRefusal(facts, decision, where)
  const forbids = barrier(facts, ruleQuestion(facts, decision.question))
  if (forbids !== undefined) return { reason: `${forbids}, ${placeWords[where]}`, evidence: [] }
  return (
    (wire.family === 4 ? martian(facts, wire, input.name) : undefined) ??
    (wire.family === 4 ? reversePath(facts, wire, input) : undefined) ?? {
      reason: `the kernel refuses it at its routing decision (${decision.code}), ${placeWords[where]}`,
      evidence: [],
    }
  )
}

/** Whether a switch is on for a link: its own or that of all (IN_DEV_ORCONF). */
const isOn = ({ setting }: PlaceFacts, input: string, leaf: string): boolean =>
  ['all', input].some(name => setting(interfaceSysctl('ipv4', name, leaf)) === '1')

/** Addresses that cannot be (ip_handle_martian_source in net/ipv4/route.c). */
const martian = (facts: PlaceFacts, { source, destination }: Wire, input: string): Refusal | undefined => {
  const loopback = [source, destination].find(isLoopback)
  if (loopback !== undefined && !isOn(facts, input, 'route_localnet'))
    return {
      reason: `${loopback} cannot come in by ${input}: addresses of the loopback stay within a host`,
      evidence: [`${interfaceSysctl('ipv4', input, 'route_localnet')} = 0`],
    }
  if (addressType(facts, source) === 'local' && !isOn(facts, input, 'accept_local'))
    return {
      reason: `it comes in by ${input} with an address of the receiver's own, ${source}`,
      evidence: [`${interfaceSysctl('ipv4', input, 'accept_local')} = 0`],
    }
  return undefined
}

/** RFC 3704: 1 is strict, 2 is loose. The larger of the two settings counts (IN_DEV_MAXCONF). */
const reversePath = (
  facts: PlaceFacts,
  { source }: Wire,
  input: { name: string; index: number },
): Refusal | undefined => {
  const keys = ['all', input.name].map(name => interfaceSysctl('ipv4', name, 'rp_filter'))
  const mode = Math.max(...keys.map(key => Number(facts.setting(key) ?? 0)))
  if (mode === 0) return undefined
  const back = facts.decide({ destination: source })
  const isReachable = back.found && back.type === 'unicast'
  if (isReachable && (mode === 2 || back.device?.index === input.index)) return undefined
  return {
    reason: `the reverse path filter of ${input.name} stops it: answers to its source would go another way`,
    evidence: keys.map(key => `${key} = ${facts.setting(key) ?? 'missing'}`),
  }
}
