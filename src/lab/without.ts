import { decisionText } from '../insight/trace/route-text.ts'
import type { Attempt } from './attempt.ts'
import { heardText, pingHost2, pingText } from './experiment.ts'
import { ping } from './ping.ts'
import { network, withNamespace } from './places.ts'
import { type Proof, prove } from './proof.ts'
import { absent, arrived, captureProofs, type ExpectedRow, untranslatedAt } from './prove-captures.ts'
import type { Teller } from './teller.ts'

/**
 * What each of the last four steps is for, shown by leaving it out. It must fail exactly in the way that belongs to that
 * step: where the packet got to is captured at each point, and what stopped it is told by the engine of `natspace trace`,
 * and borne out by counters.
 */

/** Steps without which there still is a cable to send by. */
export const omissibleSteps = [6, 7, 8, 9] as const
export type OmissibleStep = (typeof omissibleSteps)[number]

const { space, uplink } = network
const identifierAfterwards = 29611

/**
 * What is left out must be the only thing that is missing. The first packet after a link came up may be lost (ARP asks
 * again after a second), and would be taken for one that was dropped: so this comes first.
 */
export const proveCable = (): Proof =>
  prove('the cable itself works', `${space.gateway}, the host end, answers a ping from ${space.name}`, () => {
    const result = withNamespace(space.name, myspace =>
      ping(myspace, space.gateway, { identifier: 1, attempts: 30, milliseconds: 100 }),
    )
    return { ok: result.reply?.source === space.gateway, seen: pingText(result) }
  })

/** Proves that it fails as it must: the rows of the captures first, in their order; then that it fails, where and why. */
export const failureProofs = (
  step: OmissibleStep,
  seen: Attempt,
  { teller }: { teller: Pick<Teller, 'packet' | 'plain'> },
): Proof[] => [
  ...captureProofs('the echo', seen.rows, expectations[step], teller),
  ...stories[step](seen, teller.plain),
]

/** What the points see, in their order. */
const expectations: Record<OmissibleStep, readonly ExpectedRow[]> = {
  6: [absent, absent, absent, absent, absent],
  7: [arrived, arrived, absent, absent, absent],
  8: [arrived, arrived, arrived, untranslatedAt.host2, untranslatedAt.host2],
  9: [arrived, arrived, absent, absent, absent],
}

const host2HearsNothing = (seen: Attempt): Proof => {
  const request = seen.rows.at(-1)?.request
  return prove('host2 hears nothing', 'no request', () => ({
    ok: request === undefined,
    seen: request === undefined ? 'no request' : `one of ${request.header.source}`,
  }))
}

const fails = (
  { seen: { answer }, connect }: Attempt,
  refused: string | undefined,
  code: string,
): Proof[] => [
  prove(`ping ${network.host2} fails`, refused === undefined ? 'no answer' : `refused: ${refused}`, () => ({
    ok: refused === undefined ? answer.type === 'none' : answer.type === 'error' && answer.code === refused,
    seen:
      answer.type === 'none'
        ? 'no answer'
        : answer.type === 'error'
          ? `refused: ${answer.code}`
          : answer.type,
  })),
  prove(`connect to ${network.host2} fails`, code, () => ({ ok: connect === code, seen: connect })),
]

/** The end of the story as `natspace trace` tells it: `ending` is a part of the reason. */
const ends = (
  { story: { end, notes } }: Attempt,
  expected: string,
  at: { outcome: string; point: string; hook?: string; chain?: string; ending: string },
  plain: (text: string) => string,
): Proof =>
  prove('where the packet ends', expected, () => ({
    ok:
      end.outcome === at.outcome &&
      end.at.point === at.point &&
      end.at.hook === at.hook &&
      end.at.chain === at.chain &&
      [end.reason, ...notes].some(words => words.includes(at.ending)),
    seen: [`${end.outcome}: ${end.reason}`, ...end.evidence, ...notes].map(plain).join('\n'),
  }))

const stories: Record<OmissibleStep, (seen: Attempt, plain: (text: string) => string) => Proof[]> = {
  6: (seen, plain) => [
    ...fails(seen, 'ENETUNREACH', 'ENETUNREACH'),
    ends(
      seen,
      `at the routing decision of ${space.name} itself, which has no route`,
      { outcome: 'dropped', point: 'inside', hook: 'routing', ending: 'no route leads to 192.168.1.15' },
      plain,
    ),
    prove(
      'nothing leaves the namespace',
      `${space.name} sends no IPv4 packet (Ip OutRequests +0), and host2 hears nothing`,
      () => ({
        ok: seen.sentBySpace === 0 && seen.rows.every(row => row.request === undefined),
        seen: `OutRequests +${seen.sentBySpace}; nothing at ${seen.rows.length} points`,
      }),
    ),
  ],
  7: (seen, plain) => [
    ...fails(seen, undefined, 'ETIMEDOUT'),
    ends(
      seen,
      'at the routing decision of host1, which does not forward',
      { outcome: 'dropped', point: 'cable', hook: 'routing', ending: 'net.ipv4.ip_forward is 0' },
      plain,
    ),
    prove(
      `the request arrives on ${space.hostInterface}, and host1 does not forward it`,
      'host1 refuses one packet that is not for itself (Ip InAddrErrors +1), and forwards none',
      () => ({
        ok: seen.receivedOnHostEnd > 0 && seen.notForwarded === 1 && seen.forwarded === 0,
        seen: `${space.hostInterface} received ${seen.receivedOnHostEnd} (ARP included); InAddrErrors +${seen.notForwarded}, ForwDatagrams +${seen.forwarded}`,
      }),
    ),
    host2HearsNothing(seen),
  ],
  8: (seen, plain) => [
    ...fails(seen, undefined, 'ETIMEDOUT'),
    ends(
      seen,
      `nowhere in host1: it leaves by ${uplink}, with its inside source`,
      { outcome: 'delivered', point: 'uplink', ending: `with its inside source ${space.address}` },
      plain,
    ),
    prove('the request does reach host2', `with its inside address as the source: ${space.address}`, () => {
      const header = seen.rows.at(-1)?.request?.header
      return {
        ok: header?.source === space.address && header.destination === network.host2,
        seen:
          header === undefined ? 'nothing' : `${header.source} > ${header.destination}, id ${header.icmpId}`,
      }
    }),
    prove(
      'the answer never comes back',
      `host2 sends it to ${space.address}, by its default route to the router, which has no way there`,
      () => {
        const { host2, router } = seen.answerRoutes
        const isSent = host2.found && host2.gateway === network.router
        return {
          ok: isSent && !router.found && seen.lostAtRouter === 1 && seen.seen.answer.type === 'none',
          seen: [
            `routing in host2: ${decisionText(host2)}`,
            `routing in ${network.router}: ${decisionText(router)}`,
            `packets for unreachable addresses at ${network.router}: +${seen.lostAtRouter}`,
          ].join('\n'),
        }
      },
    ),
  ],
  9: (seen, plain) => [
    ...fails(seen, undefined, 'ETIMEDOUT'),
    ends(
      seen,
      'in the FORWARD chain of host1, by its policy',
      {
        outcome: 'dropped',
        point: 'cable',
        hook: 'forward',
        chain: 'ip filter FORWARD',
        ending: 'the policy of ip filter FORWARD',
      },
      plain,
    ),
    prove(
      'the FORWARD chain of host1 drops the request',
      'its policy drops one packet, which host1 was willing to forward (InAddrErrors +0)',
      () => ({
        ok: seen.droppedByPolicy === 1 && seen.notForwarded === 0,
        seen: `policy of FORWARD +${seen.droppedByPolicy}, InAddrErrors +${seen.notForwarded}`,
      }),
    ),
    host2HearsNothing(seen),
  ],
}

/**
 * After the step was added the ping works: a new one, with an identifier of its own. Connection tracking decides about
 * translation with the first packet of a connection and keeps to it, so a ping that began without step 8 goes on without.
 */
export const proveCured = (step: OmissibleStep): Proof =>
  prove(`with step ${step}`, `a new ping from ${space.name} to ${network.host2} works`, () => {
    const { heard, result } = pingHost2({ identifier: identifierAfterwards })
    return {
      ok: result.reply !== undefined && heard.at(-1)?.source === network.host1,
      seen: `${pingText(result)}; host2 heard ${heardText(heard)}`,
    }
  })
