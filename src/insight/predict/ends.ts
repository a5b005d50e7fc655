import { guiltyText, ownCause } from '../trace/drop-cause.ts'
import type { Point, StoryEvent } from '../trace/events.ts'
import type { TracedSpace } from '../trace/observation.ts'
import type { RuleDoubt } from './doubts.ts'
import type { Stop } from './passage.ts'
import type { PredictedEnd } from './prediction.ts'

/** An end, and the rules on which it depends where that is not known. */
export type Ending = { end: PredictedEnd; depends: readonly RuleDoubt[] }

/** Where a packet is when it ends. */
export type EndPlace = { packet: StoryEvent['packet']; at: 'inside' | 'host'; space: TracedSpace }

const pointOf = ({ at, space }: EndPlace, link: string | undefined): Point =>
  at === 'inside' ? 'inside' : link === undefined || link === space.hostInterface ? 'cable' : 'uplink'

/** The end of a packet that something stops. Pure. */
export const stoppedEnd = (stop: Stop, place: EndPlace): Ending => {
  const { packet, at: where, space } = place
  const { hook, link } = stop
  const at = {
    packet,
    point: pointOf(place, link),
    ...(link === undefined ? {} : { interface: link }),
    hook,
  }
  const came = packet === 'reply' ? 'the answer would come back, and ' : ''
  if (stop.type === 'rule') {
    const { visit } = stop
    const cause = ownCause(visit, space)
    return certain({
      outcome: 'dropped',
      at: {
        ...at,
        chain: `${visit.family} ${visit.table} ${visit.chain}`,
        owner: visit.owner?.name ?? 'unknown',
      },
      reason: `${came}it would be stopped by ${guiltyText(visit)}${where === 'inside' ? ', inside the space' : ''}`,
      evidence: cause === undefined ? [] : [cause],
      doubts: [],
    })
  }
  if (stop.type === 'refusal')
    return certain({
      outcome: 'dropped',
      at,
      reason: `${came}${stop.refusal.reason}`,
      evidence: stop.refusal.evidence,
      doubts: [],
    })
  const [first] = stop.doubts
  return {
    end: {
      outcome: 'unknown',
      at: {
        ...at,
        ...(first === undefined ? {} : { chain: first.doubt.chain, owner: first.doubt.owner }),
      },
      reason: `${came}${stop.reason}`,
      evidence: [],
      doubts: stop.doubts.map(({ doubt }) => doubt),
    },
    depends: stop.doubts,
  }
}

/** An end that depends on nothing. */
export const certain = (end: PredictedEnd): Ending => ({ end, depends: [] })

/** The end of a flow that would get to where it is for. */
export const deliveredEnd = (
  at: PredictedEnd['at'],
  reason: string,
  evidence: readonly string[] = [],
): Ending => certain({ outcome: 'delivered', at, reason, evidence: [...evidence], doubts: [] })

/** The end of a flow that a fact, and no rule, makes impossible. */
export const impossibleEnd = (
  at: PredictedEnd['at'],
  reason: string,
  evidence: readonly string[] = [],
): Ending => certain({ outcome: 'dropped', at, reason, evidence: [...evidence], doubts: [] })
