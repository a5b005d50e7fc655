import type { Kernel } from '../../linux/kernel.ts'
import type { RuleRef } from '../../linux/nftables/evaluate/index.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import type { ProbeTarget } from '../trace/probe.ts'
import type { RuleDoubt } from './doubts.ts'
import type { Ending } from './ends.ts'
import { type PredictionFacts, readFacts } from './facts.ts'
import type { PredictedFlow } from './flow.ts'
import { followInbound } from './inbound.ts'
import { Journal } from './journal.ts'
import { followOutbound } from './outbound.ts'
import type { PlaceAssumption } from './passage.ts'
import type { Doubt, Prediction } from './prediction.ts'
import { predictedConnection, predictedNotes, predictedTuple } from './summary.ts'
import { unseenOnWay } from './unseen.ts'

/**
 * Theory of operation. Nothing is sent. The rules are evaluated with three values, so that what is not known is never
 * guessed; routing is asked of the kernel itself. Where the end depends on a rule that cannot be evaluated, the flow is
 * followed twice more for each such rule: as if it applied, and as if it did not.
 */

export type PredictOptions = {
  /** Source port, or identifier of the echo; left out: chosen at the time. */
  sourcePort?: number
  /** Bytes of a datagram's content (default: none). */
  payloadLength?: number
}

/**
 * What would happen to a flow from a space. Reads, and sends nothing. Throws NetlinkError, SystemError, NamespaceError (EPERM
 * without privilege over the namespaces).
 */
export const predictFlow = (
  kernel: Kernel,
  space: ResolvedSpace,
  target: ProbeTarget,
  options: PredictOptions = {},
): Prediction => predict(readFacts(kernel, space), flowTo(target, options))

/** The flow of a probe. */
export const flowTo = (
  { family, protocol, address, port }: ProbeTarget,
  options: PredictOptions = {},
): PredictedFlow => ({
  family,
  protocol,
  destination: address,
  ...(port === undefined ? {} : { port }),
  ...options,
})

/** A flow from outside: who asks which address and port of this host. */
export type InboundFlow = {
  source: string
  destination: string
  port?: number
  protocol: 'icmp' | 'tcp' | 'udp'
  sourcePort?: number
}

/** What would happen to a flow from outside to a space. Throws as `predictFlow`. */
export const predictInbound = (kernel: Kernel, space: ResolvedSpace, flow: InboundFlow): Prediction =>
  predictIncoming(readFacts(kernel, space), flow)

/** What would happen to a flow from a space, by facts alone. */
export const predict = (facts: PredictionFacts, flow: PredictedFlow): Prediction =>
  withDoubts(assume => follow(facts, 'out', flow, assume, journal => followOutbound(journal, flow)))

/** The same for a flow from outside. */
export const predictIncoming = (facts: PredictionFacts, inbound: InboundFlow): Prediction => {
  const flow = { ...inbound, family: inbound.destination.includes(':') ? 6 : 4 } as const
  return withDoubts(assume => follow(facts, 'in', flow, assume, journal => followInbound(journal, flow)))
}

type Followed = { prediction: Prediction; depends: Ending['depends'] }

const follow = (
  facts: PredictionFacts,
  direction: Prediction['direction'],
  flow: PredictedFlow,
  assume: PlaceAssumption | undefined,
  way: (journal: Journal) => Ending,
): Followed => {
  const journal = new Journal(facts, assume)
  const { end, depends } = way(journal)
  const inner = facts.inside.links.filter(({ name }) => name === facts.space.interface)
  const outer = facts.host.links.filter(({ name }) => name === facts.space.hostInterface)
  return {
    prediction: {
      space: facts.space.name,
      direction,
      protocol: flow.protocol,
      tuple: predictedTuple(journal, flow),
      points: journal.points(),
      events: journal.events,
      connection: predictedConnection(journal, end),
      notes: predictedNotes(journal),
      unseen: unseenOnWay(facts, flow.family, {
        inside: inner,
        host: journal.uplink === undefined ? outer : [...outer, journal.uplink],
      }),
      end,
    },
    depends,
  }
}

/** More rules are not followed both ways. */
const mostFollowed = 3

const withDoubts = (run: (assume: PlaceAssumption | undefined) => Followed): Prediction => {
  const { prediction, depends } = run(undefined)
  const { end } = prediction
  if (end.outcome !== 'unknown') return prediction
  if (depends.length > 0 && depends.every(isClaimed)) {
    const unlucky = depends.map(({ rule }) => rule)
    const { prediction: likely } = run((_, ref) =>
      unlucky.some(rule => isSame(rule, ref)) ? false : undefined,
    )
    return { ...likely, notes: [...likely.notes, claimedNote] }
  }
  const doubts = end.doubts.map((doubt, index): Doubt => {
    const about = depends[index]
    if (about === undefined || index >= mostFollowed) return doubt
    const ending = (applies: boolean) => endWords(run(assuming(about, applies)).prediction)
    return { ...doubt, ifApplies: ending(true), ifNot: ending(false) }
  })
  return { ...prediction, end: { ...end, doubts } }
}

/** natspace's own guard of ports that answer for somebody else: what it drops is asked again from another port. */
const isClaimed = ({ rule, at }: RuleDoubt): boolean =>
  at === 'host' && rule.family === 'inet' && rule.table === 'natspace' && rule.chain === 'claimed_ports'

const claimedNote =
  'should the port that is chosen be one that answers for somebody else, the packet is dropped, and the next attempt gets another'

const assuming =
  ({ rule, at }: RuleDoubt, applies: boolean): PlaceAssumption =>
  (where, ref) =>
    where === at && isSame(rule, ref) ? applies : undefined

const isSame = (one: RuleRef, other: RuleRef): boolean =>
  one.rule.handle === other.rule.handle &&
  one.chain === other.chain &&
  one.table === other.table &&
  one.family === other.family

const endWords = ({ end }: Prediction): string | undefined =>
  end.outcome === 'unknown' ? undefined : `${end.outcome}: ${end.reason}`
