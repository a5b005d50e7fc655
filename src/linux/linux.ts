import { type Change, ChangeError, type Outcome, type Where } from './change.ts'
import { endOfGroup, isRouteChange, type RouteChanges } from './change-group.ts'
import {
  deleteFlows,
  type Flow,
  type FlowSelector,
  lacksConntrack,
  listFlows,
  refuseEmpty,
} from './conntrack/index.ts'
import type { FileStatus, Kernel, NamespaceState } from './kernel.ts'
import { NetlinkError } from './netlink/errors.ts'
import {
  commit,
  commitWithRetry,
  type NftCommand,
  type Ruleset,
  type RulesetFilter,
  readGeneration,
  readRuleset,
} from './nftables/index.ts'
import { OpenNamespaces } from './open-namespaces.ts'
import { type ProgramName, runProgram } from './program.ts'
import { executeRouteChanges } from './route-changes.ts'
import { type Address, listAddresses, listedAddressMessage, toAddress } from './rtnetlink/address.ts'
import { toldSetting } from './rtnetlink/interface-settings.ts'
import { getLink, type Link, listedLinkMessage, listLinks, toLink } from './rtnetlink/link.ts'
import { readNamespaceId } from './rtnetlink/namespace-id.ts'
import { listNeighbours, type Neighbour, neighbourMessage, toNeighbour } from './rtnetlink/neighbour.ts'
import { type QueueingDiscipline, readQueueingDisciplines } from './rtnetlink/queueing-discipline.ts'
import {
  getRoute,
  isCached,
  listRoutes,
  type Route,
  type RouteQuery,
  routeMessage,
  toRoute,
} from './rtnetlink/route.ts'
import { listRules, type Rule, ruleMessage, toRule } from './rtnetlink/rule.ts'
import { isIp } from './rtnetlink/types.ts'
import type { Listener, ListenerProtocol } from './socket-diag/listener.ts'
import { readListeners } from './socket-diag/read.ts'
import { readStateFile, writeStateFile } from './state-file.ts'
import type { Descriptor } from './sys/descriptor.ts'
import { errno, SystemError } from './sys/errno.ts'
import {
  makeFolder,
  namesIn,
  readSmallFile,
  removeFile,
  removeFolder,
  statusOf,
  statusOfDescriptor,
  writeSmallFile,
} from './sys/files.ts'
import { tryLock } from './sys/lock.ts'
import {
  insideNamespace,
  NamespaceError,
  openNamespace,
  ownNamespacePath,
  shareMount,
  unmount,
  unmountNamespace,
} from './sys/namespace.ts'
import { findSocketOwner, type SocketOwner } from './sys/socket-owner.ts'
import { sysctlName, sysctlPath } from './sysctl.ts'

/**
 * The real kernel. Sockets and descriptors are kept by `OpenNamespaces` and closed with this object. Changes that
 * rtnetlink takes and that are for the same namespace are sent together; all others are done one by one.
 */
export class LinuxKernel implements Kernel {
  readonly #namespaces = new OpenNamespaces()
  #writes = 0
  /** The last lock that was taken: a program that is run holds it too. */
  #lock: Descriptor | undefined

  get writes(): number {
    return this.#writes
  }

  namespaceNames(folder = '/run/netns'): string[] {
    return this.readFolder(folder) ?? []
  }

  namespaceState(path: string): NamespaceState {
    let fresh: Descriptor
    try {
      fresh = openNamespace(path)
    } catch (error) {
      this.#namespaces.forget(path)
      if (error instanceof NamespaceError) return error.reason
      throw error
    }
    return this.#namespaces.refresh(path, fresh) ? 'present' : 'another'
  }

  holdNamespace(path: string): NamespaceState {
    try {
      this.#namespaces.hold(path, openNamespace(path))
    } catch (error) {
      if (error instanceof NamespaceError) return error.reason
      throw error
    }
    return 'present'
  }

  namespaceIdentity(where: Where): string | undefined {
    const held = where === undefined ? undefined : this.#namespaces.held(where)
    const status =
      held === undefined ? statusOf(where ?? ownNamespacePath, true) : statusOfDescriptor(held.number)
    return status && `${status.device}:${status.inode}`
  }

  namespaceId(where: Where, other: string): number | undefined {
    return readNamespaceId(this.#namespaces.at(where).route, this.#namespaces.at(other).descriptor)
  }

  links(where: Where, name?: string): Link[] {
    const { route } = this.#namespaces.at(where)
    if (name === undefined) return route.dump(listLinks(), listedLinkMessage).map(toLink)
    const [found] = route.executeAll([getLink(name)])
    if (found instanceof NetlinkError && found.errno === errno.ENODEV) return []
    if (found instanceof NetlinkError) throw found
    return (found ?? []).map(({ payload }) => toLink(listedLinkMessage.decode(payload, 0, payload.length)))
  }

  addresses(where: Where, index?: number): Address[] {
    return this.#namespaces.at(where).route.dump(listAddresses(index), listedAddressMessage).map(toAddress)
  }

  routes(where: Where): Route[] {
    const messages = this.#namespaces.at(where).route.dump(listRoutes(), routeMessage)
    return messages.filter(message => isIp(message) && !isCached(message)).map(toRoute)
  }

  rules(where: Where): Rule[] {
    return this.#namespaces.at(where).route.dump(listRules(), ruleMessage).filter(isIp).map(toRule)
  }

  neighbours(where: Where): Neighbour[] {
    return this.#namespaces.at(where).route.dump(listNeighbours(), neighbourMessage).map(toNeighbour)
  }

  queueingDisciplines(where: Where): QueueingDiscipline[] {
    return readQueueingDisciplines(this.#namespaces.at(where).route)
  }

  lookUpRoute(where: Where, query: RouteQuery): Route {
    const [replies] = this.#namespaces.at(where).route.execute([getRoute(query)])
    const reply = replies?.[0]
    if (reply === undefined) throw new Error('The kernel answered a route look-up with nothing')
    return toRoute(routeMessage.decode(reply.payload, 0, reply.payload.length))
  }

  listeners(where: Where, protocol?: ListenerProtocol): Listener[] {
    return readListeners(() => this.#namespaces.at(where).socketDiag, protocol)
  }

  socketOwner(inode: number): SocketOwner | undefined {
    return findSocketOwner(inode)
  }

  sysctl(where: Where, key: string, link?: Link): string | undefined {
    const told = link === undefined ? undefined : toldSetting(key, link)
    if (told !== undefined) return told
    try {
      return this.#inside(where, () => readSmallFile(sysctlPath(key))).trimEnd()
    } catch (error) {
      if (error instanceof SystemError && error.errno === errno.ENOENT) return undefined
      throw error
    }
  }

  sysctlNames(where: Where, folder: string): string[] {
    const names = this.#inside(where, () => this.readFolder(sysctlPath(folder)))
    return (names ?? []).map(sysctlName)
  }

  ruleset(where: Where, filter?: RulesetFilter): Ruleset {
    return readRuleset(this.#namespaces.at(where).netfilter, filter)
  }

  rulesetGeneration(where: Where): number {
    return readGeneration(this.#namespaces.at(where).netfilter).id
  }

  flows(where: Where, filter?: FlowSelector): Flow[] {
    return this.#flows(where, filter && [filter])
  }

  readFile(path: string): string | undefined {
    return readStateFile(path)
  }

  programOutput(program: ProgramName, words: readonly string[]): string {
    return runProgram(program, words)
  }

  readFolder(path: string): string[] | undefined {
    try {
      return namesIn(path)
    } catch (error) {
      if (error instanceof SystemError && error.errno === errno.ENOENT) return undefined
      throw error
    }
  }

  fileStatus(path: string): FileStatus | undefined {
    const status = statusOf(path)
    if (status === undefined) return undefined
    const type = status.mode & fileTypeMask
    return {
      type: type === folderType ? 'folder' : type === regularType ? 'file' : 'other',
      mode: status.mode & 0o7777,
      user: status.user,
    }
  }

  tryLock(path: string): Disposable | undefined {
    const lock = tryLock(path)
    if (lock !== undefined) this.#lock = lock
    return lock
  }

  change(changes: readonly Change[]): Outcome[] {
    const outcomes: Outcome[] = changes.map(() => 'not-tried')
    for (let start = 0; start < changes.length; ) {
      const end = endOfGroup(changes, start)
      const group = changes.slice(start, end)
      const results =
        end - start > 1 || isRouteChange(group[0]) ? this.#sendTogether(group) : this.#one(group[0] as Change)
      for (const [offset, outcome] of results.entries()) outcomes[start + offset] = outcome
      this.#writes += results.filter(outcome => outcome === 'done').length
      if (results.some(outcome => outcome instanceof ChangeError)) break
      start = end
    }
    return outcomes
  }

  #sendTogether(changes: readonly Change[]): Outcome[] {
    try {
      const { route } = this.#namespaces.at((changes[0] as RouteChanges).where)
      const descriptorOf = (where: Where) => this.#namespaceDescriptor(where)
      return executeRouteChanges(route, changes as RouteChanges[], descriptorOf).map((result, index) =>
        result instanceof NetlinkError ? new ChangeError(changes[index] as Change, result) : 'done',
      )
    } catch (cause) {
      return changes.map((change, index) =>
        index === 0 ? new ChangeError(change, cause as Error) : 'not-tried',
      )
    }
  }

  #one(change: Change): Outcome[] {
    try {
      this.#carryOut(change)
      return ['done']
    } catch (cause) {
      return [new ChangeError(change, cause as Error)]
    }
  }

  #carryOut(change: Change): void {
    switch (change.type) {
      case 'directory.add':
        makeFolder(change.path, change.mode)
        return
      case 'directory.delete':
        removeFolder(change.path)
        return
      case 'file.write':
        writeStateFile(change.path, change.text, change.mode)
        return
      case 'file.delete':
        removeFile(change.path)
        return
      case 'mount.share':
        shareMount(change.path)
        return
      case 'mount.delete':
        unmount(change.path)
        return
      case 'namespace.add':
        this.#namespaces.create(change.path, change.mark)
        return
      case 'namespace.delete':
        this.#namespaces.forget(change.path)
        unmountNamespace(change.path)
        removeFile(change.path)
        return
      case 'sysctl.set':
        this.#inside(change.where, () => writeSmallFile(sysctlPath(change.key), change.value))
        return
      case 'nftables.commit':
        commit(
          this.#namespaces.at(change.where).netfilter,
          change.commands,
          change.generation === undefined ? {} : { generation: change.generation },
        )
        return
      case 'nftables.delete-rules':
        commitWithRetry(this.#namespaces.at(change.where).netfilter, () => this.#rulesWithComment(change))
        return
      case 'program.run':
        runProgram(
          change.program,
          change.arguments,
          this.#lock?.closed === false ? this.#lock.number : undefined,
        )
        return
      case 'conntrack.delete':
        this.#deleteFlows(change.where, change.flows)
        return
      default:
        throw new Error(`${change.type} goes by rtnetlink`)
    }
  }

  #rulesWithComment({ where, family, table, chain, comment }: DeleteRules): NftCommand[] {
    const found = this.ruleset(where, { family, table, elements: false }).tables[0]
    const rules = found?.chains.find(item => item.name === chain)?.rules ?? []
    return rules
      .filter(rule => rule.comment === comment)
      .map(({ handle }) => ({ type: 'rule.delete', family, table, chain, handle }))
  }

  /** Where the kernel has no connection tracking there is no flow to see, and none to delete. */
  #flows(where: Where, selectors: readonly FlowSelector[] | undefined): Flow[] {
    try {
      return listFlows(this.#namespaces.at(where).netfilter, selectors)
    } catch (error) {
      if (lacksConntrack(error)) return []
      throw error
    }
  }

  #deleteFlows(where: Where, selectors: readonly FlowSelector[]): void {
    refuseEmpty(selectors)
    const flows = this.#flows(where, selectors)
    if (flows.length > 0) deleteFlows(this.#namespaces.at(where).netfilter, flows)
  }

  #inside<T>(where: Where, section: () => T): T {
    return where === undefined ? section() : insideNamespace(this.#namespaceDescriptor(where), section)
  }

  #namespaceDescriptor(where: Where): number {
    const { descriptor } = this.#namespaces.at(where)
    if (descriptor !== undefined) return descriptor.number
    return this.#namespaces.at(ownNamespacePath).descriptor?.number as number
  }

  [Symbol.dispose](): void {
    this.#namespaces[Symbol.dispose]()
  }
}

/** S_IFMT, S_IFDIR and S_IFREG of linux/stat.h. */
const fileTypeMask = 0o170000
const folderType = 0o040000
const regularType = 0o100000

type DeleteRules = Extract<Change, { type: 'nftables.delete-rules' }>
