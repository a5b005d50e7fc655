/**
 * What the kernel says by itself when somebody changes something. A sign tells only that it is time to look: what differs
 * is read anew, from the kernel, each time.
 */

/** What kind of thing a sign is about. */
export type Area =
  | 'firewall'
  | 'link'
  | 'address'
  | 'route'
  | 'rule'
  | 'queueing-discipline'
  | 'setting'
  | 'namespace'
  | 'record'

/** Who changed something, as far as the kernel tells. */
export type Culprit =
  /** The kernel named the process with the change, or the process still holds the socket that asked for it. */
  | { kind: 'process'; pid: number; name: string; command?: string }
  /** Only the number of the netlink socket that asked for it is known; nobody holds that any more. */
  | { kind: 'port'; port: number }

/** One sign. `port` is the netlink socket whose request caused it, where one did. */
export type Sign = { area: Area; by?: Extract<Culprit, { kind: 'process' }>; port?: number }

/** Where signs were dropped by the kernel, as nobody read them in time. */
export type Channel = 'rtnetlink' | 'nf_tables' | 'inotify'

/** What is worth a look: signs about anything else are of no concern. */
export type Interest = {
  /** Indexes of links of the host: our cables, and these with the ways out. */
  cables: ReadonlySet<number>
  links: ReadonlySet<number>
  /** Names of links that may not be there now. */
  names: ReadonlySet<string>
  /** Numbers, as the host has them, of the namespaces at the other ends of our cables. */
  namespaceIds: ReadonlySet<number>
  /** Files of /proc/sys that were read. */
  files: readonly string[]
  /** Folders in which names come and go; with names where only these matter. */
  folders: ReadonlyMap<string, FolderInterest>
}

/** What a name in a folder is a sign of, and which names are of concern. */
export type FolderInterest = { area: 'namespace' | 'record'; concerns(name: string): boolean }

export const noInterest: Interest = {
  cables: new Set(),
  links: new Set(),
  names: new Set(),
  namespaceIds: new Set(),
  files: [],
  folders: new Map(),
}

/** Where signs come from. */
export interface SignSource extends Disposable {
  /** To wait for signs with poll(2). */
  readonly descriptors: readonly number[]
  /** What has come by now, without what this process changed in the ruleset; does not wait. */
  read(interest: Interest): { signs: Sign[]; lost: Channel[] }
  /** Waits for files and folders from now on, as far as they are there; returns whether these are others than before. */
  follow(interest: Interest): boolean
}
