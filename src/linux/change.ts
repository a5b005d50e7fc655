import type { Family, NftCommand } from './nftables/index.ts'

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
  | { type: 'namespace.add'; path: string }
  | { type: 'namespace.delete'; path: string }
  | VethAdd
  | LinkSet
  | { type: 'link.delete'; where: Where; name: string; index: number }
  | AddressChange<'address.add'>
  | AddressChange<'address.delete'>
  | RouteChange<'route.add'>
  | RouteChange<'route.delete'>
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
}

type AddressChange<T> = {
  type: T
  where: Where
  name: string
  index: number
  address: string
  prefixLength: number
}

type RouteChange<T> = {
  type: T
  where: Where
  name: string
  index: number
  destination: string
  gateway: string | undefined
}

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
