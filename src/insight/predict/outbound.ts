import type { Link } from '../../linux/rtnetlink/link.ts'
import { neighbourState } from '../../linux/rtnetlink/neighbour.ts'
import { interfaceSysctl } from '../../linux/sysctl.ts'
import { knowsTheWay } from '../trace/traced-space.ts'
import { arrive, type Crossed, depart, queryOf } from './crossing.ts'
import { deliveredEnd, type Ending, impossibleEnd, stoppedEnd } from './ends.ts'
import { addressType } from './fib.ts'
import { answerTo, firstPacket, type PredictedFlow } from './flow.ts'
import type { Journal } from './journal.ts'
import type { Passage } from './passage.ts'
import type { Wire } from './wire.ts'

/**
 * Theory of operation. A flow that begins in the space: the request goes through the space and through the host, and leaves
 * by a link, or stays here. What is behind that link nobody knows; that it answers is taken for granted, so that the way of
 * the answer can be followed too, back through the host and into the space.
 */

/** Follows a flow from the space to wherever it leads. */
export const followOutbound = (journal: Journal, flow: PredictedFlow): Ending => {
  const { facts } = journal
  const { space } = facts
  const links = cableOf(journal)
  if (!('cable' in links)) return links
  const { cable } = links
  const place = { facts: facts.inside, at: 'inside' } as const
  const unbound = { destination: flow.destination }
  const decision = facts.inside.decide(
    flow.source === undefined ? unbound : { ...unbound, source: flow.source },
  )
  const source =
    flow.source ?? (decision.found ? decision.preferredSource : undefined) ?? ownAddress(journal, flow)
  if (source === undefined)
    return impossibleEnd(
      { packet: 'request', point: 'inside', interface: space.interface },
      `the space has no address of IPv${flow.family}`,
    )
  const first = firstPacket(flow, source, facts.inside)
  const request = journal.passage('inside', 'request', first)
  const asked = facts.inside.decide(queryOf(first, 0))
  const crossed = depart(place, request, asked.found ? asked : decision)
  journal.events.push(...request.events)
  if (crossed.type === 'stopped') return stoppedEnd(crossed.stop, { packet: 'request', at: 'inside', space })
  journal.sight('request', 'inside', request.wire)
  if (crossed.type === 'delivered')
    return deliveredEnd(
      { packet: 'request', point: 'inside', interface: 'lo' },
      'it would not leave the space: its destination is the space itself',
    )
  if (crossed.output.name !== space.interface)
    return deliveredEnd(
      { packet: 'request', point: 'inside', interface: crossed.output.name },
      `it would leave the space by ${crossed.output.name}, which is not the cable of natspace`,
    )
  const silence = silentEnd(journal, crossed.nextHop, crossed.output)
  if (silence !== undefined) return silence
  journal.sight('request', 'cable', request.wire)
  return throughHost(journal, request.wire, cable)
}

/** Both ends of the cable; or the end of a flow for which one is missing. */
export const cableOf = ({ facts }: Journal): { inner: Link; cable: Link } | Ending => {
  const { space, inside, host } = facts
  const inner = inside.links.find(({ name }) => name === space.interface)
  const cable = host.links.find(({ name }) => name === space.hostInterface)
  const at = { packet: 'request', point: 'inside', interface: space.interface } as const
  if (inner === undefined) return impossibleEnd(at, `${space.interface} in the space is not there`)
  if (cable === undefined)
    return impossibleEnd({ ...at, point: 'cable' }, `${space.hostInterface} is not there`)
  return { inner, cable }
}

const ownAddress = ({ facts }: Journal, { family }: PredictedFlow): string | undefined =>
  facts.space.addresses.find(address => address.includes(':') === (family === 6))

/** Nobody at the host's end of the cable would answer for the next hop's address. */
const silentEnd = ({ facts }: Journal, nextHop: string, inner: Link): Ending | undefined => {
  const { inside, host, space } = facts
  const isStatic = inside.neighbours.some(
    ({ index, address, state }) =>
      index === inner.index && address === nextHop && (state & neighbourState.permanent) !== 0,
  )
  const family = nextHop.includes(':') ? 'ipv6' : 'ipv4'
  const leaf = family === 'ipv4' ? 'proxy_arp' : 'proxy_ndp'
  const isProxy = ['all', space.hostInterface].some(
    name => host.setting(interfaceSysctl(family, name, leaf)) === '1',
  )
  const own = host.addresses.some(({ address }) => address === nextHop)
  if (isStatic || isProxy || own || addressType(host, nextHop) === 'local') return undefined
  return impossibleEnd(
    { packet: 'request', point: 'inside', interface: space.interface },
    `nobody at the other end of ${space.interface} answers for ${nextHop}, the next hop: it is no address of this host`,
  )
}

const throughHost = (journal: Journal, wire: Wire, cable: Link): Ending => {
  const { facts } = journal
  const { space } = facts
  const place = { facts: facts.host, at: 'host' } as const
  const passage = journal.passage('host', 'request', wire)
  const crossed = arrive(place, passage, cable)
  journal.events.push(...passage.events)
  if (crossed.type === 'stopped') {
    journal.uplink ??= facts.host.links.find(({ name }) => name !== cable.name && name === crossed.stop.link)
    return stoppedEnd(crossed.stop, { packet: 'request', at: 'host', space })
  }
  if (crossed.type === 'delivered') return answerFromHost(journal, passage, cable)
  journal.uplink = crossed.output
  journal.sight('request', 'uplink', passage.wire)
  const at = { packet: 'request', point: 'uplink', interface: crossed.output.name } as const
  const leaves = `it would leave by ${crossed.output.name} as ${passage.wire.source}`
  if (isUntranslated(journal, passage.wire, crossed.output))
    return deliveredEnd(at, `${leaves}; nobody outside would know a way back to that address`)
  return answerFromOutside(journal, passage, crossed.output, cable, deliveredEnd(at, leaves, [assumption]))
}

/** What every prediction of an answer's way rests on. */
export const assumption = 'what the other side does is not known: it is taken for granted that it answers'

/** It would leave with its inside address by a link behind which nobody knows that. */
export const isUntranslated = ({ facts }: Journal, { source, destination }: Wire, output: Link): boolean =>
  facts.space.addresses.includes(source) &&
  !facts.space.cables.includes(output.name) &&
  !knowsTheWay(facts.space, destination)

const answerFromOutside = (
  journal: Journal,
  request: Passage,
  uplink: Link,
  cable: Link,
  good: Ending,
): Ending => {
  const { facts, tracking } = journal
  const { space } = facts
  tracking.host.answered()
  tracking.inside.answered()
  const reply = journal.passage('host', 'reply', answerTo(request.wire))
  journal.sight('reply', 'uplink', reply.wire)
  const crossed = arrive({ facts: facts.host, at: 'host' }, reply, uplink)
  journal.events.push(...reply.events)
  return intoSpace(journal, crossed, reply, cable, good, uplink.name, space.hostInterface)
}

const answerFromHost = (journal: Journal, request: Passage, cable: Link): Ending => {
  const { facts, tracking } = journal
  tracking.host.answered()
  tracking.inside.answered()
  const good = deliveredEnd(
    { packet: 'request', point: 'cable', interface: cable.name, hook: 'input' },
    'this host would take it itself',
    ['that something here answers is taken for granted'],
  )
  const reply = journal.passage('host', 'reply', answerTo(request.wire, facts.host))
  const crossed = depart({ facts: facts.host, at: 'host' }, reply)
  journal.events.push(...reply.events)
  return intoSpace(journal, crossed, reply, cable, good, undefined, cable.name)
}

/** The answer behind the host: it has to leave by the cable, and to be taken in the space. */
const intoSpace = (
  journal: Journal,
  crossed: Crossed,
  reply: Passage,
  cable: Link,
  good: Ending,
  from: string | undefined,
  expected: string,
): Ending => {
  const { facts } = journal
  const { space } = facts
  if (crossed.type === 'stopped') return stoppedEnd(crossed.stop, { packet: 'reply', at: 'host', space })
  const at = {
    packet: 'reply',
    point: from === undefined ? 'cable' : 'uplink',
    ...(from === undefined ? {} : { interface: from }),
  } as const
  if (crossed.type === 'delivered')
    return impossibleEnd(
      { ...at, hook: 'input' },
      'the answer would come back, and this host would take it for its own: nothing knows it as one of the space',
    )
  if (crossed.output.index !== cable.index)
    return impossibleEnd(
      { ...at, hook: 'routing' },
      `the answer would come back, and leave by ${crossed.output.name} instead of ${expected}`,
    )
  journal.sight('reply', 'cable', reply.wire)
  const inner = facts.inside.links.find(({ name }) => name === space.interface)
  if (inner === undefined) return good
  const inside = journal.passage('inside', 'reply', reply.wire)
  journal.sight('reply', 'inside', inside.wire)
  const taken = arrive({ facts: facts.inside, at: 'inside' }, inside, inner)
  journal.events.push(...inside.events)
  if (taken.type === 'stopped') return stoppedEnd(taken.stop, { packet: 'reply', at: 'inside', space })
  if (taken.type === 'sent')
    return impossibleEnd(
      { packet: 'reply', point: 'inside', interface: inner.name },
      `the answer would come back into the space, and be sent on by ${taken.output.name}: it is not for an address of the space`,
    )
  return good
}
