/**
 * What the page and the server say to each other: JSON over HTTP on 127.0.0.1, and one stream of server-sent events. Both
 * sides import these types and nothing else of each other. Shapes that the command prints with --json are the same here.
 *
 * POST   /api/session        {token} of the printed link, once   → 204 with the session's cookie
 * GET    /api/hello          → Hello
 * GET    /api/events         → text/event-stream of ServerEvent, a snapshot first
 * GET    /api/topology       → Topology
 * GET    /api/spaces/NAME    → SpaceDetails
 * POST   /api/walks          ProbeRequest → Walk (waits for the end; at most the timeout and a second)
 * GET    /api/walks          → WalkSummary[] (newest first; the last 200 are kept)
 * GET    /api/walks/ID       → Walk, which is also what is saved to a file and opened again offline
 * POST   /api/follows        FollowRequest → Follow; its walks come as events
 * DELETE /api/follows/ID     → 204
 * POST   /api/doctor         DoctorRequest → DoctorReport (it sends probes, so it is no GET)
 * GET    /api/schema         → the JSON Schema of spec files
 * GET    /api/spec           → {text}: the spaces that are up, as a spec file
 * POST   /api/plan           {text} or {remove: names} → PlanReport; changes nothing
 * POST   /api/apply          {text} → Applied; 403 without --allow-changes
 * POST   /api/remove         {names} → Applied; 403 without --allow-changes
 * GET    /api/lab            → LabState; 404 without --lab
 * POST   /api/lab            LabRequest → LabReport
 *
 * Whatever fails answers with a status of 400 and on, and Failure as its body.
 */

import type { Finding as DoctorFinding } from '../insight/doctor/finding.ts'
import type { StoryEvent } from '../insight/trace/events.ts'
import type { StoryEnd } from '../insight/trace/outcome.ts'
import type { StoryPoint } from '../insight/trace/points.ts'
import type { Story } from '../insight/trace/story.ts'
import type { SpaceStatus } from '../space/reconcile/types.ts'
import type { WatchEvent } from '../space/watch/report.ts'

export type { SpaceStatus, Story, StoryEnd, StoryEvent, StoryPoint, WatchEvent }

/** Goes up when an older page or a saved walk could not be read any more. */
export const protocolVersion = 1

/** What went wrong, as the command says it. */
export type Failure = {
  error: { code: string; what: string; why: string; evidence: string[]; fix: string[] }
}

export type Hello = {
  protocolVersion: number
  version: string
  mode: 'host' | 'lab'
  /** Whether apply and remove are there (in the lab they are). */
  allowChanges: boolean
  /** The name of this host; in the lab host1. */
  host: string
  kernel: string
  /** What the server cannot do here, with the reason, such as drop reasons without root. */
  lacking: string[]
}

/** Something of the picture. Ids are stable over snapshots: `host`, `space:web`, `link:eth0`, `foreign:docker0`, `lan:eth0`. */
export type TopologyNode = {
  id: string
  kind: 'host' | 'space' | 'uplink' | 'lan' | 'foreign' | 'neighbour'
  name: string
  /** A line or two below the name: addresses, or what it is. */
  lines: string[]
  /** Only of spaces: undefined elsewhere. */
  health?: 'healthy' | 'drifted' | 'unknown'
  /** Only of spaces: how many findings the last doctor had, if it has run. */
  findings?: number
  /** `host` contains uplinks and foreign bridges. */
  parent?: string
}

/** A cable or another way between two nodes. */
export type TopologyEdge = {
  id: string
  kind: 'cable' | 'uplink' | 'wire' | 'bridge-port'
  from: string
  to: string
  /** Both ends with their names and addresses; `from`'s first. */
  ends: [EdgeEnd, EdgeEnd]
  up: boolean
  counters?: Counters
}
export type EdgeEnd = { interface?: string; addresses: string[] }

/** As seen by the space (or, of an uplink, by the host). */
export type Counters = {
  receivedPackets: number
  sentPackets: number
  receivedBytes: number
  sentBytes: number
}

/** A published port, drawn at the host's edge. */
export type TopologyPort = {
  id: string
  space: string
  /** '8080:80/tcp' */
  text: string
  reach: { host: string; lan: string; spaces: string }
}

export type Topology = {
  nodes: TopologyNode[]
  edges: TopologyEdge[]
  ports: TopologyPort[]
  /** Milliseconds since 1970. */
  time: number
}

export type SpaceDetails = {
  status: SpaceStatus
  /** The operations that made it, as a lesson: step, title, why, commands. */
  steps: { number: number | null; name: string; title: string; why: string; commands: string[] }[]
  dns: string[]
  processes: { pid: number; command: string }[]
  /** Elements of natspace's sets that belong to it, as nft prints them. */
  rules: string[]
}

/** Every message of the stream has a `type`; an unknown one is passed over. */
export type ServerEvent =
  | { type: 'snapshot'; topology: Topology; walks: WalkSummary[]; follows: Follow[] }
  | { type: 'topology'; topology: Topology }
  /** Edges that counted something since the last one, by id, with their counters as they are now; at most two a second. */
  | { type: 'counters'; time: number; edges: Record<string, Counters> }
  | { type: 'event'; time: number; event: WatchEvent }
  | { type: 'walk'; follow: string | null; walk: WalkSummary }
  /** So many walks of a follow were not told, as they came faster than the page is fed (sampled). */
  | { type: 'sampled'; follow: string; shown: number; seen: number }
  | { type: 'lost'; what: string }
  | { type: 'follow-ended'; follow: string; why: string }
  | { type: 'end'; why: string }

/** `from` is a space, or `any`/an address for what comes to `space` from outside (then it is followed, not sent). */
export type ProbeRequest = {
  space: string
  /** HOST[:PORT][/PROTOCOL] as `natspace trace --to` takes it. */
  to: string
  /** Milliseconds; default 2000, at most 10000. */
  timeout?: number
}

export type FollowRequest = {
  space: string /** As `trace --from`: flows that come to the space. */
  from?: string
  filter?: string
}
export type Follow = { id: string; space: string; from?: string; filter?: string; seen: number }

export type WalkSummary = {
  id: string
  /** Milliseconds since 1970. */
  time: number
  space: string
  direction: Story['direction']
  protocol: string
  /** '192.168.45.3:41234 → 192.168.1.15:80' */
  title: string
  outcome: StoryEnd['outcome']
  reason: string
}

/** Everything that is needed to show one packet's way, also offline. */
export type Walk = WalkSummary & {
  format: 'natspace-walk'
  protocolVersion: number
  /** JSON of the story: undefined fields are left out, numbers beyond 2^53 do not occur. */
  story: Story
  /** The hooks of the space's own namespace, and of the host, at the time. */
  pipelines: { inside: PipelineHook[]; host: PipelineHook[] }
  /** The topology at the time, to stand on top of the walk. */
  topology: Topology
  /** What the doctor's catalogue calls it; absent where it ended well or has no name there. */
  fault?: {
    code: string
    title: string
    why: string
    what: string
    evidence: string[]
    fix: DoctorFinding['fix']
  }
  /** `ip`-like text of what each point's capture would show, as in the article: a list side by side. */
  captures: { place: string; interface: string; lines: string[] }[]
}

/** One hook of a namespace with the chains of all tables there, by priority, in the kernel's order. */
export type PipelineHook = {
  hook: 'ingress' | 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'egress'
  /** Between hooks: conntrack and routing stand in the story's events. */
  chains: PipelineChain[]
}
export type PipelineChain = {
  family: string
  table: string
  name: string
  type: 'filter' | 'nat' | 'route'
  priority: number
  /** As nft names it: raw, mangle, dstnat + 10. */
  stage: string
  policy: 'accept' | 'drop'
  /** natspace, docker, ufw, firewalld, ..., or unknown. */
  owner: string
  about?: string
  rules: { text: string }[]
  /** Rules that are not told, as there are too many. */
  more?: number
  /** Chains that it leads to, with their rules, once each. */
  leadsTo: { name: string; about?: string; rules: { text: string }[]; more?: number }[]
}

export type DoctorRequest = { space: string; to?: string }
export type DoctorReport = {
  space: string
  findings: {
    code: string
    severity: 'error' | 'warning' | 'notice'
    title: string
    why: string
    evidence: string[]
    fix: { commands: string[]; undo: string[] }
    hides: string[]
  }[]
  fine: string[]
  unchecked: string[]
}

export type PlanRequest = { text: string } | { remove: string[] }
export type PlanReport = {
  /** Mistakes of the text: nothing else is filled in then. Lines and columns begin at 1. */
  problems: { message: string; why: string; fix: string[]; line?: number; column?: number }[]
  operations: {
    number: number
    step: { name: string; number: number | null; title: string; why: string }
    space: string | null
    commands: string[]
  }[]
  warnings: { code: string; title: string; why: string; evidence: string[]; fix: string[] }[]
  scripts: { shell: string; nft: string; iptables: string }
  /** The picture as it would be. */
  topology: Topology
}
export type Applied = { changes: number; spaces: string[]; warnings: PlanReport['warnings'] }

/** The article's nine steps, in its order. */
export type LabState = {
  up: boolean
  without: number | null
  omissible: number[]
  steps: { number: number; name: string }[]
}
/**
 * Takes the experiment down and up again, with one step left out or none, and tries it; or lets host2 connect to the published
 * port, with everything as it is.
 */
export type LabRequest = { without: number | null } | { visit: 'published' }
export type LabReport = {
  state: LabState
  /** Proofs in a fixed order, by the code's own English names. */
  proofs: { name: string; expected: string; seen: string; ok: boolean }[]
  /** The echo's walk, or the visit's. */
  walk: Walk
  /** The commands that the article has for this step, and what is missing without it. */
  step?: { number: number; name: string; title: string; why: string; without: string; commands: string[] }
}
