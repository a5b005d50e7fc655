import type { FlowTuple } from '../../linux/conntrack/index.ts'
import type { ConntrackEntry } from '../walk/conntrack-entry.ts'
import type { CounterEvidence } from '../walk/drop-counters.ts'
import type { KernelDrop } from '../walk/drop-reasons.ts'
import type { LegacyTables } from '../walk/legacy-tables.ts'
import type { WayDecision } from '../walk/route-decisions.ts'
import type { TracedPacket } from '../walk/steps.ts'
import type { ProbeAnswer, ProbeTarget } from './probe.ts'

/** What a flow asks for: where its first packet goes. `other`: no protocol that a probe has. */
export type TracedTarget = Omit<ProbeTarget, 'protocol'> & { protocol: ProbeTarget['protocol'] | 'other' }

/** A traced packet and when its first event was read: seconds since 1970. The kernel's events bear no time. */
export type TimedPacket = TracedPacket & { time: number }

/** The space that is traced, as far as the story needs to know it. */
export type TracedSpace = {
  name: string
  /** Inner end of the cable, and its end at the host. */
  interface: string
  hostInterface: string
  /** Host ends of the cables of all spaces. */
  cables: string[]
  /** Its own addresses, of both families. */
  addresses: string[]
  /** Networks that know the way to them: what goes there is not translated. */
  untranslated?: string[]
  /** Whether it may send only where its list says (`--egress`), or nowhere (`--internal`). */
  isLimited: boolean
  isInternal: boolean
}

/** A next hop, or the end of the cable, that did not answer for its address. */
export type SilentNeighbour = { at: 'inside' | 'host'; interface: string; address: string }

/** A route that fits the destination and forbids to go there; with a `priority` it is a rule of policy routing that does. */
export type Barrier = {
  at: 'inside' | 'host'
  kind: string
  destination: string
  table: number
  priority?: number
}

/** A link that is not as it has to be; `state` is missing, down, or without a carrier. */
export type LinkTrouble = {
  at: 'inside' | 'host'
  interface: string
  state: 'missing' | 'down' | 'no-carrier'
}

/** All that was seen of one flow, such as a probe: plain data, of which the story is made. */
export type TraceObservation = {
  space: TracedSpace
  /** `out`: it begins in the space; `in`: it begins at another host, at this one, or in another space. */
  direction: 'out' | 'in'
  target: TracedTarget
  /** Its first packet as it left its socket, or as it came to this host. */
  tuple: FlowTuple
  /** The connection was there before: what was seen of it is from its middle. */
  isOld: boolean
  /** Seconds since 1970 at which it was sent, or first seen. */
  sentAt: number
  /** Of a flow that is only watched: whether an answer came to its end. */
  answer: ProbeAnswer
  /** How long an answer was waited for, in milliseconds. */
  timeout: number
  /** Packets that the rules of the space and of the host saw, this flow's and others, in order. */
  inside: TimedPacket[]
  host: TimedPacket[]
  /** The flow in the connection tracking of the host. */
  entry: Pick<ConntrackEntry, 'flow' | 'translations'> | undefined
  decisions: WayDecision[]
  /** Settings of the host that can stop a packet, by their keys. */
  settings: Record<string, string>
  /** Asked only where no way was found. */
  barriers: Barrier[]
  silent: SilentNeighbour[]
  links: LinkTrouble[]
  /** What the kernel said of packets that it dropped; undefined where it does not tell. */
  drops: Pick<KernelDrop, 'reason' | 'location' | 'device'>[] | undefined
  counters: { inside: CounterEvidence[]; host: CounterEvidence[] }
  legacy: LegacyTables
  /** Events were dropped by the kernel, so something may be missing. */
  hasGap: boolean
}
