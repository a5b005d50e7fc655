import type { Where } from '../../linux/change.ts'
import type { Kernel, NamespaceState } from '../../linux/kernel.ts'
import type { Ruleset, RulesetFilter } from '../../linux/nftables/index.ts'
import type { ProgramName } from '../../linux/program.ts'
import type { Address } from '../../linux/rtnetlink/address.ts'
import { interfaceOfKey } from '../../linux/rtnetlink/interface-settings.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import type { QueueingDiscipline } from '../../linux/rtnetlink/queueing-discipline.ts'
import type { Route } from '../../linux/rtnetlink/route.ts'
import type { Listener, ListenerProtocol } from '../../linux/socket-diag/listener.ts'

/**
 * The kernel's state as it was when it was first asked for: every list is read once and then kept, so that one plan is
 * made from one picture. A namespace that does not exist has no links, addresses or routes.
 */
export class Observation {
  readonly kernel: Kernel
  readonly #kept = new Map<string, unknown>()

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  #keep<T>(key: string, read: () => T): T {
    if (!this.#kept.has(key)) this.#kept.set(key, read())
    return this.#kept.get(key) as T
  }

  namespace(path: string): NamespaceState {
    return this.#keep(`namespace ${path}`, () => this.kernel.namespaceState(path))
  }

  #exists(where: Where): boolean {
    return where === undefined || this.namespace(where) === 'present'
  }

  links(where: Where): ReadonlyMap<string, Link> {
    return this.#keep(`links ${where ?? ''}`, () => {
      const links = this.#exists(where) ? this.kernel.links(where) : []
      return new Map(links.map(link => [link.name, link]))
    })
  }

  link(where: Where, name: string): Link | undefined {
    return this.links(where).get(name)
  }

  /** The name of the link with an index; undefined when there is none. */
  linkName(where: Where, index: number | undefined): string | undefined {
    const names = this.#keep(
      `names ${where ?? ''}`,
      () => new Map([...this.links(where).values()].map(link => [link.index, link.name])),
    )
    return index === undefined ? undefined : names.get(index)
  }

  /** Addresses by the index of their link. */
  addresses(where: Where): ReadonlyMap<number, Address[]> {
    return this.#keep(`addresses ${where ?? ''}`, () => {
      const byLink = new Map<number, Address[]>()
      for (const address of this.#exists(where) ? this.kernel.addresses(where) : []) {
        const others = byLink.get(address.index)
        if (others) others.push(address)
        else byLink.set(address.index, [address])
      }
      return byLink
    })
  }

  /** Queueing disciplines by the index of their link. */
  queueingDisciplines(where: Where): ReadonlyMap<number, QueueingDiscipline[]> {
    return this.#keep(`queueing disciplines ${where ?? ''}`, () => {
      const byLink = new Map<number, QueueingDiscipline[]>()
      for (const discipline of this.#exists(where) ? this.kernel.queueingDisciplines(where) : []) {
        const others = byLink.get(discipline.index)
        if (others) others.push(discipline)
        else byLink.set(discipline.index, [discipline])
      }
      return byLink
    })
  }

  routes(where: Where): readonly Route[] {
    return this.#keep(`routes ${where ?? ''}`, () => (this.#exists(where) ? this.kernel.routes(where) : []))
  }

  /** The routes that leave by a link. */
  routesBy(where: Where, index: number): readonly Route[] {
    const byLink = this.#keep(`routes by link ${where ?? ''}`, () => {
      const found = new Map<number, Route[]>()
      for (const route of this.routes(where)) {
        if (route.outputIndex === undefined) continue
        const others = found.get(route.outputIndex)
        if (others) others.push(route)
        else found.set(route.outputIndex, [route])
      }
      return found
    })
    return byLink.get(index) ?? []
  }

  /** Who waits at the ports of a namespace, by one transport. */
  listeners(where: Where, protocol: ListenerProtocol): readonly Listener[] {
    return this.#keep(`listeners ${protocol} ${where ?? ''}`, () =>
      this.#exists(where) ? this.kernel.listeners(where, protocol) : [],
    )
  }

  /** Links told most settings of theirs when they were listed; others are read. */
  sysctl(where: Where, key: string): string | undefined {
    return this.#keep(`sysctl ${where ?? ''} ${key}`, () => {
      if (!this.#exists(where)) return undefined
      const name = interfaceOfKey(key)
      return this.kernel.sysctl(where, key, name === undefined ? undefined : this.link(where, name))
    })
  }

  ruleset(filter: RulesetFilter): Ruleset {
    return this.#keep(`ruleset ${JSON.stringify(filter)}`, () => this.kernel.ruleset(undefined, filter))
  }

  file(path: string): string | undefined {
    return this.#keep(`file ${path}`, () => this.kernel.readFile(path))
  }

  /** What a front end of a firewall prints. Throws ProgramError, each time it is asked. */
  programOutput(program: ProgramName, ...words: readonly string[]): string {
    return this.#keep(`program ${program} ${JSON.stringify(words)}`, () =>
      this.kernel.programOutput(program, words),
    )
  }

  folder(path: string): string[] | undefined {
    return this.#keep(`folder ${path}`, () => this.kernel.readFolder(path))
  }
}
