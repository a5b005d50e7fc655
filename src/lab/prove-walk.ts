import type { Topic } from '../space/text/topics.ts'
import { network } from './places.ts'
import type { Proof } from './proof.ts'
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
 * The walk of one packet and of its reply, sentence by sentence: what `natspace explain` tells is what must be so, and
 * the chain, the rule or the route that was seen is the evidence. All pure.
 */

const { space, uplink, host1, host2 } = network

/** The way out: the topic is the walk of an outbound packet (`natspace explain walk`). */
export const walkProofs = (walk: Walk, { paragraphs, points }: Topic, teller: Teller): Proof[] => {
  const at = (point: Part['point'], hook: Part['hook']) =>
    eventsAt(walk.story, { packet: 'request', point, hook })
  const forwarding = walk.seen.settings['net.ipv4.ip_forward']
  return [
    claim('the walk: the default route (step 6)', paragraphs[0], teller, () => {
      const events = at('inside', 'routing')
      const route = `default via ${space.gateway} dev ${space.interface} (table main)`
      return { ok: events.length === 1 && events[0]?.rule === route, events }
    }),
    claim('the walk, 1: PREROUTING', points[0], teller, () => {
      const events = at('cable', 'prerouting')
      const isLetIn = events.some(event => event.chain?.table === 'natspace' && event.verdict === 'accept')
      const isUntouched = !events.some(event => isStop(event) || isTranslating(event))
      return { ok: isLetIn && isUntouched, events: telling(events) }
    }),
    claim('the walk, 2: routing decision (steps 7 and 9)', points[1], teller, () => {
      const routing = at('cable', 'routing')
      const forward = at('cable', 'forward')
      const isForwarded = routing.length === 1 && !routing.some(isStop) && isOneHopOn(routing[0])
      return {
        ok: isForwarded && forwarding === '1' && isAccepted(forward),
        events: [...routing, ...telling(forward)],
        more: [`net.ipv4.ip_forward = ${forwarding ?? 'unknown'}`],
      }
    }),
    claim('the walk, 3: forwarding', points[2], teller, () => {
      const events = at('cable', 'routing')
      return { ok: events[0]?.rule === `${network.lan} dev ${uplink} (table main)`, events }
    }),
    claim('the walk, 4: POSTROUTING (step 8)', points[3], teller, () => {
      const events = at('uplink', 'postrouting').filter(isTranslating)
      const [snat] = events
      const isOurs = snat?.chain?.program === 'natspace' && snat.rule?.includes('masquerade') === true
      const isSource = changed(snat, [{ field: 'source', before: space.address, after: host1 }])
      return { ok: events.length === 1 && isOurs && isSource, events }
    }),
    claim('the walk, 5: out', points[4], teller, () => {
      const point = walk.story.points.find(item => item.point === 'uplink')
      const captured = walk.rows.find(row => row.place === 'host1' && row.interface === uplink)?.request
      const header = point?.request?.header
      const isSame = header?.ipId !== undefined && header.ipId === captured?.header.ipId
      const isOut = point?.interface === uplink && header?.source === host1 && captured?.direction === 'out'
      return { ok: isSame && isOut, more: capturedLines(uplink, captured, teller) }
    }),
  ]
}

/** The way back: the topic is why the reply finds its way (`natspace explain reply`). */
export const replyProofs = (walk: Walk, { paragraphs }: Topic, teller: Teller): Proof[] => {
  const { story } = walk
  const at = (point: Part['point'], hook: Part['hook']) => eventsAt(story, { packet: 'reply', point, hook })
  return [
    claim('the reply: reversed by connection tracking', paragraphs[0], teller, () => {
      const events = at('uplink', 'prerouting').filter(isTranslating)
      const [reversing] = events
      const { connection } = story
      const isReversed = changed(reversing, [{ field: 'destination', before: host1, after: space.address }])
      const isRemembered =
        connection?.original.source === space.address &&
        connection.reply.source === host2 &&
        connection.reply.destination === host1
      return {
        ok: events.length === 1 && reversing?.kind === 'conntrack' && isReversed && isRemembered,
        events,
        more: connectionLines(story, teller),
      }
    }),
    claim(
      'the reply: routed to the cable, and accepted',
      `The reversed destination is inside: the route leads to ${space.hostInterface}, and the FORWARD rules of step 9 accept the direction back.`,
      teller,
      () => {
        const routing = at('uplink', 'routing')
        const forward = at('uplink', 'forward')
        const isRouted = routing[0]?.rule === `${space.network} dev ${space.hostInterface} (table main)`
        return {
          ok: isRouted && isOneHopOn(routing[0]) && isAccepted(forward),
          events: [...routing, ...telling(forward)],
        }
      },
    ),
    claim(
      'the reply: delivered inside',
      `It goes through the cable, and ${space.name} takes it for its own.`,
      teller,
      () => {
        const events = at('inside', 'routing')
        const isOwn = events[0]?.rule === `local ${space.address}/32 (table local)`
        const { outcome, reason } = story.end
        return { ok: isOwn && outcome === 'answered', events, more: [teller.plain(reason)] }
      },
    ),
  ]
}
