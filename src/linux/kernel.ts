import type { Change, Outcome, Where } from './change.ts'
import type { Flow, FlowSelector } from './conntrack/index.ts'
import type { Ruleset, RulesetFilter } from './nftables/index.ts'
import type { ProgramName } from './program.ts'
import type { Address } from './rtnetlink/address.ts'
import type { Link } from './rtnetlink/link.ts'
import type { Neighbour } from './rtnetlink/neighbour.ts'
import type { QueueingDiscipline } from './rtnetlink/queueing-discipline.ts'
import type { Route, RouteQuery } from './rtnetlink/route.ts'
import type { Rule } from './rtnetlink/rule.ts'
import type { Listener, ListenerProtocol } from './socket-diag/listener.ts'
import type { SocketOwner } from './sys/socket-owner.ts'

/** What a namespace's path holds. */
export type NamespaceState =
  | 'present'
  | 'missing'
  | 'not-a-namespace'
  | 'another-kind'
  | 'no-access'
  /** The path was held (`holdNamespace`), and leads to another namespace now. */
  | 'another'

/** What lstat(2) says of a file, as far as it matters here. */
export type FileStatus = {
  type: 'folder' | 'file' | 'other'
  /** Permission bits: 0o700. */
  mode: number
  /** Number of the user it belongs to. */
  user: number
}

/**
 * The kernel, as natspace sees it: questions that change nothing, and one way to change things. The real one is
 * `LinuxKernel`; `FakeKernel` keeps everything in memory; both pass the same suite of tests. All methods are
 * synchronous: the kernel answers while the call runs. Questions throw NetlinkError, SystemError or NamespaceError.
 */
export interface Kernel extends Disposable {
  /** Names pinned in a folder (default /run/netns), sorted; [] when the folder does not exist. Equivalent to: `ip netns list` */
  namespaceNames(folder?: string): string[]
  namespaceState(path: string): NamespaceState
  /**
   * From now on, for as long as this object lives, the path means the namespace that it leads to at this moment: all that
   * is asked and changed there goes to that one, wherever the path leads by then, and its state says `another`.
   */
  holdNamespace(path: string): NamespaceState
  /** Tells two paths of one namespace from paths of two: device and inode. Undefined when there is no namespace. */
  namespaceIdentity(where: Where): string | undefined
  /** The number by which one namespace names another, as `peerNamespaceId` of its links does. Equivalent to: `ip netns list-id` */
  namespaceId(where: Where, other: string): number | undefined
  /** All, or the one of a name and perhaps others. Equivalent to: `ip -d -s link show [dev NAME]` */
  links(where: Where, name?: string): Link[]
  /** All, or those of the link with an index and perhaps others. Equivalent to: `ip address show [dev NAME]` */
  addresses(where: Where, index?: number): Address[]
  /** Routes of all tables. Equivalent to: `ip route show table all` */
  routes(where: Where): Route[]
  /** Equivalent to: `ip rule show` */
  rules(where: Where): Rule[]
  /** Equivalent to: `ip neighbour show` */
  neighbours(where: Where): Neighbour[]
  /** Those of all links; [] where the kernel has no traffic control. Equivalent to: `tc -s qdisc show` */
  queueingDisciplines(where: Where): QueueingDiscipline[]
  /** The kernel's decision for one packet. Equivalent to: `ip route get …` Throws NetlinkError ENETUNREACH. */
  lookUpRoute(where: Where, query: RouteQuery): Route
  /**
   * Who waits at the ports of the namespace, of all transports or of one: listeners of TCP and SCTP, and UDP sockets
   * without a peer, in a fixed order. Empty for what the kernel does not have or does not list. Equivalent to: `ss -lntuS`
   */
  listeners(where: Where, protocol?: ListenerProtocol): Listener[]
  /**
   * A process that holds a socket, by the socket's inode; undefined when none is found, or none that may be looked into.
   * Looks through all processes, so it is for a message and not for a list. Equivalent to: `ss -ep`
   */
  socketOwner(inode: number): SocketOwner | undefined
  /**
   * A sysctl by its dotted key ('net.ipv4.ip_forward'; '/' stands for '.' inside a name); undefined when there is none. Where it
   * is about a link that was just listed, that may have told it, and nothing has to be read.
   */
  sysctl(where: Where, key: string, link?: Link): string | undefined
  /** The sysctls one folder deep that match, e.g. every interface's forwarding: interface names below `net.ipv4.conf`. */
  sysctlNames(where: Where, folder: string): string[]
  /** Equivalent to: `nft list ruleset` (or one table). */
  ruleset(where: Where, filter?: RulesetFilter): Ruleset
  /** The number that every change of the ruleset, by anyone, increases by one. */
  rulesetGeneration(where: Where): number
  /**
   * The flows that connection tracking knows, all or those that a selector matches; [] where the kernel tracks none.
   * Equivalent to: `conntrack -L`
   */
  flows(where: Where, filter?: FlowSelector): Flow[]
  /** A small text file; undefined when it does not exist. */
  readFile(path: string): string | undefined
  /**
   * What a front end of a firewall prints, asked for something that changes nothing. Takes as long as starting that
   * program, so it is only for a firewall that is certainly there. Throws ProgramError. Equivalent to: `PROGRAM WORD…`
   */
  programOutput(program: ProgramName, words: readonly string[]): string
  /** Names in a folder, sorted; undefined when it does not exist. */
  readFolder(path: string): string[] | undefined
  /** What is at a path; a symbolic link is not followed. Undefined when nothing is. Equivalent to: `stat PATH` */
  fileStatus(path: string): FileStatus | undefined
  /**
   * Tries to take the lock of a file, which is created if need be; undefined when somebody holds it. It goes with the
   * process at the latest. Counts as no change. Throws SystemError ENOENT without a folder. Equivalent to: `flock -n FILE`
   */
  tryLock(path: string): Disposable | undefined
  /**
   * Carries out the changes in order, stopping at the first that fails; changes that rtnetlink takes together are sent
   * together. One outcome per change: after a failure some later ones of the same send may be 'done' all the same.
   */
  change(changes: readonly Change[]): Outcome[]
  /** How many changes were carried out through this object. */
  readonly writes: number
}
