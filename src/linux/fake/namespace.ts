import type { LinkSet, VethAdd } from '../change.ts'
import { type Flow, type FlowSelector, flowMatcher, refuseEmpty } from '../conntrack/index.ts'
import type { Listener } from '../socket-diag/listener.ts'
import { defaultDiscipline } from './discipline.ts'
import { refusal } from './errors.ts'
import { type FakeLink, hasCarrier } from './link.ts'
import { FakeNetfilter } from './netfilter.ts'
import { FakeRouting } from './routing.ts'
import type { FakeSysctls } from './sysctls.ts'

const loopback = { index: 1, name: 'lo', address: '00:00:00:00:00:00', mtu: 65536 }
const newLink = 'RTM_NEWLINK'
/** IFNAMSIZ without the final zero. */
const longestName = 15
const smallestMtu = 68
const largestMtu = 65535
/** Packets that may wait at a link unless somebody says otherwise (DEFAULT_TX_QUEUE_LEN). */
const usualQueue = 1000

/** One network namespace: its links, and everything that hangs on them. The refusals are rtnetlink's. */
export class FakeNamespace {
  /** Device and inode. */
  readonly identity: string
  readonly links = new Map<number, FakeLink>()
  /** Somebody has it open for good (`holdNamespace`). */
  isHeld = false
  readonly sysctls: FakeSysctls
  readonly routing: FakeRouting
  readonly netfilter = new FakeNetfilter()
  /** What connection tracking knows. There are no packets: a flow is here when a test put it here. */
  flows: Flow[] = []
  /** What waits at ports, by inode. */
  readonly listeners = new Map<number, Listener>()
  /** Ids of other namespaces as seen from here (RTM_GETNSID). */
  readonly #ids = new Map<FakeNamespace, number>()

  constructor(identity: string, sysctls: FakeSysctls) {
    this.identity = identity
    this.sysctls = sysctls
    this.routing = new FakeRouting(this)
    this.insert({ ...loopback, kind: undefined })
  }

  idOf(other: FakeNamespace): number {
    const id = this.#ids.get(other) ?? this.#ids.size
    this.#ids.set(other, id)
    return id
  }

  link(name: string): FakeLink | undefined {
    return [...this.links.values()].find(link => link.name === name)
  }

  /** The next index that the kernel itself would take. */
  freeIndex(): number {
    return Math.max(0, ...this.links.keys()) + 1
  }

  insert(facts: Pick<FakeLink, 'index' | 'name' | 'kind' | 'address' | 'mtu'>): FakeLink {
    const link: FakeLink = {
      ...facts,
      namespace: this,
      up: false,
      alias: undefined,
      group: 0,
      promiscuous: false,
      allMulticast: false,
      queueLength: usualQueue,
      peer: undefined,
      discipline: undefined,
    }
    this.links.set(link.index, link)
    this.sysctls.addInterface(link.name, link.mtu)
    return link
  }

  /**
   * Throws NetlinkError EEXIST, EBUSY, EINVAL, ERANGE, in the order of the kernel's checks: the peer is registered before
   * the link itself. `ip link add … type veth peer …`
   */
  addVeth(change: VethAdd, peerNamespace: FakeNamespace): void {
    const { peer } = change
    for (const { name } of [change, peer])
      if (name.length > longestName) throw refusal(newLink, 'ERANGE', 'Attribute failed policy validation')
    for (const { mtu } of [change, peer])
      if (mtu !== undefined && (mtu < smallestMtu || mtu > largestMtu)) throw refusal(newLink, 'EINVAL')
    if (this.links.has(change.index)) throw refusal(newLink, 'EEXIST')
    peerNamespace.#checkNew(peer)
    this.#checkNew(change)
    if (peerNamespace === this) {
      if (change.name === peer.name) throw refusal(newLink, 'EEXIST')
      if (change.index === peer.index) throw refusal(newLink, 'EBUSY')
    }
    const end = ({ name, index, address, mtu }: VethAdd | VethAdd['peer']) => ({
      name,
      index,
      address,
      mtu: mtu ?? 1500,
      kind: 'veth',
    })
    const inner = peerNamespace.insert(end(peer))
    const link = this.insert(end(change))
    link.peer = inner
    inner.peer = link
  }

  #checkNew({ name, index }: { name: string; index: number }): void {
    if (!/^[^\s/:]+$/.test(name) || name === '.' || name === '..') throw refusal(newLink, 'EINVAL')
    if (this.link(name)) throw refusal(newLink, 'EEXIST')
    if (this.links.has(index)) throw refusal(newLink, 'EBUSY')
  }

  /** Throws NetlinkError ENODEV, EINVAL, ERANGE. `ip link set` */
  setLink({ index, mtu, alias, group, up, address, promiscuous, allMulticast, queueLength }: LinkSet): void {
    const link = this.links.get(index)
    if (alias !== undefined && Buffer.byteLength(alias) > 255)
      throw refusal(newLink, 'ERANGE', 'Attribute failed policy validation')
    if (link === undefined) throw refusal(newLink, 'ENODEV')
    if (mtu !== undefined && link.name !== 'lo') {
      if (mtu < smallestMtu) throw refusal(newLink, 'EINVAL', 'mtu less than device minimum')
      if (mtu > largestMtu) throw refusal(newLink, 'EINVAL', 'mtu greater than device maximum')
    }
    // The kernel checks the address before it changes anything else of these.
    if (address !== undefined) {
      if (Number.parseInt(address.slice(0, 2), 16) & 1) throw refusal(newLink, 'EADDRNOTAVAIL')
      link.address = address
    }
    if (promiscuous !== undefined) link.promiscuous = promiscuous
    if (allMulticast !== undefined) link.allMulticast = allMulticast
    if (queueLength !== undefined) link.queueLength = queueLength
    if (mtu !== undefined) {
      link.mtu = mtu
      this.sysctls.changeMtu(link.name, mtu)
      this.routing.settle(link)
    }
    if (group !== undefined) link.group = group
    if (alias !== undefined) link.alias = alias === '' ? undefined : alias
    if (up !== undefined && up !== link.up) turn(link, up)
  }

  /** Throws NetlinkError ENODEV, EOPNOTSUPP. `ip link delete` */
  deleteLink(index: number): void {
    const link = this.links.get(index)
    if (link === undefined) throw refusal('RTM_DELLINK', 'ENODEV')
    if (link.kind === undefined) throw refusal('RTM_DELLINK', 'EOPNOTSUPP')
    for (const end of link.peer ? [link, link.peer] : [link]) remove(end)
  }

  /** Throws RangeError for a selector without fields. `conntrack -D` */
  deleteFlows(selectors: readonly FlowSelector[]): void {
    refuseEmpty(selectors)
    const isMeant = flowMatcher(selectors)
    this.flows = this.flows.filter(flow => !isMeant(flow))
  }

  /** Throws SystemError. `sysctl -w` */
  writeSysctl(path: string, value: string): void {
    this.sysctls.write(path, value)
    for (const link of this.links.values()) this.routing.settle(link)
  }

  /** The namespace has lost its last pin: links end with it, and a veth's other end too. */
  end(): void {
    for (const link of [...this.links.values()]) {
      if (link.peer) remove(link.peer)
      remove(link)
    }
  }
}

const turn = (link: FakeLink, up: boolean): void => {
  link.up = up
  if (up) link.discipline ??= defaultDiscipline(link)
  if (!up) link.namespace.routing.wentDown(link)
  link.namespace.routing.settle(link)
  if (link.peer && hasCarrier(link.peer)) link.peer.namespace.routing.settle(link.peer)
}

const remove = (link: FakeLink): void => {
  const { namespace } = link
  namespace.routing.wentAway(link)
  namespace.links.delete(link.index)
  namespace.sysctls.removeInterface(link.name)
}
