import type { FlowTuple } from '../../linux/conntrack/index.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import type { RouteQuery } from '../../linux/rtnetlink/route.ts'
import { decisionText } from '../trace/route-text.ts'
import type { RouteDecision } from '../walk/route-decisions.ts'
import type { PlaceFacts } from './facts.ts'
import type { Passage, Stop } from './passage.ts'
import { decisionDoubt, rulesDoubt } from './routing-doubt.ts'
import { inputRefusal, outputRefusal, type Refusal, type Whereabouts } from './settings.ts'
import type { LinksOnWay } from './translation.ts'
import { changed, type Wire } from './wire.ts'

/**
 * Theory of operation. In a namespace a packet takes one of three ways: it begins there (routing, output, postrouting), it
 * is for the namespace itself (prerouting, routing, input), or it passes through (prerouting, routing, forward,
 * postrouting). Before and behind them are the links' own hooks, ingress and egress.
 */

/** How it went through a namespace: it left by a link, or was handed to a socket. */
export type Crossed =
  | { type: 'sent'; output: Link; nextHop: string }
  | { type: 'delivered' }
  | { type: 'stopped'; stop: Stop }

/** A namespace in which a packet is. */
export type CrossedPlace = { facts: PlaceFacts; at: Whereabouts }

const linkOf = ({ facts }: CrossedPlace, index: number | undefined): Link | undefined =>
  facts.links.find(link => link.index === index)

const stopped = (stop: Stop): Crossed => ({ type: 'stopped', stop })

const refused = (refusal: Refusal, link: string | undefined): Crossed =>
  stopped({ type: 'refusal', hook: 'routing', link, refusal })

const askable: readonly number[] = [PROTOCOL_NUMBER.icmp, PROTOCOL_NUMBER.tcp, PROTOCOL_NUMBER.udp]

/** The question that a packet asks of routing. */
export const queryOf = (wire: Wire | FlowTuple, mark: number | undefined): RouteQuery => ({
  source: wire.source,
  destination: wire.destination,
  // The kernel takes no other protocol into a question.
  ...(askable.includes(wire.protocol)
    ? { ipProtocol: wire.protocol, sourcePort: wire.sourcePort, destinationPort: wire.destinationPort }
    : {}),
  ...(mark === undefined || mark === 0 ? {} : { mark }),
})

const doubtful = (reason: string, link: string | undefined): Crossed =>
  stopped({ type: 'doubt', hook: 'routing', link, reason, doubts: [] })

/** Whether a decision itself lets a packet go on: a setting may stop it all the same. */
const leads = (decision: RouteDecision): boolean =>
  decision.found && (decision.type === 'unicast' || decision.type === 'local' || decision.type === 'other')

/** Notes the decision as the story does. */
const noteRoute = (
  passage: Passage,
  decision: RouteDecision,
  links: LinksOnWay,
  side: 'input' | 'output',
  refusal: Refusal | undefined,
  before: Wire,
): void => {
  const { ttl } = passage.wire
  const lost = before.ttl !== undefined && ttl !== undefined && before.ttl !== ttl
  passage.events.push({
    ...passage.base('routing', links, side),
    kind: 'routing',
    rule: decisionText(decision),
    verdict: refusal !== undefined && !leads(decision) ? 'drop' : undefined,
    changes: lost ? [{ field: 'ttl', before: before.ttl ?? 0, after: ttl }] : [],
  })
}

/** The packet comes in by a link. */
export const arrive = (place: CrossedPlace, passage: Passage, input: Link): Crossed => {
  const early = passage.hook('ingress', { input }) ?? passage.hook('prerouting', { input })
  if (early !== undefined) return stopped(early)
  const doubt = rulesDoubt(place.facts, passage)
  if (doubt !== undefined) return doubtful(doubt, input.name)
  const { wire, mark } = passage
  const decision = place.facts.decide({ ...queryOf(wire, mark), inputIndex: input.index })
  const isLocal = decision.found && decision.type === 'local'
  const output = decision.found && !isLocal ? linkOf(place, decision.device?.index) : undefined
  const refusal =
    inputRefusal(place.facts, decision, wire, input, place.at) ??
    (isLocal ? undefined : (timeIsOver(wire) ?? tooLong(place.facts, wire, output)))
  if (refusal === undefined && !isLocal && wire.ttl !== undefined)
    passage.wire = changed(wire, { ttl: wire.ttl - 1 })
  noteRoute(passage, decision, { input }, 'input', refusal, wire)
  if (refusal !== undefined) return refused(refusal, input.name)
  const open = decisionDoubt(place.facts, decision, passage.wire)
  if (open !== undefined) return doubtful(open, input.name)
  if (isLocal) {
    const stop = passage.hook('input', { input })
    return stop === undefined ? { type: 'delivered' } : stopped(stop)
  }
  if (output === undefined || !decision.found)
    return refused({ reason: 'the link that its route names is not there', evidence: [] }, input.name)
  const links = { input, output, nextHop: decision.gateway ?? passage.wire.destination }
  const stop = passage.hook('forward', links) ?? leave(passage, links)
  return stop === undefined ? { type: 'sent', output, nextHop: links.nextHop } : stopped(stop)
}

/** The packet begins here. `given` is the decision for it, where it was asked for already. */
export const depart = (place: CrossedPlace, passage: Passage, given?: RouteDecision): Crossed => {
  const { facts, at } = place
  const ask = () => facts.decide(queryOf(passage.wire, passage.mark))
  let decision = given ?? ask()
  const begin = { wire: passage.wire, mark: passage.mark }
  const refusal = outputRefusal(facts, decision, at)
  let output = decision.found ? linkOf(place, decision.device?.index) : undefined
  noteRoute(passage, decision, output === undefined ? {} : { output }, 'output', refusal, begin.wire)
  if (refusal !== undefined) return refused(refusal, output?.name)
  const open = decisionDoubt(facts, decision, passage.wire)
  if (open !== undefined) return doubtful(open, output?.name)
  const linksOf = (): LinksOnWay => ({
    output,
    nextHop: (decision.found ? decision.gateway : undefined) ?? passage.wire.destination,
  })
  const stop = passage.hook('output', linksOf())
  if (stop !== undefined) return stopped(stop)
  // A rule that changes destination or mark has the kernel look for another way (ip_route_me_harder).
  if (passage.wire.destination !== begin.wire.destination || passage.mark !== begin.mark) {
    const doubt = rulesDoubt(facts, passage)
    if (doubt !== undefined) return doubtful(doubt, output?.name)
    decision = ask()
    const other = outputRefusal(facts, decision, at)
    output = decision.found ? linkOf(place, decision.device?.index) : undefined
    if (other !== undefined) return refused(other, output?.name)
  }
  const links = linksOf()
  const late = leave(passage, links)
  if (late !== undefined) return stopped(late)
  if (decision.found && decision.type === 'local') return arriveByLoopback(place, passage)
  if (output === undefined)
    return refused({ reason: 'the link that its route names is not there', evidence: [] }, undefined)
  return { type: 'sent', output, nextHop: links.nextHop ?? passage.wire.destination }
}

/** What a namespace sends to itself comes back by its loopback. */
const arriveByLoopback = ({ facts }: CrossedPlace, passage: Passage): Crossed => {
  const input = facts.links.find(({ loopback }) => loopback)
  if (input === undefined || !input.up)
    return refused({ reason: 'the loopback is down', evidence: [] }, input?.name)
  const stop = passage.hook('prerouting', { input }) ?? passage.hook('input', { input })
  return stop === undefined ? { type: 'delivered' } : stopped(stop)
}

/** The last hooks, and the link itself. */
const leave = (passage: Passage, links: LinksOnWay & { output?: unknown }): Stop | undefined => {
  const stop = passage.hook('postrouting', links) ?? passage.hook('egress', links)
  if (stop !== undefined) return stop
  const link = links.output as Link | undefined
  if (link === undefined || (link.up && link.carrier) || link.loopback) return undefined
  const state = link.up ? 'has no carrier' : 'is down'
  const refusal = { reason: `${link.name} ${state}, so nothing leaves by it`, evidence: [] }
  return { type: 'refusal', hook: 'postrouting', link: link.name, refusal }
}

/** ip_forward in net/ipv4/ip_forward.c, ip6_forward in net/ipv6/ip6_output.c. */
const timeIsOver = ({ ttl, family }: Wire): Refusal | undefined =>
  ttl === undefined || ttl > 1
    ? undefined
    : {
        reason: `its ${family === 4 ? 'TTL' : 'hop limit'} has run out, so it is not passed on`,
        evidence: [],
      }

/** What is longer than the next link takes is split only where the sender allows it, which it mostly does not. */
const tooLong = (
  { setting }: PlaceFacts,
  { length, family }: Wire,
  output: Link | undefined,
): Refusal | undefined => {
  if (length === undefined || output === undefined || output.mtu === 0 || length <= output.mtu)
    return undefined
  if (family === 4 && (setting('net.ipv4.ip_no_pmtu_disc') ?? '0') !== '0') return undefined
  return {
    reason: `its ${length} bytes do not fit into ${output.name} (MTU ${output.mtu}), and it must not be split`,
    evidence: [],
  }
}
