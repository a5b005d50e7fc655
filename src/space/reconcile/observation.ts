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

/** What was asked for of one namespace. A field each, and not a text as key: with many spaces this is asked most often. */
type Place = {
  state?: NamespaceState
  links?: ReadonlyMap<string, Link>
  /** Links and addresses that were asked for one by one. */
  single: Map<string, Link | undefined>
  addressesByLink: Map<number, Address[]>
  names?: ReadonlyMap<number, string>
  addresses?: ReadonlyMap<number, Address[]>
  disciplines?: ReadonlyMap<number, QueueingDiscipline[]>
  routes?: readonly Route[]
  routesByLink?: ReadonlyMap<number | undefined, Route[]>
  sysctls: Map<string, string | undefined>
}

const byKey = <K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> => {
  const found = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const others = found.get(key)
    if (others) others.push(item)
    else found.set(key, [item])
  }
  return found
}

/**
 * The kernel's state as it was when it was first asked for: every list is read once and then kept, so that one plan is
 * made from one picture. A namespace that does not exist has no links, addresses or routes.
 */
export class Observation {
  readonly kernel: Kernel
  readonly #kept = new Map<string, unknown>()
  readonly #places = new Map<string, Place>()
  readonly #few: boolean

  /** `few`: only few links of this host will be asked for, each by itself as long as nobody asks for all of them. */
  constructor(kernel: Kernel, few = false) {
    this.kernel = kernel
    this.#few = few
  }

  #keep<T>(key: string, read: () => T): T {
    if (!this.#kept.has(key)) this.#kept.set(key, read())
    return this.#kept.get(key) as T
  }

  #at(where: Where): Place {
    const path = where ?? ''
    let place = this.#places.get(path)
    if (place === undefined) {
      place = { sysctls: new Map(), single: new Map(), addressesByLink: new Map() }
      this.#places.set(path, place)
    }
    return place
  }

  namespace(path: string): NamespaceState {
    const place = this.#at(path)
    place.state ??= this.kernel.namespaceState(path)
    return place.state
  }

  #exists(where: Where): boolean {
    return where === undefined || this.namespace(where) === 'present'
  }

  links(where: Where): ReadonlyMap<string, Link> {
    const place = this.#at(where)
    place.links ??= new Map(
      (this.#exists(where) ? this.kernel.links(where) : []).map(link => [link.name, link]),
    )
    return place.links
  }

  link(where: Where, name: string): Link | undefined {
    const place = this.#at(where)
    if (!this.#few || where !== undefined || place.links !== undefined) return this.links(where).get(name)
    if (!place.single.has(name))
      place.single.set(
        name,
        this.kernel.links(where, name).find(link => link.name === name),
      )
    return place.single.get(name)
  }

  /** The name of the link with an index; undefined when there is none. */
  linkName(where: Where, index: number | undefined): string | undefined {
    const place = this.#at(where)
    place.names ??= new Map([...this.links(where).values()].map(link => [link.index, link.name]))
    return index === undefined ? undefined : place.names.get(index)
  }

  /** Addresses by the index of their link. */
  addresses(where: Where): ReadonlyMap<number, Address[]> {
    const place = this.#at(where)
    place.addresses ??= byKey(this.#exists(where) ? this.kernel.addresses(where) : [], ({ index }) => index)
    return place.addresses
  }

  /** The addresses of one link. */
  addressesOf(where: Where, index: number): readonly Address[] {
    const place = this.#at(where)
    if (!this.#few || where !== undefined || place.addresses !== undefined)
      return this.addresses(where).get(index) ?? []
    let found = place.addressesByLink.get(index)
    if (found === undefined) {
      found = this.kernel.addresses(where, index).filter(address => address.index === index)
      place.addressesByLink.set(index, found)
    }
    return found
  }

  /** Queueing disciplines by the index of their link. */
  queueingDisciplines(where: Where): ReadonlyMap<number, QueueingDiscipline[]> {
    const place = this.#at(where)
    place.disciplines ??= byKey(
      this.#exists(where) ? this.kernel.queueingDisciplines(where) : [],
      ({ index }) => index,
    )
    return place.disciplines
  }

  routes(where: Where): readonly Route[] {
    const place = this.#at(where)
    place.routes ??= this.#exists(where) ? this.kernel.routes(where) : []
    return place.routes
  }

  /** The routes that leave by a link. */
  routesBy(where: Where, index: number): readonly Route[] {
    const place = this.#at(where)
    place.routesByLink ??= byKey(this.routes(where), ({ outputIndex }) => outputIndex)
    return place.routesByLink.get(index) ?? []
  }

  /** Who waits at the ports of a namespace, by one transport. */
  listeners(where: Where, protocol: ListenerProtocol): readonly Listener[] {
    return this.#keep(`listeners ${protocol} ${where ?? ''}`, () =>
      this.#exists(where) ? this.kernel.listeners(where, protocol) : [],
    )
  }

  /** Links told most settings of theirs when they were listed; others are read. */
  sysctl(where: Where, key: string): string | undefined {
    const { sysctls } = this.#at(where)
    if (sysctls.has(key)) return sysctls.get(key)
    const name = interfaceOfKey(key)
    const link = () => (name === undefined ? undefined : this.link(where, name))
    const value = this.#exists(where) ? this.kernel.sysctl(where, key, link()) : undefined
    sysctls.set(key, value)
    return value
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
