import type { Kernel } from '../../linux/kernel.ts'
import type { NatspaceError } from '../errors.ts'
import type { Attachment, HostAccess, Publish, ResolvedSpace, Tuning } from '../spec/types.ts'
import type { StatePaths } from '../state/records.ts'
import type { WatchNote } from '../state/watch-notes.ts'
import type { Drift, Operation } from './operation.ts'
import type { Onlooker } from './work.ts'

/** What every action works on: the kernel and the folder in which intent is kept; and who looks on while it takes long. */
export type Context = { kernel: Kernel; paths: StatePaths; onlooker?: Onlooker }

/** desired − observed, as data. */
export type Plan = {
  /** The spaces as they will be, in the order they were asked for. */
  spaces: ResolvedSpace[]
  /** In the order in which they are carried out; [] when all is right already. */
  operations: Operation[]
  /** What the user should know although it stops nothing: a foreign firewall that drops by policy. */
  warnings: Warning[]
}

/** Something worth saying that is no error. */
export type Warning = {
  code: string
  space: string | undefined
  what: string
  why: string
  evidence: string[]
  fix: string[]
}

/** What a plan leaves out, keeps, or takes over. */
export type PlanOptions = {
  /** Numbers of steps to leave out (the lab shows what each is for): 6, 7, 8 or 9. */
  without?: readonly number[]
  /** A peer that is gone stays as it was known: a repair must not fail for it, nor forget it. */
  keepsPeers?: boolean
  /** Spaces that somebody made by hand, as they are: their cables become ours when all else is done. */
  adopts?: ReadonlyMap<string, ResolvedSpace>
}

/** What `up` did. */
export type UpResult = { plan: Plan; changes: number }

/** What `publish` or `unpublish` did: the space as it is now, and the ports that came or went. */
export type PublishResult = UpResult & { space: ResolvedSpace; changed: Publish[] }

/** What `down` did. `problems` are things that could not be taken away; everything else was. */
export type DownResult = {
  /** Spaces that were there and are gone. */
  removed: string[]
  /** Names for which nothing was there. */
  absent: string[]
  operations: Operation[]
  problems: NatspaceError[]
  /** What somebody may miss now. */
  warnings: Warning[]
}

/** What a space may reach and as whom, as a spec file writes it. */
export type Policy = {
  internal: boolean
  source?: string[]
  rate?: { up?: string; down?: string }
  connect?: string[]
  egress?: { allow: string[] }
  host: HostAccess
  metadata?: true
  /** Of a container: whether those of its network and it reach each other. */
  siblings?: true
  /** Networks outside that see its own address, and those that may begin connections to it. */
  untranslated?: string[]
  accept?: string[]
}

/** Whether somebody reaches a port: `blocked` by a firewall of others, or `partly`, by one family alone. */
export type Reach = 'yes' | 'no' | 'blocked' | 'partly'

/** A rule or policy of somebody else that stops what comes to a published port, or the answer to it. */
export type Blockade = {
  /** 'ip filter FORWARD' */
  chain: string
  /** As nft or iptables prints it: 'policy drop'. */
  rule: string
  /** 'ufw' */
  owner: string
  /** Whom it keeps out. */
  from: ('lan' | 'spaces')[]
  families: (4 | 6)[]
}

/** A published port, and who reaches it: programs of this host, others by its uplinks, other spaces. */
export type PublishedStatus = {
  /** As in the spec: '8080:80'. */
  publish: string
  reach: { host: Reach; lan: Reach; spaces: Reach }
  blockedBy: Blockade[]
  /** The address it is published on, when no link of this host has it any more. */
  missing?: string
}

/** A space as it is observed, for `status`. Fields as in the command's `--json`. */
export type SpaceStatus = {
  name: string
  namespace: string
  healthy: boolean
  interface: { host: string; inner: string }
  addresses: string[]
  gateway: string
  /** Where the space has IPv6. */
  gateway6?: string
  /** Whom it serves, where a container runtime has asked for it. */
  attachment?: Omit<Attachment, 'namespacePath'>
  /** Present where the interface is another's, and natspace only adds to it; `port` is its other end on this host. */
  behind?: { port?: string }
  /** What was asked of the interface and the namespace beyond that. */
  tuning?: Tuning
  /** The link by which packets to the outside leave now; undefined when the host has no way out. */
  uplink: string | undefined
  publish: string[]
  /** The same ports, and who reaches them. */
  published: PublishedStatus[]
  policy: Policy
  /** Packets that the egress list has refused; absent without one. */
  refused?: number
  routes: { host: string[]; inner: string[] }
  counters: { receivedPackets: number; sentPackets: number; receivedBytes: number; sentBytes: number }
  drift: Drift[]
  /** What a watch that runs beside has noted about what differs, such as who changed it; absent without one. */
  noted?: WatchNote
}
