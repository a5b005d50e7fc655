import type { Subject } from '../../insight/doctor/subject.ts'
import type { Change } from '../../linux/change.ts'
import {
  accept,
  dnat,
  ip,
  masquerade,
  match,
  meta,
  type NftCommand,
  rule,
  type Statement,
  tcp,
} from '../../linux/nftables/index.ts'
import { addLink, deleteLink, setLink } from '../../linux/rtnetlink/link.ts'
import { network, places } from '../places.ts'
import type { World } from './world.ts'

/**
 * A namespace that natspace knows nothing of: connected as one does it by hand, with the names and addresses of the
 * experiment, and rules in iptables' own tables.
 */

const { space, uplink } = network
/** The bridge at which the namespace and a neighbour are, where there is one. */
export const handBridge = { name: 'br0', neighbour: '192.168.45.9', neighbourPath: '/run/netns/neighbour' }

const macs = { host: '02:00:00:00:45:02', inner: '02:00:00:00:45:03' }

/** Connects it; everything goes again when the world is healed. Throws NatspaceError LAB_FAILED. */
export const connectByHand = (world: World, by: 'cable' | 'bridge'): Subject => {
  world.change({ type: 'namespace.add', path: places.myspace })
  world.later(() => world.kernel.change([{ type: 'namespace.delete', path: places.myspace }]))
  const index = world.freeIndex(undefined)
  const inner = { where: places.myspace, name: space.interface, index: 2 }
  const host = { where: undefined, name: space.hostInterface, index }
  world.change({
    type: 'veth.add',
    ...host,
    address: macs.host,
    mtu: undefined,
    peer: { ...inner, address: macs.inner, mtu: undefined },
  })
  world.later(() => world.quietly({ type: 'link.delete', ...host }))
  const router = by === 'bridge' ? bridgeOf(world, host.index) : host
  const prefixLength = network.prefixLength
  const changes: Change[] = [
    { type: 'address.add', ...router, where: undefined, address: space.gateway, prefixLength },
    { type: 'link.set', ...host, up: true },
    { type: 'link.set', where: places.myspace, name: 'lo', index: 1, up: true },
    { type: 'address.add', ...inner, address: space.address, prefixLength },
    { type: 'link.set', ...inner, up: true },
    { type: 'route.add', ...inner, destination: '0.0.0.0/0', gateway: space.gateway },
  ]
  world.change(...changes)
  world.settle(host.index)
  world.set(undefined, 'net.ipv4.ip_forward', '1')
  // Whom this machine asks for names is not there in the lab.
  world.pretend('/etc/resolv.conf', '')
  world.hostFirewall(...handRules(router.name))
  return { name: space.name, path: places.myspace, space: undefined }
}

/** A bridge with the gateway's address, the namespace's cable at one port and a neighbour at another. */
const bridgeOf = (world: World, port: number): { name: string; index: number } => {
  const { name, neighbour, neighbourPath } = handBridge
  world.route(undefined, addLink('bridge', name))
  const { index } = world.link(undefined, name)
  world.later(() => world.route(undefined, deleteLink(index)))
  world.route(undefined, setLink(port, { master: index }), setLink(index, { up: true }))
  world.change({ type: 'namespace.add', path: neighbourPath })
  world.later(() => world.kernel.change([{ type: 'namespace.delete', path: neighbourPath }]))
  const cable = { where: undefined, name: 'veth9', index: world.freeIndex(undefined) }
  const end = { where: neighbourPath, name: 'eth0', index: 2 }
  world.change({
    type: 'veth.add',
    ...cable,
    address: '02:00:00:00:45:08',
    mtu: undefined,
    peer: { ...end, address: '02:00:00:00:45:09', mtu: undefined },
  })
  world.later(() => world.quietly({ type: 'link.delete', ...cable }))
  world.route(undefined, setLink(cable.index, { master: index, up: true }))
  world.change(
    { type: 'address.add', ...end, address: neighbour, prefixLength: network.prefixLength },
    { type: 'link.set', ...end, up: true },
  )
  return { name, index }
}

/** Steps 8 and 9, and a published port for connections from outside, from the host, and from the namespace itself. */
const handRules = (router: string): NftCommand[] => {
  const filter = { family: 'ip', table: 'filter' } as const
  const nat = { family: 'ip', table: 'nat' } as const
  const add = (place: typeof filter | typeof nat, chain: string, statements: Statement[]): NftCommand => ({
    type: 'rule.insert',
    ...place,
    chain,
    rule: rule(statements),
  })
  const publish = [
    match(ip('daddr'), network.host1),
    match(tcp('dport'), space.publishedPort),
    dnat('ip', { address: space.address, port: space.port }),
  ]
  return [
    add(filter, 'FORWARD', [match(meta('iifname'), router), accept()]),
    add(filter, 'FORWARD', [match(meta('oifname'), router), accept()]),
    {
      type: 'chain.add',
      ...nat,
      chain: { name: 'PREROUTING', type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
    },
    {
      type: 'chain.add',
      ...nat,
      chain: { name: 'OUTPUT', type: 'nat', hook: 'output', priority: -100, policy: 'accept' },
    },
    add(nat, 'POSTROUTING', [
      match(ip('saddr'), space.network),
      match(meta('oifname'), uplink),
      masquerade(),
    ]),
    add(nat, 'POSTROUTING', [
      match(ip('saddr'), space.address),
      match(ip('daddr'), space.address),
      masquerade(),
    ]),
    add(nat, 'PREROUTING', publish),
    add(nat, 'OUTPUT', publish),
  ]
}
