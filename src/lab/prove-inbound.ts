import type { Topic } from '../space/text/topics.ts'
import { clientPort } from './inbound-walk.ts'
import { network } from './places.ts'
import type { Proof } from './proof.ts'
import type { ExpectedRow } from './prove-captures.ts'
import type { Teller } from './teller.ts'
import {
  capturedLines,
  changed,
  claim,
  connectionLines,
  eventsAt,
  isAccepted,
  isOneHopOn,
  isStop,
  isTranslating,
  type Part,
  telling,
  type Walk,
} from './way.ts'

/**
 * A connection that begins outside, sentence by sentence (`natspace explain inbound`): the published port leads inside by a
 * rule, and the answers back by connection tracking. All pure.
 */

const { space, uplink, host1, host2 } = network
const { hostInterface, interface: inner, address, port, publishedPort } = space

/** What the points must see of a connection, in the order of the request. */
export const connectionRows = ({ rows }: Pick<Walk, 'rows'>): ExpectedRow[] => {
  const client = `${host2}:${clientPort(rows)}`
  const row = (server: string): ExpectedRow => ({
    request: `${client} > ${server} SYN`,
    reply: `${server} > ${client} SYN ACK`,
  })
  const [outside, inside] = [row(`${host1}:${publishedPort}`), row(`${address}:${port}`)]
  return [outside, outside, inside, inside]
}

/** The seven points of the topic; `served` is what the server saw of its client. */
export const inboundProofs = (walk: Walk, { points }: Topic, served: Proof, teller: Teller): Proof[] => {
  const { story, seen, rows } = walk
  const at = (point: Part['point'], hook: Part['hook'], packet: Part['packet'] = 'request') =>
    eventsAt(story, { packet, point, hook })
  const [, cameIn, atCable, cameInside] = rows
  const forwarding = seen.settings['net.ipv4.ip_forward']
  return [
    claim('inbound, 1: it comes in', points[0], teller, () => {
      const header = cameIn?.request?.header
      const isForPort = header?.destination === host1 && header.destinationPort === publishedPort
      return {
        ok: isForPort && cameIn?.request?.direction === 'in' && story.direction === 'in',
        more: capturedLines(uplink, cameIn?.request, teller),
      }
    }),
    claim('inbound, 2: PREROUTING (DNAT)', points[1], teller, () => {
      const events = at('uplink', 'prerouting').filter(isTranslating)
      const [dnat] = events
      const isOurs = dnat?.kind === 'chain' && dnat.chain?.program === 'natspace'
      const isDestination = changed(dnat, [
        { field: 'destination', before: host1, after: address },
        { field: 'destinationPort', before: publishedPort, after: port },
      ])
      return { ok: events.length === 1 && isOurs && isDestination, events }
    }),
    claim('inbound, 3: routing decision (steps 7 and 9)', points[2], teller, () => {
      const routing = at('uplink', 'routing')
      const forward = at('uplink', 'forward')
      const isForwarded = routing.length === 1 && !routing.some(isStop) && isOneHopOn(routing[0])
      return {
        ok: isForwarded && forwarding === '1' && isAccepted(forward),
        events: telling(forward),
        more: [`net.ipv4.ip_forward = ${forwarding ?? 'unknown'}`],
      }
    }),
    claim('inbound, 4: the route', points[3], teller, () => {
      const events = at('uplink', 'routing')
      return { ok: events[0]?.rule === `${space.network} dev ${hostInterface} (table main)`, events }
    }),
    claim('inbound, 5: POSTROUTING', points[4], teller, () => {
      const events = at('cable', 'postrouting')
      const isAsked = events.some(event => event.chain?.table === 'natspace')
      const isUntouched = !events.some(event => isStop(event) || isTranslating(event))
      const isClient = atCable?.request?.header.source === host2
      return {
        ok: isAsked && isUntouched && isClient,
        events: telling(events),
        more: isClient ? [`the source is still ${host2}`] : [],
      }
    }),
    claim('inbound, 6: through the cable', points[5], teller, () => ({
      ok:
        atCable?.request?.direction === 'out' &&
        cameInside?.request?.direction === 'in' &&
        atCable.request.header.ipId === cameInside.request.header.ipId,
      more: [
        ...capturedLines(hostInterface, atCable?.request, teller),
        ...capturedLines(inner, cameInside?.request, teller),
      ],
    })),
    claim('inbound, 7: the server receives it', points[6], teller, () => {
      const routing = at('inside', 'routing')
      const isOwn = routing[0]?.rule === `local ${address}/32 (table local)`
      const back = story.events.filter(event => event.packet === 'reply' && isTranslating(event))
      const isReversed =
        back.length === 1 &&
        back[0]?.kind === 'conntrack' &&
        changed(back[0], [
          { field: 'source', before: address, after: host1 },
          { field: 'sourcePort', before: port, after: publishedPort },
        ])
      return {
        ok: served.ok && isOwn && isReversed && story.end.outcome === 'answered',
        events: [...routing, ...back],
        more: connectionLines(story, teller),
      }
    }),
  ]
}
