import { writeFileSync } from 'node:fs'
import { type Change, ChangeError, type Where } from '../linux/change.ts'
import type { Kernel } from '../linux/kernel.ts'
import { Connection } from '../linux/netlink/connection.ts'
import { NetlinkError } from '../linux/netlink/errors.ts'
import { addLink, setLink } from '../linux/rtnetlink/link.ts'
import { NETLINK_ROUTE } from '../linux/rtnetlink/types.ts'
import { bindMount, ownNamespacePath } from '../linux/sys/namespace.ts'
import { carefulFirewall } from './firewall.ts'
import { ping } from './ping.ts'
import { labFailed, network, places, withNamespace } from './places.ts'

/**
 * Theory of operation. The network namespace of this process is host1. host2 and the LAN are two more: in that of the
 * LAN a bridge is the switch, and its own address 192.168.1.1 is the router that both hosts have as their default
 * route. The router forwards nothing, as no network is behind it: what is sent to an address that is not on the LAN
 * ends there. On a kernel without bridges the LAN is a router that answers ARP for both hosts instead (proxy ARP), and
 * only a hop more shows the difference.
 */

/** How host1 and host2 are connected. */
export type LanKind = 'bridge' | 'proxy-arp'

const host1Path = '/run/netns/host1'
/** The ends of the hosts' cables at the LAN. */
export const ports = { host1: 'to-host1', host2: 'to-host2' } as const
const bridge = 'lan0'
/** Locally administered (IEEE 802), and as easy to recognise in a capture as the addresses above them. */
const macs = {
  host1: '02:00:00:00:01:32',
  host2: '02:00:00:00:01:15',
  ports: ['02:00:00:00:02:01', '02:00:00:00:02:02'],
}

/**
 * Builds host1, host2 and the LAN, and waits until host1 reaches host2 by it. host1 becomes a careful admin's host: it
 * does not forward, and its FORWARD chain drops by policy. Works only inside a lab (see inside.ts); throws NatspaceError.
 */
export const buildTopology = (kernel: Kernel, { bridges = true } = {}): LanKind => {
  carryOut(kernel, [{ type: 'directory.add', path: '/run/netns', mode: 0o755 }])
  // A namespace goes with its last process, and a shell in another place leaves host1 without one: so it is pinned too.
  writeFileSync(host1Path, '')
  bindMount(ownNamespacePath, host1Path)
  carryOut(kernel, [
    { type: 'namespace.add', path: places.lan },
    { type: 'namespace.add', path: places.host2 },
  ])
  for (const where of [places.host1, places.host2, places.lan]) carryOut(kernel, quietly(kernel, where))
  const first = Object.fromEntries(
    [places.host1, places.host2, places.lan].map(where => [where ?? '', freeIndex(kernel, where)]),
  )
  const index = (where: Where, offset = 0) => (first[where ?? ''] ?? 2) + offset
  carryOut(kernel, [
    plug(places.host1, index(undefined), macs.host1, ports.host1, index(places.lan, 1), macs.ports[0]),
    plug(places.host2, index(places.host2), macs.host2, ports.host2, index(places.lan, 2), macs.ports[1]),
  ])
  const inLan = { switch: index(places.lan), host1: index(places.lan, 1), host2: index(places.lan, 2) }
  const kind = bridges && addBridge(inLan) ? 'bridge' : 'proxy-arp'
  carryOut(kernel, kind === 'bridge' ? bridgeChanges(inLan) : proxyArpChanges(inLan))
  const firewall: Change = {
    type: 'nftables.commit',
    where: places.host1,
    commands: carefulFirewall(),
    generation: undefined,
  }
  carryOut(kernel, [
    ...hostChanges(places.host1, index(undefined), network.host1),
    ...hostChanges(places.host2, index(places.host2), network.host2),
    firewall,
  ])
  awaitLan()
  return kind
}

const carryOut = (kernel: Kernel, changes: readonly Change[]): void => {
  for (const outcome of kernel.change(changes))
    if (outcome instanceof ChangeError)
      throw labFailed(outcome.message, [JSON.stringify(outcome.change)], outcome)
}

const freeIndex = (kernel: Kernel, where: Where): number =>
  Math.max(...kernel.links(where).map(link => link.index)) + 1

/**
 * What must hold before the first link: no forwarding (a new namespace may inherit it from the machine), and no
 * link-local addresses of IPv6, whose duplicate address detection would change the picture a second later.
 */
const quietly = (kernel: Kernel, where: Where): Change[] => {
  const settings = { 'net.ipv4.ip_forward': '0', 'net.ipv6.conf.default.addr_gen_mode': '1' }
  const changes = Object.entries(settings)
    .filter(([key]) => kernel.sysctl(where, key) !== undefined)
    .map(([key, value]): Change => ({ type: 'sysctl.set', where, key, value }))
  return [...changes, { type: 'link.set', where, name: 'lo', index: 1, up: true }]
}

const plug = (
  where: Where,
  index: number,
  address: string,
  port: string,
  portIndex: number,
  portAddress = '',
): Change => ({
  type: 'veth.add',
  where,
  name: network.uplink,
  index,
  address,
  mtu: undefined,
  peer: { where: places.lan, name: port, index: portIndex, address: portAddress, mtu: undefined },
})

type InLan = { switch: number; host1: number; host2: number }

/** Makes the bridge and its two ports; false on a kernel that has no bridges. */
const addBridge = (inLan: InLan): boolean =>
  withNamespace('lan', namespace => {
    using connection = Connection.open(NETLINK_ROUTE, { namespace })
    const [made] = connection.executeAll([addLink('bridge', bridge, inLan.switch)])
    if (made instanceof NetlinkError) {
      if (made.code === 'EOPNOTSUPP') return false
      throw labFailed(made.message, [], made)
    }
    connection.execute([inLan.host1, inLan.host2].map(port => setLink(port, { master: inLan.switch })))
    return true
  })

const where = places.lan

const raise = (name: string, index: number): Change => ({ type: 'link.set', where, name, index, up: true })

const bridgeChanges = (inLan: InLan): Change[] => [
  {
    type: 'address.add',
    where,
    name: bridge,
    index: inLan.switch,
    address: network.router,
    prefixLength: network.prefixLength,
  },
  raise(bridge, inLan.switch),
  raise(ports.host1, inLan.host1),
  raise(ports.host2, inLan.host2),
]

const proxyArpChanges = (inLan: InLan): Change[] => [
  { type: 'sysctl.set', where, key: 'net.ipv4.ip_forward', value: '1' },
  ...(['host1', 'host2'] as const).flatMap((host): Change[] => {
    const port = { where, name: ports[host], index: inLan[host] }
    return [
      { type: 'address.add', ...port, address: network.router, prefixLength: 32 },
      { type: 'link.set', ...port, up: true },
      { type: 'route.add', ...port, destination: `${network[host]}/32`, gateway: undefined },
      { type: 'sysctl.set', where, key: `net.ipv4.conf.${port.name}.proxy_arp`, value: '1' },
      // A proxy answers after up to 0.8 s by default, to let the owner of the address be first; here is none.
      { type: 'sysctl.set', where, key: `net.ipv4.neigh.${port.name}.proxy_delay`, value: '0' },
    ]
  }),
]

const hostChanges = (host: Where, index: number, address: string): Change[] => {
  const link = { where: host, name: network.uplink, index }
  return [
    { type: 'address.add', ...link, address, prefixLength: network.prefixLength },
    { type: 'link.set', ...link, up: true },
    { type: 'route.add', ...link, destination: '0.0.0.0/0', gateway: network.router },
  ]
}

/** Both hosts and the router must answer before the experiment begins. */
const awaitLan = (): void => {
  for (const destination of [network.router, network.host2]) {
    const { reply } = withNamespace('host1', namespace =>
      ping(namespace, destination, { identifier: 1, attempts: 20, milliseconds: 100 }),
    )
    if (reply === undefined) throw labFailed(`host1 gets no answer from ${destination} by the LAN`)
  }
}
