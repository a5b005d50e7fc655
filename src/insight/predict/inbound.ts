import type { Link } from '../../linux/rtnetlink/link.ts'
import { arrive, depart } from './crossing.ts'
import { deliveredEnd, type Ending, impossibleEnd, stoppedEnd } from './ends.ts'
import { answerTo, firstPacket, type PredictedFlow } from './flow.ts'
import type { Journal } from './journal.ts'
import { assumption, cableOf } from './outbound.ts'
import type { Passage } from './passage.ts'

/**
 * Theory of operation. A flow that comes from outside: by the link that leads back to its sender, through the host, which
 * leads it to the space where a port is published, and into the space. That a program there answers is taken for granted;
 * the answer goes back the same way.
 */

/** Follows a flow from outside to the space. */
export const followInbound = (journal: Journal, flow: PredictedFlow & { source: string }): Ending => {
  const { facts } = journal
  const { space } = facts
  const links = cableOf(journal)
  if (!('cable' in links)) return links
  const { inner, cable } = links
  const back = facts.host.decide({ destination: flow.source })
  const uplink = facts.host.links.find(
    ({ index }) => back.found && back.type === 'unicast' && index === back.device?.index,
  )
  const begin = { packet: 'request', point: 'uplink' } as const
  if (uplink === undefined)
    return impossibleEnd(
      begin,
      `no link of this host leads to ${flow.source}, so it cannot be told how it comes`,
    )
  journal.uplink = uplink
  const passage = journal.passage('host', 'request', firstPacket(flow, flow.source, undefined))
  journal.sight('request', 'uplink', passage.wire)
  const crossed = arrive({ facts: facts.host, at: 'host' }, passage, uplink)
  journal.events.push(...passage.events)
  if (crossed.type === 'stopped') return stoppedEnd(crossed.stop, { packet: 'request', at: 'host', space })
  if (crossed.type === 'delivered')
    return deliveredEnd(
      { ...begin, interface: uplink.name, hook: 'input' },
      'this host would take it itself: nothing leads it to the space',
    )
  if (crossed.output.index !== cable.index)
    return deliveredEnd(
      { ...begin, interface: crossed.output.name },
      `it would leave by ${crossed.output.name}, and not come to the space`,
    )
  journal.sight('request', 'cable', passage.wire)
  return intoSpace(journal, passage, { inner, cable, uplink })
}

type Links = { inner: Link; cable: Link; uplink: Link }

const intoSpace = (journal: Journal, host: Passage, links: Links): Ending => {
  const { facts, tracking } = journal
  const { space } = facts
  const inside = { facts: facts.inside, at: 'inside' } as const
  const request = journal.passage('inside', 'request', host.wire)
  journal.sight('request', 'inside', request.wire)
  const taken = arrive(inside, request, links.inner)
  journal.events.push(...request.events)
  if (taken.type === 'stopped') return stoppedEnd(taken.stop, { packet: 'request', at: 'inside', space })
  const at = { packet: 'request', point: 'inside', interface: links.inner.name } as const
  if (taken.type === 'sent')
    return impossibleEnd(
      at,
      `the space would send it on by ${taken.output.name}: it is not for an address of the space`,
    )
  tracking.host.answered()
  tracking.inside.answered()
  const reply = journal.passage('inside', 'reply', answerTo(request.wire, facts.inside))
  const left = depart(inside, reply)
  journal.events.push(...reply.events)
  if (left.type === 'stopped') return stoppedEnd(left.stop, { packet: 'reply', at: 'inside', space })
  journal.sight('reply', 'inside', reply.wire)
  if (left.type === 'delivered' || left.output.index !== links.inner.index)
    return impossibleEnd(
      { ...at, packet: 'reply' },
      'the answer would not leave the space by its cable, so it would not reach the sender',
    )
  journal.sight('reply', 'cable', reply.wire)
  return backOut(journal, reply, links)
}

const backOut = (journal: Journal, inside: Passage, { cable, uplink, inner }: Links): Ending => {
  const { facts } = journal
  const { space } = facts
  const reply = journal.passage('host', 'reply', inside.wire)
  const crossed = arrive({ facts: facts.host, at: 'host' }, reply, cable)
  journal.events.push(...reply.events)
  if (crossed.type === 'stopped') return stoppedEnd(crossed.stop, { packet: 'reply', at: 'host', space })
  const good = deliveredEnd(
    { packet: 'request', point: 'inside', interface: inner.name, hook: 'input' },
    `it would reach the space as ${textOf(inside)}`,
    [assumption],
  )
  if (crossed.type === 'delivered')
    return impossibleEnd(
      { packet: 'reply', point: 'cable', interface: cable.name, hook: 'input' },
      'this host would take the answer for its own: nothing knows it as one of the connection',
    )
  journal.sight('reply', 'uplink', reply.wire)
  if (crossed.output.index === uplink.index) return good
  return {
    ...good,
    end: {
      ...good.end,
      evidence: [
        ...good.end.evidence,
        `the answer would leave by ${crossed.output.name}, another link than it came by`,
      ],
    },
  }
}

/** Where the request came to, seen from its answer. */
const textOf = ({ wire }: Passage): string => {
  const { source, sourcePort } = wire
  if (sourcePort === undefined) return source
  return source.includes(':') ? `[${source}]:${sourcePort}` : `${source}:${sourcePort}`
}
