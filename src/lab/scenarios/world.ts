import type { Change, Where } from '../../linux/change.ts'
import { ChangeError } from '../../linux/change.ts'
import { type FlowFacts, newFlow } from '../../linux/conntrack/new-flow.ts'
import type { Kernel, NamespaceState } from '../../linux/kernel.ts'
import type { Request } from '../../linux/netlink/connection.ts'
import { Connection } from '../../linux/netlink/connection.ts'
import type { ChainSpec, NftCommand, Statement } from '../../linux/nftables/index.ts'
import { rule } from '../../linux/nftables/index.ts'
import type { MissingFeature } from '../../linux/probe.ts'
import type { ProgramError } from '../../linux/program.ts'
import {
  addLink,
  deleteLink,
  type Link,
  linkMessage,
  listLinks,
  setLink,
} from '../../linux/rtnetlink/link.ts'
import { deleteNeighbour } from '../../linux/rtnetlink/neighbour.ts'
import { addRoute, deleteRoute, type RouteChange } from '../../linux/rtnetlink/route.ts'
import { NETLINK_ROUTE } from '../../linux/rtnetlink/types.ts'
import { openNamespace } from '../../linux/sys/namespace.ts'
import { pause } from '../../linux/sys/pause.ts'
import type { SocketOwner } from '../../linux/sys/socket-owner.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { carefulFirewall } from '../firewall.ts'
import { labFailed, places } from '../places.ts'
import { Pretence } from './pretence.ts'

/** IF_OPER_UP of linux/if.h (RFC 2863). */
const operationalUp = 6

/** A table that somebody else might have: chains with their rules. */
export type ForeignTable = {
  family: 'ip' | 'ip6' | 'inet'
  table: string
  chains: (ChainSpec & { rules?: readonly (readonly Statement[])[] })[]
}

/**
 * The lab as a fault finds it, and the means to make one. What a fault does is noted with its way back: `heal` takes all of
 * it back, in reverse order. What belonged to the space is mended by `natspace up` afterwards.
 */
export class World {
  readonly kernel: Kernel
  readonly space: ResolvedSpace
  readonly #pretence: Pretence
  readonly #undo: (() => void)[] = []

  constructor(kernel: Kernel, space: ResolvedSpace, pretence: Pretence = new Pretence()) {
    this.kernel = kernel
    this.space = space
    this.#pretence = pretence
  }

  /** The namespace of the space. */
  get inside(): string {
    return this.space.namespacePath
  }

  /** Notes how something is taken back. */
  later(undo: () => void): void {
    this.#undo.push(undo)
  }

  /** Takes back what the fault did. What is gone already is fine. */
  heal(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo()
  }

  link(where: Where, name: string): Link {
    const link = this.kernel.links(where).find(item => item.name === name)
    if (link === undefined) throw labFailed(`there is no link ${name}`)
    return link
  }

  /** The ends of the cable. */
  get inner(): Link {
    return this.link(this.inside, this.space.interface)
  }
  get host(): Link {
    return this.link(undefined, this.space.hostInterface)
  }

  /** Carries changes out; throws NatspaceError LAB_FAILED when one is refused. */
  change(...changes: Change[]): void {
    for (const outcome of this.kernel.change(changes))
      if (outcome instanceof ChangeError) throw labFailed(outcome.message, [JSON.stringify(changes)], outcome)
  }

  /** Sets a sysctl; its value comes back. Equivalent to: `sysctl -w KEY=VALUE` */
  set(where: Where, key: string, value: string): void {
    const before = this.kernel.sysctl(where, key)
    this.change({ type: 'sysctl.set', where, key, value })
    if (before !== undefined)
      this.later(() => this.quietly({ type: 'sysctl.set', where, key, value: before }))
  }

  /** A file that the doctor reads in the place of what is there; undefined: it finds none. */
  pretend(path: string, text: string | undefined): void {
    this.#pretend(this.#pretence.files, path, text)
  }

  /** A setting that the doctor reads in the place of what is there. */
  pretendSetting(where: Where, key: string, value: string | undefined): void {
    this.#pretend(this.#pretence.sysctls, `${where ?? ''} ${key}`, value)
  }

  /** What the doctor finds at the path of a namespace. */
  pretendState(path: string, state: NamespaceState): void {
    this.#pretend(this.#pretence.states, path, state)
  }

  /** A process in a namespace, by files of /proc (proc(5)). */
  pretendProcess(id: number, where: Where, files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) this.pretend(`/proc/${id}/${name}`, text)
    const identity = this.kernel.namespaceIdentity(where)
    if (identity !== undefined) this.#pretend(this.#pretence.identities, `/proc/${id}/ns/net`, identity)
  }

  /** Whoever holds a socket. */
  pretendOwner(owner: SocketOwner): void {
    this.#pretend(this.#pretence.owners, 'any' as const, owner)
  }

  /** Links of a namespace as the doctor finds them. */
  pretendLinks(where: Where, change: (link: Link) => Link): void {
    this.#pretend(this.#pretence.links, where ?? '', change)
  }

  /** A program of the host that fails. */
  pretendFailure(failure: ProgramError): void {
    this.#pretend(this.#pretence.failures, failure.program, failure)
  }

  /** A flow that connection tracking of the host knows. */
  pretendFlow(flow: FlowFacts): void {
    this.#pretend(this.#pretence.flows, 'all' as const, [newFlow(flow, 1)])
  }

  /** A kernel that lacks something. */
  pretendMissing(missing: MissingFeature[]): void {
    this.#pretend(this.#pretence.missing, 'all' as const, missing)
  }

  #pretend<K, T>(map: Map<K, T>, key: K, value: T): void {
    map.set(key, value)
    this.later(() => map.delete(key))
  }

  /** A number that no link of a namespace has. */
  freeIndex(where: Where): number {
    return Math.max(...this.kernel.links(where).map(({ index }) => index)) + 1
  }

  /** Sends requests of rtnetlink to a namespace; throws NetlinkError. */
  route(where: Where, ...requests: Request[]): void {
    using namespace = where === undefined ? undefined : openNamespace(where)
    using connection = Connection.open(NETLINK_ROUTE, {
      ...(namespace === undefined ? {} : { namespace: namespace.number }),
    })
    connection.execute(requests)
  }

  /**
   * Waits until the kernel has told everybody of the carrier of a link: a worker does so, a moment after the link is up
   * (net/core/link_watch.c), and then opens the port of the bridge that the link is, whatever was set meanwhile.
   */
  settle(index: number): void {
    using connection = Connection.open(NETLINK_ROUTE)
    const isSettled = () =>
      connection
        .dump(listLinks(), linkMessage)
        .some(({ header, attributes }) => header.index === index && attributes.operState === operationalUp)
    for (let turn = 0; turn < 200; turn += 1) {
      if (isSettled()) return
      pause(5)
    }
    throw labFailed(`link ${index} has no carrier after a second`)
  }

  /** Adds a route, which goes again. Equivalent to: `ip route add …` */
  addRoute(where: Where, change: RouteChange): void {
    this.route(where, addRoute(change))
    this.later(() => this.#try(() => this.route(where, deleteRoute(change))))
  }

  /** Deletes a route, which comes back. Equivalent to: `ip route delete …` */
  deleteRoute(where: Where, change: RouteChange): void {
    this.route(where, deleteRoute(change))
    this.later(() => this.#try(() => this.route(where, addRoute(change))))
  }

  /** Once it is taken back, the space asks for the link address of its gateway anew, and at once. */
  askAnew(): void {
    const { index } = this.inner
    const { gateway: address } = this.space
    this.later(() =>
      this.#try(() =>
        this.route(
          this.inside,
          deleteNeighbour({ index, family: 4, address, linkAddress: '00:00:00:00:00:00' }),
        ),
      ),
    )
  }

  /** A link up or down; it comes back as it was. */
  setLink(where: Where, name: string, change: { up?: boolean; mtu?: number }): void {
    const { index, up, mtu } = this.link(where, name)
    this.route(where, setLink(index, change))
    this.later(() => this.#try(() => this.route(where, setLink(index, { up, mtu }))))
  }

  /** Gives host1 and host2 addresses of IPv6 on the LAN. */
  lanIpv6(host1: string, host2: string): void {
    for (const [where, address] of [
      [undefined, host1],
      [places.host2, host2],
    ] as const) {
      const { name, index } = this.link(where, 'eth0')
      const change = { where, name, index, address, prefixLength: 64 }
      this.change({ type: 'address.add', ...change })
      this.later(() => this.quietly({ type: 'address.delete', ...change }))
    }
  }

  /** Another link of this host that leads nowhere: a bridge with a port, so that it has a carrier. */
  deadEnd(name: string): Link {
    const port = `${name}-port`
    this.route(undefined, addLink('bridge', name))
    this.later(() => this.#try(() => this.route(undefined, deleteLink(this.link(undefined, name).index))))
    const first = this.freeIndex(undefined)
    const end = (at: string, index: number) => ({
      where: undefined,
      name: at,
      index,
      // Locally administered (IEEE 802).
      address: `02:00:00:00:0e:${(index % 256).toString(16).padStart(2, '0')}`,
      mtu: undefined,
    })
    this.change({ type: 'veth.add', ...end(port, first), peer: end(`${name}-end`, first + 1) })
    this.later(() => this.#try(() => this.route(undefined, deleteLink(this.link(undefined, port).index))))
    const { index } = this.link(undefined, name)
    this.route(
      undefined,
      setLink(first, { master: index, up: true }),
      setLink(first + 1, { up: true }),
      setLink(index, { up: true }),
    )
    return this.link(undefined, name)
  }

  /** Commits commands. Equivalent to: `nft -f -` */
  nft(where: Where, ...commands: NftCommand[]): void {
    this.change({ type: 'nftables.commit', where, commands, generation: undefined })
  }

  /** Makes somebody else's table, which goes again. */
  table(where: Where, { family, table, chains }: ForeignTable): void {
    const place = { family, table } as const
    this.nft(
      where,
      { type: 'table.add', ...place },
      ...chains.map(({ rules: _, ...chain }): NftCommand => ({ type: 'chain.add', ...place, chain })),
      ...chains.flatMap(({ name, rules = [] }) =>
        rules.map(
          (statements): NftCommand => ({
            type: 'rule.add',
            ...place,
            chain: name,
            rule: rule([...statements]),
          }),
        ),
      ),
    )
    this.later(() =>
      this.quietly({
        type: 'nftables.commit',
        where,
        commands: [{ type: 'table.delete', ...place }],
        generation: undefined,
      }),
    )
  }

  /** Changes the host's own firewall, which is afterwards as it was when the lab was built. */
  hostFirewall(...commands: NftCommand[]): void {
    this.nft(undefined, ...commands)
    this.later(() => {
      for (const table of ['filter', 'nat'])
        this.quietly({
          type: 'nftables.commit',
          where: undefined,
          commands: [{ type: 'table.delete', family: 'ip', table }],
          generation: undefined,
        })
      this.nft(undefined, ...carefulFirewall())
    })
  }

  /** Carries a change out; what is gone already needs not be taken back. */
  quietly(change: Change): void {
    this.kernel.change([change])
  }

  #try(undo: () => void): void {
    try {
      undo()
    } catch {
      // The link or route went with something else.
    }
  }
}
