import { didSomething, type StoryEvent } from '../trace/events.ts'
import type { Story } from '../trace/story.ts'
import { type HeaderChange, isTranslation } from '../walk/header-change.ts'
import type { Prediction } from './prediction.ts'
import { chosenLater } from './wire.ts'

/**
 * Theory of operation. Both are lists of events in the kernel's order; an event is the same one when it is of the same
 * packet, in the same namespace, at the same hook and chain. What a prediction leaves open (a port that is chosen at the
 * time, whether somebody answers) cannot differ. Behind the first place at which the two part there is nothing to compare.
 */

/** `=`: as predicted; `≠`: otherwise; `?`: only one of the two says something about it. */
export type Agreement = '=' | '≠' | '?'

/** One step of the way, as predicted and as observed. */
export type ComparedStep = {
  packet: StoryEvent['packet']
  interface: string | undefined
  hook: StoryEvent['hook']
  /** `inet natspace forward`, `route`, or `connection tracking`. */
  what: string
  predicted: StoryEvent | undefined
  observed: StoryEvent | undefined
  agreement: Agreement
}

export type Comparison = {
  steps: ComparedStep[]
  /** Null where nothing was predicted for what happened. */
  agrees: boolean | null
  /** A sentence for each difference. */
  differences: string[]
}

/** Compares a prediction with what was observed of the same flow. Pure. */
export const compare = (prediction: Prediction, story: Story): Comparison => {
  const steps = pairs(prediction.events.filter(isComparable), story.events.filter(isComparable))
  const judged = steps.map((step, index) => ({
    ...step,
    agreement: judge(step, steps.slice(0, index), prediction, story),
  }))
  const parted = judged.find(({ agreement }) => agreement === '≠')
  const ends = endsAgree(prediction, story)
  const differences = [
    ...(parted === undefined
      ? []
      : [
          `predicted and observed differ at ${parted.interface ?? 'an unknown link'} ${parted.hook}, ${parted.what}`,
        ]),
    ...(ends === false
      ? [
          `predicted and observed end differently: predicted ${endText(prediction)}, observed ${endText(story)}`,
        ]
      : []),
  ]
  return { steps: judged, agrees: differences.length > 0 ? false : ends, differences }
}

const endText = ({ end }: Prediction | Story): string => `${end.outcome} (${end.reason})`

/** What connection tracking says of a packet without changing it is told by newer kernels only. */
const isComparable = ({ kind, changes }: StoryEvent): boolean =>
  kind !== 'conntrack' || changes.some(isTranslation)

type Pair = Omit<ComparedStep, 'agreement'>

const keyOf = ({ packet, point, hook, kind, chain }: StoryEvent): string =>
  [packet, point === 'inside' ? 'inside' : 'host', hook, kind, chain && whatOf({ kind, chain })].join(' ')

const whatOf = ({ kind, chain }: Pick<StoryEvent, 'kind' | 'chain'>): string =>
  kind === 'routing'
    ? 'route'
    : chain === undefined
      ? 'connection tracking'
      : `${chain.family} ${chain.table} ${chain.name}`

/** Events of both that belong together, and those of one alone at their places. */
const pairs = (predicted: readonly StoryEvent[], observed: readonly StoryEvent[]): Pair[] => {
  const left = [...observed]
  const rows: Pair[] = []
  const take = (count: number) => {
    for (const event of left.splice(0, count)) rows.push(pairOf(undefined, event))
  }
  for (const event of predicted) {
    const place = left.findIndex(other => keyOf(other) === keyOf(event))
    if (place < 0) {
      rows.push(pairOf(event, undefined))
      continue
    }
    take(place)
    rows.push(pairOf(event, left.shift()))
  }
  take(left.length)
  return rows
}

const pairOf = (predicted: StoryEvent | undefined, observed: StoryEvent | undefined): Pair => {
  const event = (observed ?? predicted) as StoryEvent
  const { packet, interface: name, hook } = event
  return { packet, interface: name, hook, what: whatOf(event), predicted, observed }
}

const judge = (
  { predicted, observed, packet }: Pair,
  before: readonly Pair[],
  prediction: Prediction,
  story: Story,
): Agreement => {
  if (predicted !== undefined && observed !== undefined) {
    const agreement = eventsAgree(predicted, observed)
    // The look-ups of a story do not know of marks.
    if (agreement === '≠' && predicted.kind === 'routing' && before.some(isMarking)) return '?'
    // An answer of another kind than the one that was taken for granted.
    return agreement === '≠' && packet === 'reply' && story.end.outcome === 'refused' ? '?' : agreement
  }
  const event = (predicted ?? observed) as StoryEvent
  if (event.hook === 'ingress' || event.hook === 'egress' || isUnobserved(event)) return '?'
  // One of the two had come to its end by then.
  const isStopped = ({ predicted: one, observed: other }: Pair): boolean =>
    [one, other].some(item => item !== undefined && isStop(item))
  if (before.some(isStopped)) return '?'
  if (predicted === undefined) {
    const isOpen = prediction.end.outcome === 'unknown' || packet === 'reply'
    return isOpen || !didSomething(event) ? '?' : '≠'
  }
  const isSeen = story.events.some(
    item => item.packet === packet && (item.point === 'inside') === (event.point === 'inside'),
  )
  if (!isSeen || story.end.outcome === 'lost' || (packet === 'reply' && story.end.outcome === 'refused'))
    return '?'
  // No look-up is made for what this host answers itself.
  return didSomething(event) && event.kind !== 'routing' ? '≠' : '?'
}

/** A trace marks packets at the priority -500: what is in front of that is not told by it. */
const isUnobserved = ({ kind, stage }: StoryEvent): boolean => kind === 'chain' && Number(stage) < -500

const isMarking = ({ predicted }: Pair): boolean =>
  predicted?.changes.some(({ field }) => field === 'mark') ?? false

const isStop = ({ verdict, kind }: StoryEvent): boolean =>
  verdict !== undefined && verdict !== 'accept' && kind !== 'conntrack'

const eventsAgree = (predicted: StoryEvent, observed: StoryEvent): Agreement => {
  if (predicted.kind === 'routing')
    return predicted.rule === observed.rule && predicted.verdict === observed.verdict ? '=' : '≠'
  if (predicted.kind === 'chain') {
    if (predicted.verdict === undefined) return '?'
    if (predicted.verdict !== observed.verdict) return '≠'
    // Several ways lead to this verdict.
    if (predicted.decidedBy === undefined) return changesAgree(predicted.changes, observed.changes)
    if (predicted.decidedBy !== observed.decidedBy) return '≠'
    if (predicted.decidedBy === 'rule' && predicted.rule !== observed.rule) return '≠'
  }
  return changesAgree(predicted.changes, observed.changes)
}

const isPortLike = ({ field }: HeaderChange): boolean =>
  field === 'sourcePort' || field === 'destinationPort' || field === 'icmpId'

const changesAgree = (predicted: readonly HeaderChange[], observed: readonly HeaderChange[]): Agreement => {
  const marks = [...predicted, ...observed].map((change): Agreement => {
    // Rules of one chain may change a field one after the other.
    const [one, other] = [predicted, observed].map(list =>
      list.findLast(({ field }) => field === change.field),
    )
    // It depends on something that nobody knows beforehand, such as the TTL of an answer.
    if (one?.after === 'unknown') return '?'
    if (one !== undefined && other !== undefined)
      return one.after === chosenLater || one.after === other.after ? '=' : '≠'
    // A port that would be kept was not free; one that was chosen happened to be the old one.
    if (isPortLike(change)) return one?.after === chosenLater ? '=' : '?'
    return isTranslation(change) ? '≠' : '?'
  })
  return marks.includes('≠') ? '≠' : marks.includes('?') && marks.every(mark => mark === '?') ? '?' : '='
}

/** Whether it ended as was predicted. */
const endsAgree = ({ end: predicted }: Prediction, { end: observed }: Story): boolean | null => {
  if (predicted.outcome === 'unknown') return null
  const { at } = observed
  if (predicted.outcome === 'delivered') {
    if (observed.outcome !== 'lost') return observed.outcome !== 'dropped'
    // Whether the next hop is there was not predicted.
    return at.packet === 'request' && at.point === 'uplink' ? true : null
  }
  if (observed.outcome === 'lost') return at.packet === predicted.at.packet ? true : null
  // No answer came that could have been stopped, or another one than was taken for granted.
  const isOtherAnswer = observed.outcome === 'delivered' || observed.outcome === 'refused'
  if (predicted.at.packet === 'reply' && isOtherAnswer) return null
  return (
    observed.outcome === 'dropped' &&
    at.packet === predicted.at.packet &&
    at.chain === predicted.at.chain &&
    at.hook === predicted.at.hook
  )
}
