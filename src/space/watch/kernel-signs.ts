import { DecodeError } from '../../linux/netlink/codec.ts'
import { Connection } from '../../linux/netlink/connection.ts'
import { ProtocolError } from '../../linux/netlink/errors.ts'
import { EventSocket } from '../../linux/netlink/event-socket.ts'
import {
  decodeGeneration,
  multicastGroups,
  NETLINK_NETFILTER,
  newGenerationType,
  readGeneration,
} from '../../linux/nftables/index.ts'
import { NETLINK_ROUTE, routeGroups } from '../../linux/rtnetlink/types.ts'
import { errno, SystemError } from '../../linux/sys/errno.ts'
import { PathWatch, type Watched } from '../../linux/sys/inotify.ts'
import { type Process, processAtPort, processNamed } from './culprit.ts'
import { routeSign } from './route-sign.ts'
import type { Channel, Interest, Sign, SignSource } from './sign.ts'

/**
 * Theory of operation. Three subscriptions serve any number of spaces. rtnetlink tells of links, addresses, routes,
 * rules, queueing disciplines and the settings that decide about forwarding, of the host and of every namespace to which
 * a cable leads. nf_tables tells of each change of the ruleset, with the process that made it; only that message is let
 * through, so that ten thousand new elements are one sign. inotify tells of files of /proc/sys that are written, of
 * namespaces that are pinned and unpinned, and of records in the state folder. None of them keeps a namespace alive.
 */

/** Files of /proc/sys that are watched at most: users have a limited number of watches (fs.inotify.max_user_watches). */
const mostFiles = 2000

/** What the kernel tells of changes of links, addresses, routes, rulesets and files; it ends with `using`. */
export class KernelSigns implements SignSource {
  readonly #route: EventSocket
  readonly #firewall: EventSocket
  readonly #paths: PathWatch
  readonly #ownId: number
  readonly descriptors: readonly number[]
  #files: ReadonlySet<string> = new Set()
  #followed = ''

  private constructor(route: EventSocket, firewall: EventSocket, paths: PathWatch, ownId: number) {
    this.#ownId = ownId
    this.#route = route
    this.#firewall = firewall
    this.#paths = paths
    this.descriptors = [route.descriptor, firewall.descriptor, paths.descriptor]
  }

  /** Subscribes. `bufferSize` is in bytes. Throws SystemError (EPERM without CAP_NET_ADMIN). */
  static open(bufferSize?: number): KernelSigns {
    const opened: Disposable[] = []
    const keep = <T extends Disposable>(item: T): T => {
      opened.push(item)
      return item
    }
    const groups = Object.values(routeGroups)
    const only = { groups: [multicastGroups.NFNLGRP_NFTABLES], only: newGenerationType }
    try {
      return new KernelSigns(
        keep(EventSocket.open(NETLINK_ROUTE, { groups, allNamespaces: true, bufferSize })),
        keep(EventSocket.open(NETLINK_NETFILTER, { ...only, bufferSize })),
        keep(PathWatch.open()),
        ownProcessId(),
      )
    } catch (error) {
      for (const item of opened) item[Symbol.dispose]()
      throw error
    }
  }

  read(interest: Interest): { signs: Sign[]; lost: Channel[] } {
    const signs: Sign[] = []
    const lost: Channel[] = []
    const firewall = this.#firewall.read()
    for (const { payload } of firewall.events) {
      const generation = unlessUnknown(() => decodeGeneration(payload), undefined)
      if (generation === undefined) signs.push({ area: 'firewall' })
      else if (generation.processId !== this.#ownId)
        signs.push({ area: 'firewall', by: processNamed(generation.processId, generation.processName) })
    }
    if (firewall.lost) lost.push('nf_tables')
    const route = this.#route.read()
    const ports = new Ports()
    for (const event of route.events) {
      const sign = unlessUnknown(() => routeSign(event, interest), { area: 'link' as const })
      if (sign !== undefined) signs.push(ports.named(sign))
    }
    if (route.lost) lost.push('rtnetlink')
    for (const event of this.#paths.read())
      if (event === 'lost') lost.push('inotify')
      else if (this.#files.has(event.path)) signs.push({ area: 'setting' })
      else {
        const folder = interest.folders.get(event.path)
        // Without a name it is the folder itself that is gone.
        if (folder !== undefined && (event.name === undefined || folder.concerns(event.name)))
          signs.push({ area: folder.area })
      }
    return { signs, lost }
  }

  follow({ files, folders, links }: Interest): boolean {
    for (const path of folders.keys()) this.#add(path, 'folder')
    // With a new link of the same name come new files of the same names.
    const key = JSON.stringify([files, [...links], [...folders.keys()]])
    if (key === this.#followed) return false
    this.#followed = key
    this.#files = new Set(files.slice(0, mostFiles))
    for (const path of this.#paths.paths)
      if (!folders.has(path) && !this.#files.has(path)) this.#paths.remove(path)
    for (const path of this.#files) if (!this.#add(path, 'file')) break
    return true
  }

  /** Returns false where the user has no more watches: what cannot be watched is looked at from time to time. */
  #add(path: string, watched: Watched): boolean {
    try {
      this.#paths.add(path, watched)
      return true
    } catch (error) {
      if (error instanceof SystemError && error.errno === errno.ENOSPC) return false
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#route[Symbol.dispose]()
    this.#firewall[Symbol.dispose]()
    this.#paths[Symbol.dispose]()
  }
}

/** What a message says; where it cannot be read it may be about anything, so `otherwise` is taken for it. */
const unlessUnknown = <T>(read: () => T, otherwise: T): T => {
  try {
    return read()
  } catch (error) {
    if (error instanceof DecodeError || error instanceof ProtocolError) return otherwise
    throw error
  }
}

/**
 * The number by which nf_tables names this process: that of the first PID namespace, also from inside another one. When
 * asked, it names who asks.
 */
const ownProcessId = (): number => {
  using connection = Connection.open(NETLINK_NETFILTER)
  return readGeneration(connection).processId
}

/** Ports that are looked up at one go: in a storm there is no time for more. */
const mostPorts = 8

/** Looks up, at once, who holds the socket that a sign comes from: a moment later most programs have ended. */
class Ports {
  readonly #known = new Map<number, Process | undefined>()

  named(sign: Sign): Sign {
    const { port } = sign
    if (port === undefined) return sign
    if (!this.#known.has(port)) {
      if (this.#known.size >= mostPorts) return sign
      this.#known.set(port, processAtPort(port))
    }
    const by = this.#known.get(port)
    return by === undefined ? sign : { ...sign, by }
  }
}
