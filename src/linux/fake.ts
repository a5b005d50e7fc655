import { type Change, ChangeError, type Outcome, type Where } from './change.ts'
import { endOfGroup, isRouteChange, type RouteChanges } from './change-group.ts'
import { type Flow, type FlowFacts, type FlowSelector, matchesFlow, newFlow } from './conntrack/index.ts'
import { deleteDiscipline, disciplineOf, replaceDiscipline } from './fake/discipline.ts'
import { linkOf } from './fake/link.ts'
import type { ListenerFacts } from './fake/listener.ts'
import { FakeMachine } from './fake/machine.ts'
import type { FakeNamespace } from './fake/namespace.ts'
import { type MachineSnapshot, snapshotOf } from './fake/snapshot.ts'
import type { FileStatus, Kernel, NamespaceState } from './kernel.ts'
import type { Ruleset, RulesetFilter } from './nftables/index.ts'
import type { ProgramName } from './program.ts'
import type { Address } from './rtnetlink/address.ts'
import type { Link } from './rtnetlink/link.ts'
import type { Neighbour } from './rtnetlink/neighbour.ts'
import type { QueueingDiscipline } from './rtnetlink/queueing-discipline.ts'
import type { Route, RouteQuery } from './rtnetlink/route.ts'
import type { Rule } from './rtnetlink/rule.ts'
import { compareListeners, type Listener, type ListenerProtocol } from './socket-diag/listener.ts'
import { NamespaceError } from './sys/namespace.ts'
import type { SocketOwner } from './sys/socket-owner.ts'
import { sysctlName, sysctlPath } from './sysctl.ts'

/**
 * A kernel in memory, for tests without privileges. Theory of operation: a `FakeMachine` has files, namespaces, links,
 * addresses, routes, sysctls and rulesets, and refuses what the real one refuses, with the same errno; a `FakeKernel` is
 * one process's view of it (a second one with the same machine plays another program). Both pass the suite of tests that
 * the real kernel passes. There are no processes, no packets and no time: nothing expires, and nothing is counted.
 *
 * ```ts
 * const kernel = new FakeKernel()
 * kernel.addLink('eth0', { address: '192.168.1.32/24', gateway: '192.168.1.1' })
 * await up({ kernel, paths: statePaths() }, [spec])
 * kernel.links('/run/netns/myspace')
 * ```
 */
export class FakeKernel implements Kernel {
  readonly machine: FakeMachine
  readonly #held = new Map<string, FakeNamespace>()
  #writes = 0

  constructor(machine: FakeMachine = new FakeMachine()) {
    this.machine = machine
  }

  get writes(): number {
    return this.#writes
  }

  /** Adds a link of the host that is up, as an uplink is; the address with its prefix length. Counts as no change. */
  addLink(
    name: string,
    options: { address?: string; gateway?: string; up?: boolean; kind?: string } = {},
  ): Link {
    const { kind, up = true } = options
    const link = this.machine.addLink(name, kind === undefined ? {} : { kind })
    const { host } = this.machine
    const end = { where: undefined, name, index: link.index }
    const [address, length] = options.address?.split('/') ?? []
    if (address !== undefined)
      host.routing.addAddress({ type: 'address.add', ...end, address, prefixLength: Number(length) })
    if (up) host.setLink({ type: 'link.set', ...end, up })
    const { gateway } = options
    const destination = gateway?.includes(':') ? '::/0' : '0.0.0.0/0'
    if (gateway !== undefined) host.routing.addRoute({ type: 'route.add', ...end, destination, gateway })
    return linkOf(link)
  }

  /**
   * Lets a program listen: by default on every IPv4 address, in TCP, in the namespace of the host, as root. Counts as no
   * change. The inode that the socket got is in what is returned; without an owner the kernel knows of none.
   */
  addListener(
    facts: ListenerFacts,
    { where, owner }: { where?: string; owner?: SocketOwner } = {},
  ): Listener {
    return this.machine.addListener(this.#namespace(where), facts, owner)
  }

  /**
   * Lets connection tracking know a flow: without a reply tuple one that is not translated. Counts as no change, and is not
   * part of a snapshot, as flows come and go by themselves.
   */
  addFlow(facts: FlowFacts, { where }: { where?: string } = {}): Flow {
    const { flows } = this.#namespace(where)
    const flow = newFlow(facts, Math.max(0, ...flows.map(({ id }) => id ?? 0)) + 1)
    flows.push(flow)
    return structuredClone(flow)
  }

  /**
   * Installs a front end of a firewall: `answer` is given the words of each call and returns what the program prints, or
   * throws ProgramError. Programs that are not installed fail as on a machine without them.
   */
  addProgram(program: ProgramName, answer: (words: readonly string[]) => string): void {
    this.machine.programs.set(program, answer)
  }

  /** Everything there is, as plain data to be compared: two snapshots are equal when nothing is left and nothing lost. */
  snapshot(): MachineSnapshot {
    return snapshotOf(this.machine)
  }

  namespaceNames(folder = '/run/netns'): string[] {
    return this.readFolder(folder) ?? []
  }

  namespaceState(path: string): NamespaceState {
    const namespace = this.machine.namespace(path)
    const held = this.#held.get(path)
    if (namespace && held && held !== namespace) return 'another'
    if (namespace) return 'present'
    return this.machine.files.nodes.has(path) ? 'not-a-namespace' : 'missing'
  }

  holdNamespace(path: string): NamespaceState {
    const state = this.namespaceState(path)
    const namespace = this.machine.namespace(path)
    if (namespace !== undefined) {
      this.#held.set(path, namespace)
      namespace.isHeld = true
    }
    return state
  }

  namespaceIdentity(where: Where): string | undefined {
    const held = this.#held.get(where ?? '')
    if (held !== undefined) return held.identity
    return this.machine.namespace(where)?.identity
  }

  namespaceId(where: Where, other: string): number | undefined {
    return this.#namespace(where).idOf(this.#namespace(other))
  }

  links(where: Where): Link[] {
    return [...this.#namespace(where).links.values()].sort((a, b) => a.index - b.index).map(linkOf)
  }

  addresses(where: Where): Address[] {
    return this.#namespace(where).routing.listAddresses()
  }

  routes(where: Where): Route[] {
    return this.#namespace(where).routing.listRoutes()
  }

  rules(where: Where): Rule[] {
    this.#namespace(where)
    return defaultRules.map(rule => ({ ...rule }))
  }

  neighbours(where: Where): Neighbour[] {
    this.#namespace(where)
    return []
  }

  queueingDisciplines(where: Where): QueueingDiscipline[] {
    const links = [...this.#namespace(where).links.values()].sort((a, b) => a.index - b.index)
    return links.flatMap(disciplineOf)
  }

  lookUpRoute(where: Where, query: RouteQuery): Route {
    return this.#namespace(where).routing.lookUp(query)
  }

  listeners(where: Where, protocol?: ListenerProtocol): Listener[] {
    const all = [...this.#namespace(where).listeners.values()]
    const wanted = all.filter(listener => protocol === undefined || listener.protocol === protocol)
    return wanted.sort(compareListeners).map(listener => ({ ...listener }))
  }

  socketOwner(inode: number): SocketOwner | undefined {
    return this.machine.socketOwners.get(inode)
  }

  sysctl(where: Where, key: string): string | undefined {
    return this.#namespace(where).sysctls.read(pathOf(key))
  }

  sysctlNames(where: Where, folder: string): string[] {
    return this.#namespace(where).sysctls.names(pathOf(folder)).map(sysctlName)
  }

  ruleset(where: Where, filter?: RulesetFilter): Ruleset {
    return this.#namespace(where).netfilter.read(filter)
  }

  rulesetGeneration(where: Where): number {
    return this.#namespace(where).netfilter.generation
  }

  flows(where: Where, filter: FlowSelector = {}): Flow[] {
    return structuredClone(this.#namespace(where).flows.filter(flow => matchesFlow(filter, flow)))
  }

  readFile(path: string): string | undefined {
    return this.machine.files.read(path)
  }

  programOutput(program: ProgramName, words: readonly string[]): string {
    return this.machine.runProgram(program, words)
  }

  readFolder(path: string): string[] | undefined {
    return this.machine.files.list(path)
  }

  fileStatus(path: string): FileStatus | undefined {
    return this.machine.files.status(path)
  }

  tryLock(path: string): Disposable | undefined {
    return this.machine.files.tryLock(path)
  }

  change(changes: readonly Change[]): Outcome[] {
    const outcomes: Outcome[] = changes.map(() => 'not-tried')
    for (let start = 0; start < changes.length; ) {
      const end = endOfGroup(changes, start)
      const results = this.#sendTogether(changes.slice(start, end))
      for (const [offset, outcome] of results.entries()) outcomes[start + offset] = outcome
      this.#writes += results.filter(outcome => outcome === 'done').length
      if (results.some(outcome => outcome instanceof ChangeError)) break
      start = end
    }
    return outcomes
  }

  /** As in one send: what cannot even be asked for stops all, and after a refusal the others are still tried. */
  #sendTogether(changes: readonly Change[]): Outcome[] {
    const unsent = changes.map(change => this.#whyNotSent(change)).find(error => error !== undefined)
    if (unsent !== undefined)
      return changes.map((change, index) => (index === 0 ? new ChangeError(change, unsent) : 'not-tried'))
    return changes.map(change => {
      try {
        this.#carryOut(change)
        return 'done'
      } catch (cause) {
        return new ChangeError(change, cause as Error)
      }
    })
  }

  #whyNotSent(change: Change): NamespaceError | undefined {
    if (!isRouteChange(change)) return undefined
    const wheres = change.type === 'veth.add' ? [change.where, change.peer.where] : [change.where]
    const missing = wheres.find(
      where => !this.#held.has(where ?? '') && this.machine.namespace(where) === undefined,
    )
    return missing === undefined ? undefined : this.#noNamespace(missing)
  }

  #carryOut(change: Change): void {
    const { files } = this.machine
    if (isRouteChange(change)) {
      this.#changeRoutes(this.#namespace(change.where), change)
      return
    }
    switch (change.type) {
      case 'directory.add':
        files.makeFolder(change.path, change.mode)
        return
      case 'directory.delete':
        files.removeFolder(change.path)
        return
      case 'file.write':
        files.write(change.path, change.text, change.mode)
        return
      case 'file.delete':
        files.remove(change.path)
        return
      case 'mount.share':
        files.share(change.path)
        return
      case 'mount.delete':
        this.machine.unmount(change.path)
        return
      case 'namespace.add':
        this.#addNamespace(change)
        return
      case 'namespace.delete':
        this.machine.deleteNamespace(change.path)
        return
      case 'sysctl.set':
        this.#namespace(change.where).writeSysctl(pathOf(change.key), change.value)
        return
      case 'nftables.commit':
        this.#namespace(change.where).netfilter.commit(change.commands, change.generation)
        return
      case 'nftables.delete-rules':
        this.#namespace(change.where).netfilter.deleteRules(change)
        return
      case 'program.run':
        this.machine.runProgram(change.program, change.arguments)
        return
      case 'conntrack.delete':
        this.#namespace(change.where).deleteFlows(change.flows)
        return
    }
  }

  #addNamespace({ path, mark }: Extract<Change, { type: 'namespace.add' }>): void {
    const namespace = this.machine.addNamespace(path)
    if (mark === undefined) return
    try {
      namespace.setLink({ type: 'link.set', where: path, name: 'lo', index: 1, alias: mark })
    } catch (error) {
      this.machine.deleteNamespace(path)
      throw error
    }
  }

  #changeRoutes(namespace: FakeNamespace, change: RouteChanges): void {
    const { routing } = namespace
    switch (change.type) {
      case 'veth.add':
        namespace.addVeth(change, this.#namespace(change.peer.where))
        return
      case 'link.set':
        namespace.setLink(change)
        return
      case 'link.delete':
        namespace.deleteLink(change.index)
        return
      case 'address.add':
        routing.addAddress(change)
        return
      case 'address.delete':
        routing.deleteAddress(change)
        return
      case 'route.add':
        routing.addRoute(change)
        return
      case 'route.delete':
        routing.deleteRoute(change)
        return
      case 'qdisc.replace':
        replaceDiscipline(namespace.links.get(change.index), change)
        return
      case 'qdisc.delete':
        deleteDiscipline(namespace.links.get(change.index), change.handle)
        return
    }
  }

  #namespace(where: Where): FakeNamespace {
    const found = this.#held.get(where ?? '') ?? this.machine.namespace(where)
    if (found !== undefined) return found
    throw this.#noNamespace(where as string)
  }

  #noNamespace(path: string): NamespaceError {
    return new NamespaceError(path, this.machine.files.nodes.has(path) ? 'not-a-namespace' : 'missing')
  }

  [Symbol.dispose](): void {
    // Nothing is held open.
  }
}

const pathOf = (key: string): string => sysctlPath(key).slice('/proc/sys/'.length)

/** Policy routing as every namespace has it at first. Equivalent to: `ip rule show`, `ip -6 rule show` */
const defaultRules: readonly Rule[] = [
  ...[
    [0, 255],
    [32766, 254],
    [32767, 253],
  ].map(([priority = 0, table = 0]) => defaultRule(4, priority, table)),
  defaultRule(6, 0, 255),
  defaultRule(6, 32766, 254),
]

function defaultRule(family: 4 | 6, priority: number, table: number): Rule {
  return {
    family,
    priority,
    source: 'all',
    destination: 'all',
    inputName: undefined,
    outputName: undefined,
    mark: undefined,
    markMask: undefined,
    table,
    action: 1,
    inverted: false,
  }
}
