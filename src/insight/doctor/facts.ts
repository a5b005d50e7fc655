import type { Where } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { isLinkLocal } from '../../linux/net/ip.ts'
import type { Ruleset } from '../../linux/nftables/index.ts'
import type { Address } from '../../linux/rtnetlink/address.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import type { Neighbour } from '../../linux/rtnetlink/neighbour.ts'
import { type Route, routeTable } from '../../linux/rtnetlink/route.ts'
import type { Rule } from '../../linux/rtnetlink/rule.ts'
import { defaultUplink } from '../../space/reconcile/facts.ts'
import { Observation } from '../../space/reconcile/observation.ts'
import type { StatePaths } from '../../space/state/records.ts'
import { decideRoute, type RouteDecision } from '../walk/route-decisions.ts'
import { isForbidden } from './refusal.ts'
import type { Subject } from './subject.ts'

/** The cable of a namespace as it is found: what the spec says where there is one, else what routes and peers tell. */
export type Cable = {
  /** The link inside that leads out; undefined when there is none. */
  inner: Link | undefined
  /** Its other end, where that is in the namespace of this host. */
  host: Link | undefined
  /** The bridge that the other end is a port of. */
  bridge: Link | undefined
}

/** Where the probes go, and what the checks look at. */
export type Destination = { family: 4 | 6; protocol: 'icmp' | 'tcp' | 'udp'; address: string; port?: number }

/**
 * What the checks ask: lists of the kernel, each read once, of the namespace and of the host. Nothing is changed. Throws
 * what the kernel's questions throw.
 */
export class Facts {
  readonly kernel: Kernel
  readonly seen: Observation
  readonly subject: Subject
  readonly paths: StatePaths
  readonly destination: Destination
  readonly #kept = new Map<string, unknown>()

  constructor(kernel: Kernel, paths: StatePaths, subject: Subject, destination: Destination) {
    this.kernel = kernel
    this.paths = paths
    this.seen = new Observation(kernel)
    this.subject = subject
    this.destination = destination
  }

  /** The namespace that is examined. */
  get inside(): string {
    return this.subject.path
  }

  #keep<T>(key: string, read: () => T): T {
    if (!this.#kept.has(key)) this.#kept.set(key, read())
    return this.#kept.get(key) as T
  }

  links(where: Where): Link[] {
    return [...this.seen.links(where).values()]
  }

  addressesOf(where: Where, link: Link | undefined): Address[] {
    return link === undefined ? [] : (this.seen.addresses(where).get(link.index) ?? [])
  }

  routes(where: Where): readonly Route[] {
    return this.seen.routes(where)
  }

  rules(where: Where): readonly Rule[] {
    return this.#keep(`rules ${where ?? ''}`, () => this.kernel.rules(where))
  }

  neighbours(where: Where): readonly Neighbour[] {
    return this.#keep(`neighbours ${where ?? ''}`, () => this.kernel.neighbours(where))
  }

  ruleset(where: Where): Ruleset {
    return this.#keep(`ruleset ${where ?? ''}`, () => this.kernel.ruleset(where))
  }

  sysctl(where: Where, key: string): string | undefined {
    return this.seen.sysctl(where, key)
  }

  /** Whether this user may look inside: who may open the file of a namespace may still not enter it. */
  get mayEnter(): boolean {
    return this.#keep('mayEnter', () => {
      try {
        this.links(this.inside)
        return true
      } catch (error) {
        if (isForbidden(error)) return false
        throw error
      }
    })
  }

  get cable(): Cable {
    return this.#keep('cable', () => cableOf(this))
  }

  /** The link of the host at which the namespace is: the bridge, or the end of the cable. */
  get router(): Link | undefined {
    return this.cable.bridge ?? this.cable.host
  }

  /** The source that packets of the namespace have, by what its link has. */
  get source(): string | undefined {
    const { family } = this.destination
    return this.addressesOf(this.inside, this.cable.inner).find(
      item => item.family === family && !isLinkLocal(item.address),
    )?.address
  }

  /**
   * The link by which the host sends on what the namespace sends to the destination; where it does not forward, by which it
   * would send itself; the default one where no route says anything.
   */
  get uplink(): string | undefined {
    return this.#keep('uplink', () => {
      const { address: destination } = this.destination
      const { source, router } = this
      const forwarded =
        source === undefined || router === undefined
          ? undefined
          : this.route(undefined, { destination, source, inputIndex: router.index })
      const decision = forwarded?.found ? forwarded : this.route(undefined, { destination })
      return decision.found && decision.type === 'unicast' ? decision.device?.name : defaultUplink(this.seen)
    })
  }

  /** One look-up of the kernel. Equivalent to: `ip route get …` */
  route(where: Where, question: Parameters<typeof decideRoute>[2]): RouteDecision {
    return this.#keep(`route ${where ?? ''} ${JSON.stringify(question)}`, () =>
      decideRoute(this.kernel, where, question),
    )
  }
}

const cableOf = (facts: Facts): Cable => {
  const { subject, inside, seen } = facts
  if (!facts.mayEnter) return { inner: undefined, host: undefined, bridge: undefined }
  const links = facts.links(inside).filter(link => !link.loopback)
  const named = subject.space && links.find(({ name }) => name === subject.space?.interface)
  const inner = named ?? linkOfDefault(facts, links) ?? links.find(({ kind }) => kind === 'veth') ?? links[0]
  const host =
    (inner && facts.links(undefined).find(link => arePeers(inner, link) && isPlugged(facts, link))) ??
    (subject.space && seen.link(undefined, subject.space.hostInterface))
  const bridge =
    host?.master === undefined ? undefined : facts.links(undefined).find(({ index }) => index === host.master)
  return { inner, host, bridge }
}

/** Each end of a veth names the index of the other. */
const arePeers = (one: Link, other: Link): boolean =>
  one.kind === 'veth' && other.kind === 'veth' && one.peer === other.index && other.peer === one.index

/** Indexes are those of a namespace, so links of two others may look as if they were the ends of one cable. */
const isPlugged = ({ kernel, inside }: Facts, { peerNamespaceId }: Link): boolean =>
  peerNamespaceId === undefined
    ? kernel.namespaceIdentity(inside) === kernel.namespaceIdentity(undefined)
    : peerNamespaceId === kernel.namespaceId(undefined, inside)

const linkOfDefault = ({ inside, seen }: Facts, links: readonly Link[]): Link | undefined => {
  const route = seen
    .routes(inside)
    .filter(({ table, destination }) => table === routeTable.main && /^(0\.0\.0\.0|::)\/0$/.test(destination))
    .toSorted((a, b) => a.family - b.family || (a.priority ?? 0) - (b.priority ?? 0))[0]
  return links.find(({ index }) => index === route?.outputIndex)
}
