import type { Where } from './change.ts'
import { Connection } from './netlink/connection.ts'
import { NETLINK_NETFILTER } from './nftables/index.ts'
import { setLink } from './rtnetlink/link.ts'
import { NETLINK_ROUTE } from './rtnetlink/types.ts'
import { NETLINK_SOCK_DIAG } from './socket-diag/messages.ts'
import type { Descriptor } from './sys/descriptor.ts'
import { readSmallFile, statusOfDescriptor } from './sys/files.ts'
import { openFilesIn } from './sys/limits.ts'
import { createNamespace, openNamespace } from './sys/namespace.ts'

/** Namespaces whose descriptor and sockets are kept without asking: far below the usual limit of 1,024 open files. */
const keptAlways = 128

/** As many as the limit of open files allows with room for others, at two or three descriptors each. */
const keptAtMost = (): number => {
  const soft = openFilesIn(readSmallFile('/proc/self/limits'))?.soft ?? 0
  return Math.max(keptAlways, Math.min(8192, Math.floor((soft - 512) / 3)))
}

/** The same in every namespace (LOOPBACK_IFINDEX of linux/net.h). */
const loopbackIndex = 1

/**
 * The namespaces in use, each with one descriptor and at most three netlink sockets, opened on first use. The sockets stay
 * bound to their namespace. Past what the limit of open files allows the one unused for longest is closed.
 */
export class OpenNamespaces implements Disposable {
  readonly #open = new Map<string, OpenNamespace>()
  readonly #held = new Map<string, OpenNamespace>()
  #kept = keptAlways

  /** The namespace at a path, or this thread's own. Throws NamespaceError. */
  at(where: Where): OpenNamespace {
    const key = where ?? ''
    const held = this.#held.get(key)
    if (held !== undefined) return held
    const found = this.#open.get(key)
    if (found === undefined) return this.keep(where, where === undefined ? undefined : openNamespace(where))
    // Moved to the end: the map's order is the order of last use.
    this.#open.delete(key)
    this.#open.set(key, found)
    return found
  }

  /** Keeps a namespace that is open already under its path. */
  keep(where: Where, descriptor: Descriptor | undefined): OpenNamespace {
    if (this.#open.size === keptAlways) this.#kept = keptAtMost()
    if (this.#open.size >= this.#kept)
      for (const oldest of this.#open.keys()) {
        if (oldest === '') continue
        this.forget(oldest)
        break
      }
    const namespace = new OpenNamespace(descriptor)
    this.#open.set(where ?? '', namespace)
    return namespace
  }

  /**
   * Creates a namespace and pins it at a path; its loopback has the alias from before anybody can find it. Throws
   * SystemError (EEXIST, EPERM), NetlinkError (ERANGE).
   */
  create(path: string, alias: string | undefined): void {
    try {
      createNamespace(path, descriptor => {
        const { route } = this.keep(path, descriptor)
        if (alias !== undefined) route.execute([setLink(loopbackIndex, { alias })])
      })
    } catch (error) {
      this.forget(path)
      throw error
    }
  }

  /** From now on the path stands for this namespace, whatever it leads to later. */
  hold(path: string, descriptor: Descriptor): void {
    this.forget(path)
    this.#held.get(path)?.[Symbol.dispose]()
    this.#held.set(path, new OpenNamespace(descriptor))
  }

  /** The namespace that a path is held to; undefined where it is not. */
  held(path: string): Descriptor | undefined {
    return this.#held.get(path)?.descriptor
  }

  /**
   * Notes what the path leads to now: by then it may be another namespace than the one whose sockets are kept open. False
   * where the path is held to another one, which stays.
   */
  refresh(path: string, fresh: Descriptor): boolean {
    const held = this.held(path)
    if (held !== undefined) {
      const isSame = sameFile(held, fresh)
      fresh.close()
      return isSame
    }
    const kept = this.#open.get(path)?.descriptor
    if (kept !== undefined && sameFile(kept, fresh)) {
      fresh.close()
      return true
    }
    this.forget(path)
    this.keep(path, fresh)
    return true
  }

  /** Closes what is open for a path. */
  forget(path: string): void {
    this.#open.get(path)?.[Symbol.dispose]()
    this.#open.delete(path)
  }

  [Symbol.dispose](): void {
    for (const key of [...this.#open.keys()]) this.forget(key)
    for (const namespace of this.#held.values()) namespace[Symbol.dispose]()
    this.#held.clear()
  }
}

const sameFile = (one: Descriptor, other: Descriptor): boolean => {
  const [first, second] = [statusOfDescriptor(one.number), statusOfDescriptor(other.number)]
  return first.inode === second.inode && first.device === second.device
}

/** One namespace with its sockets; without a descriptor it is this thread's own. */
export class OpenNamespace implements Disposable {
  readonly descriptor: Descriptor | undefined
  #route: Connection | undefined
  #netfilter: Connection | undefined
  #socketDiag: Connection | undefined

  constructor(descriptor: Descriptor | undefined) {
    this.descriptor = descriptor
  }

  #connect(protocol: number): Connection {
    return Connection.open(
      protocol,
      this.descriptor === undefined ? {} : { namespace: this.descriptor.number },
    )
  }

  get route(): Connection {
    this.#route ??= this.#connect(NETLINK_ROUTE)
    return this.#route
  }

  get netfilter(): Connection {
    this.#netfilter ??= this.#connect(NETLINK_NETFILTER)
    return this.#netfilter
  }

  get socketDiag(): Connection {
    this.#socketDiag ??= this.#connect(NETLINK_SOCK_DIAG)
    return this.#socketDiag
  }

  [Symbol.dispose](): void {
    this.#route?.[Symbol.dispose]()
    this.#netfilter?.[Symbol.dispose]()
    this.#socketDiag?.[Symbol.dispose]()
    this.descriptor?.close()
  }
}
