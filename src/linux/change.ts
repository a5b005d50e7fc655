import type { FlowSelector } from './conntrack/selector.ts'
import type { Family, NftCommand } from './nftables/index.ts'
import type { ProgramName } from './program.ts'

/** Path of a pinned namespace (/run/netns/NAME); undefined is the namespace this process runs in. */
export type Where = string | undefined

/**
 * One change of the kernel's state, as data: it can be carried out (kernel.change), printed as a shell command, counted,
 * made to fail in a test, and undone by another change. Names of links are kept beside their indexes for the texts.
 */
export type Change =
  | { type: 'directory.add'; path: string; mode: number }
  | { type: 'directory.delete'; path: string }
  | { type: 'file.write'; path: string; text: string; mode: number }
  | { type: 'file.delete'; path: string }
  /** Makes a folder a shared mount of its own, as `ip netns add` does at its first run. */
  | { type: 'mount.share'; path: string }
  | { type: 'mount.delete'; path: string }
  /** `mark`: an alias that its loopback has from before it can be found, so that it is never there without. */
  | { type: 'namespace.add'; path: string; mark?: string }
  | { type: 'namespace.delete'; path: string }
  | VethAdd
  | LinkSet
  | { type: 'link.delete'; where: Where; name: string; index: number }
  | AddressChange<'address.add'>
  | AddressChange<'address.delete'>
  | RouteChange<'route.add'>
  | RouteChange<'route.delete'>
  | QdiscReplace
  | { type: 'qdisc.delete'; where: Where; name: string; index: number; handle: number }
  | { type: 'sysctl.set'; where: Where; key: string; value: string }
  /** All commands in one atomic batch; with a generation, only if nobody changed the ruleset since it was read. */
  | { type: 'nftables.commit'; where: Where; commands: NftCommand[]; generation: number | undefined }
  /** Deletes the rules of a chain that bear this comment, whatever their handles are by then. */
  | {
      type: 'nftables.delete-rules'
      where: Where
      family: Family
      table: string
      chain: string
      comment: string
    }
  | ProgramRun
  /**
   * Deletes the flows that any selector matches, whatever they are by then: the next packet of each is looked at by the
   * rules anew. It is fine when there are none, and when the kernel does not track flows at all.
   */
  | { type: 'conntrack.delete'; where: Where; flows: FlowSelector[] }

export type VethEnd = {
  where: Where
  name: string
  /** Chosen by the caller; must be free in `where`. */
  index: number
  address: string
  mtu: number | undefined
}

/** `ip link add NAME type veth peer name PEER netns NAMESPACE` */
export type VethAdd = { type: 'veth.add' } & VethEnd & { peer: VethEnd }

/** `ip link set dev NAME …` */
export type LinkSet = {
  type: 'link.set'
  where: Where
  name: string
  index: number
  up?: boolean
  mtu?: number
  alias?: string
  /** A number that links have in common; 0 is that of all others. */
  group?: number
  /** The link-layer address. */
  address?: string
  promiscuous?: boolean
  allMulticast?: boolean
  /** Packets that may wait to be sent. */
  queueLength?: number
}

type AddressChange<T> = {
  type: T
  where: Where
  name: string
  index: number
  address: string
  prefixLength: number
  /** Without the route to its subnet that the kernel would add. */
  noPrefixRoute?: true
}

type RouteChange<T> = {
  type: T
  where: Where
  name: string
  index: number
  destination: string
  gateway: string | undefined
  /** The address that packets bear which begin in this namespace. */
  preferredSource?: string
  /** Of routes to one destination the one with the lowest number is taken. */
  priority?: number
  table?: number
  /** Bytes. */
  mtu?: number
  advertisedMss?: number
  /** Of the table `local`: what comes in by this link for the destination is for this host itself. */
  local?: { priority: number }
}

/**
 * Puts a token bucket at the root of a link, in the place of what is there.
 * `tc qdisc replace dev NAME root handle HANDLE: tbf rate RATE burst BYTES limit BYTES`
 */
export type QdiscReplace = {
  type: 'qdisc.replace'
  where: Where
  name: string
  index: number
  /** Its number on the link, from 1 to 0xfffe, which tc(8) writes in hexadecimal and with a colon. */
  handle: number
  /** Bits per second. */
  rate: number
  /** Bytes that may go at once. */
  burst: number
  /** Bytes that may wait. */
  limit: number
}

/** Somebody else's firewall is changed through its own front end, in the namespace of the host. `PROGRAM ARGUMENT…` */
export type ProgramRun = {
  type: 'program.run'
  where: undefined
  program: ProgramName
  arguments: string[]
}

/** The name of a change: `link.set` */
export type ChangeType = Change['type']

/** What became of a change that was asked for together with others. */
export type Outcome = 'done' | 'not-tried' | ChangeError

/** A change the kernel refused; `cause` holds the NetlinkError or SystemError with errno and the kernel's words. */
export class ChangeError extends Error {
  override readonly name = 'ChangeError'
  readonly change: Change
  /** Symbolic errno where there is one: 'EEXIST'. */
  readonly code: string | undefined

  constructor(change: Change, cause: Error & { code?: string }) {
    super(`${change.type}: ${cause.message}`, { cause })
    this.change = change
    this.code = cause.code
  }
}
