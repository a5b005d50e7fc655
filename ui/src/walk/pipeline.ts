import type { PipelineChain, PipelineHook, StoryEvent, Walk } from '../../../src/server/protocol.ts'
import { chainName, type Frame, stationOf } from './frames.ts'
import type { Lane, PacketName } from './parts.ts'

/**
 * Theory of operation. Each namespace has the same hooks in the same places, whoever put chains there: what comes in by a
 * link passes ingress and prerouting, then routing decides between input, which leads to programs, and forward; what programs
 * send is routed, passes output, and meets the forwarded at postrouting. At a hook chains stand by priority, and connection
 * tracking among them: it looks packets up behind the raw chains of the first hook, and translates back what it knows.
 */

/** A row at a hook: a chain, or connection tracking. */
export type PipelineRow =
  | { kind: 'conntrack'; station: string }
  | { kind: 'chain'; station: string; chain: PipelineChain }

/** A place of the pipeline: a hook, a routing decision, or the programs of the namespace. */
export type PipelinePlace = {
  name: PlaceName
  station: string
  rows: PipelineRow[]
}

export type PlaceName =
  | 'ingress'
  | 'prerouting'
  | 'routing-in'
  | 'input'
  | 'programs'
  | 'forward'
  | 'routing-out'
  | 'output'
  | 'postrouting'
  | 'egress'

/** The order in which they are read: as the kernel would come to them. */
export const placeNames: readonly PlaceName[] = [
  'ingress',
  'prerouting',
  'routing-in',
  'input',
  'programs',
  'routing-out',
  'output',
  'forward',
  'postrouting',
  'egress',
]

/** NF_IP_PRI_CONNTRACK, and NF_IP_PRI_NAT_SRC where answers are translated back on their way out. */
const conntrackPriority: Partial<Record<PlaceName, number>> = {
  prerouting: -200,
  output: -200,
  postrouting: 100,
}

/**
 * The places of a lane with this host's chains. A chain that a packet met and that is not there any more is added, and
 * ingress and egress stand there only where they have chains. Pure.
 */
export const placesOf = (
  lane: Lane,
  hooks: readonly PipelineHook[],
  events: readonly StoryEvent[],
): PipelinePlace[] => {
  const own = events.filter(({ point }) => (point === 'inside') === (lane === 'inside'))
  return placeNames.flatMap((name): PipelinePlace[] => {
    const station = stationOf(lane, name)
    if (name === 'routing-in' || name === 'routing-out' || name === 'programs')
      return [{ name, station, rows: [] }]
    const chains = hooks.filter(({ hook }) => hook === name).flatMap(hook => hook.chains)
    const met = own.filter(({ hook }) => hook === name)
    const rows = rowsOf(lane, name, withMet(chains, met), met)
    return (name === 'ingress' || name === 'egress') && rows.length === 0 ? [] : [{ name, station, rows }]
  })
}

const rowsOf = (
  lane: Lane,
  name: PlaceName,
  chains: readonly PipelineChain[],
  met: readonly StoryEvent[],
): PipelineRow[] => {
  const sorted = chains.toSorted((one, other) => one.priority - other.priority)
  const rows = sorted.map(
    (chain): PipelineRow => ({
      kind: 'chain',
      station: stationOf(lane, name, chainName(chain)),
      chain,
    }),
  )
  const priority = conntrackPriority[name]
  const isTracked = met.some(({ kind }) => kind === 'conntrack')
  // Where nobody asks for it, connection tracking is not there.
  if (!isTracked && (priority === undefined || name === 'postrouting' || lane === 'inside')) return rows
  const behind = sorted.filter(chain => chain.priority < (priority ?? 0)).length
  return rows.toSpliced(behind, 0, { kind: 'conntrack', station: stationOf(lane, name, 'conntrack') })
}

/** Adds chains that the packet met, and that the list does not have. */
const withMet = (chains: readonly PipelineChain[], met: readonly StoryEvent[]): PipelineChain[] => {
  const names = new Set(chains.map(chainName))
  const missing = met.flatMap(({ chain, stage, rules }): PipelineChain[] => {
    if (chain === undefined || names.has(chainName(chain))) return []
    names.add(chainName(chain))
    return [
      {
        family: chain.family,
        table: chain.table,
        name: chain.name,
        type: 'filter',
        priority: 0,
        stage: stage ?? '',
        policy: 'accept',
        owner: chain.owner,
        rules: rules.filter(rule => rule.chain === chain.name).map(({ text }) => ({ text })),
        leadsTo: [],
      },
    ]
  })
  return [...chains, ...missing]
}

/** A station as the packets have left it behind by some frame. */
export type StationState = {
  isCurrent: boolean
  /** Whose way has led here, by now. */
  passedBy: PacketName[]
  isGuilty: boolean
  /** The last event here, of the packet that is under way if it has one. */
  event: StoryEvent | undefined
}

/** All stations that were met up to the frame with this index. Pure. */
export const stationsAt = (frames: readonly Frame[], index: number): ReadonlyMap<string, StationState> => {
  const stations = new Map<string, StationState>()
  frames.slice(0, index + 1).forEach((frame, number) => {
    if (frame.station === undefined) return
    const known = stations.get(frame.station)
    stations.set(frame.station, {
      isCurrent: number === index,
      passedBy: [...new Set([...(known?.passedBy ?? []), frame.packet])],
      isGuilty: (known?.isGuilty ?? false) || frame.isGuilty,
      event: frame.event ?? known?.event,
    })
  })
  return stations
}

/** The way through a lane that some packet takes, as names of places, whether it met chains there or not. Pure. */
export const wayThrough = (lane: Lane, frames: readonly Frame[], packet: PacketName): PlaceName[] => {
  const own = frames.filter(frame => frame.lane === lane && frame.packet === packet)
  const has = (name: PlaceName) => own.some(({ station }) => station?.startsWith(`${lane}/${name}`))
  if (own.length === 0) return []
  const isStopped = own.at(-1)?.isGuilty === true
  const isForwarded = lane === 'host' && !has('input') && !has('output') && !has('programs')
  const isSent = has('routing-out') || has('output') || own[0]?.station === stationOf(lane, 'programs')
  const all: PlaceName[] = isForwarded
    ? ['ingress', 'prerouting', 'routing-in', 'forward', 'postrouting', 'egress']
    : isSent
      ? ['programs', 'routing-out', 'output', 'postrouting', 'egress']
      : ['ingress', 'prerouting', 'routing-in', 'input', 'programs']
  if (!isStopped) return all
  const last = all.findIndex(name => own.at(-1)?.station?.startsWith(`${lane}/${name}`))
  return last < 0 ? all : all.slice(0, last + 1)
}

/** A rule of a chain, and what it has to do with the packet. */
export type RuleSight = { text: string; isMet: boolean; isDeciding: boolean; verdict: string | undefined }

/** The rules of a chain, or of one that it leads to, as the packet met them. Pure. */
export const rulesSeen = (
  name: string,
  rules: readonly { text: string }[],
  event: StoryEvent | undefined,
): RuleSight[] => {
  const met = (event?.rules ?? []).filter(rule => rule.chain === name)
  const deciding = event?.decidedBy === 'rule' ? event.rules.at(-1) : undefined
  return rules.map(({ text }) => {
    const rule = met.find(item => item.text === text)
    return {
      text,
      isMet: rule !== undefined,
      isDeciding: rule !== undefined && deciding?.chain === name && deciding.text === text,
      verdict: rule?.verdict,
    }
  })
}

/** Whether the owner is natspace, so that a chain is one of our own. */
export const isOwn = (chain: Pick<PipelineChain, 'owner'>): boolean => chain.owner === 'natspace'

/** The chains of both lanes. */
export type Pipeline = { inside: PipelinePlace[]; host: PipelinePlace[] }

/** The pipeline of a walk. Pure. */
export const pipelineOf = ({ pipelines, story }: Pick<Walk, 'pipelines' | 'story'>): Pipeline => ({
  inside: placesOf('inside', pipelines.inside, story.events),
  host: placesOf('host', pipelines.host, story.events),
})

/** What stands for the packet's place in the pipeline: a station, or a link between the lanes. Pure. */
export const whereAt = ({ station, place }: Pick<Frame, 'station' | 'place'>): string =>
  station ?? (place === 'cable' ? 'cable' : 'uplink')

/** The steps at each place of the pipeline, in their order. Pure. */
export const stepsByStation = (frames: readonly Frame[]): ReadonlyMap<string, number[]> => {
  const steps = new Map<string, number[]>()
  frames.forEach((frame, index) => {
    const place = whereAt(frame)
    steps.set(place, [...(steps.get(place) ?? []), index])
  })
  return steps
}
