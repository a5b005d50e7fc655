import { deleteAddress } from '../../linux/rtnetlink/address.ts'
import { deleteLink, setLink } from '../../linux/rtnetlink/link.ts'
import { deleteNeighbour, replaceNeighbour } from '../../linux/rtnetlink/neighbour.ts'
import { unmountNamespace } from '../../linux/sys/namespace.ts'
import { network } from '../places.ts'
import type { Scenario } from './scenario.ts'
import type { World } from './world.ts'

const { space } = network
export const lan6 = { host1: 'fd00:192:168:1::32', host2: 'fd00:192:168:1::15' } as const

const addressChange = (world: World, at: 'inside' | 'host', address: string) => {
  const { name, index } = at === 'inside' ? world.inner : world.host
  const where = at === 'inside' ? world.inside : undefined
  return { where, name, index, address, prefixLength: network.prefixLength }
}

/** The namespace, its cable, its addresses, its neighbours. */
export const linkScenarios: readonly Scenario[] = [
  {
    code: 'NS-GONE',
    title: 'the namespace is deleted',
    inject: world => world.change({ type: 'namespace.delete', path: world.inside }),
  },
  {
    code: 'NS-STALE',
    title: 'the namespace is unmounted, and its file stays',
    inject: world => {
      unmountNamespace(world.inside)
      world.later(() => world.kernel.change([{ type: 'file.delete', path: world.inside }]))
    },
  },
  {
    code: 'LNK-LO',
    title: 'the loopback inside is switched off',
    inject: world => world.setLink(world.inside, 'lo', { up: false }),
  },
  {
    code: 'LNK-LOST',
    title: 'the cable is deleted',
    inject: world => world.route(undefined, deleteLink(world.host.index)),
  },
  {
    code: 'LNK-DOWN',
    title: 'the inner end is switched off',
    inject: world => world.route(world.inside, setLink(world.inner.index, { up: false })),
  },
  {
    code: 'LNK-NOCARRIER',
    title: 'the host end is switched off',
    inject: world => world.route(undefined, setLink(world.host.index, { up: false })),
  },
  {
    code: 'ADR-NONE',
    title: 'the inner address is removed',
    inject: world =>
      world.route(
        world.inside,
        deleteAddress({
          index: world.inner.index,
          address: space.address,
          prefixLength: network.prefixLength,
        }),
      ),
  },
  {
    code: 'ADR-NONE',
    title: 'the address of the host end is removed',
    inject: world =>
      world.route(
        undefined,
        deleteAddress({
          index: world.host.index,
          address: space.gateway,
          prefixLength: network.prefixLength,
        }),
      ),
  },
  {
    code: 'ADR-GWNET',
    title: 'the inner address has the wrong length, so that the gateway is no neighbour',
    inject: world => {
      const change = addressChange(world, 'inside', space.address)
      world.change(
        { type: 'address.delete', ...change },
        { type: 'address.add', ...change, prefixLength: 32 },
      )
      world.later(() => world.kernel.change([{ type: 'address.delete', ...change, prefixLength: 32 }]))
    },
  },
  {
    code: 'ADR-DUP',
    title: 'another link of the host gets the address of the space',
    inject: world => {
      const { name, index } = world.deadEnd('twin')
      world.change({
        type: 'address.add',
        where: undefined,
        name,
        index,
        address: space.address,
        prefixLength: 32,
      })
    },
  },
  {
    code: 'ADR-OVERLAP',
    title: 'a route of another link covers half of the network of the space',
    inject: world =>
      world.addRoute(undefined, { destination: '192.168.45.0/25', outputIndex: world.deadEnd('vpn').index }),
  },
  {
    code: 'ADR-V6OFF',
    title: 'IPv6 is switched off inside',
    spec: { ipv6: 'on' },
    to: { family: 6, protocol: 'icmp', address: lan6.host2 },
    before: world => world.lanIpv6(lan6.host1, lan6.host2),
    inject: world => world.set(world.inside, `net.ipv6.conf.${space.interface}.disable_ipv6`, '1'),
  },
  {
    code: 'NGH-FAILED',
    title: 'the host end answers no question for its link address',
    inject: world => {
      world.askAnew()
      world.set(undefined, `net.ipv4.conf.${space.hostInterface}.arp_ignore`, '8')
    },
  },
  {
    code: 'NGH-STALEMAC',
    title: 'the host keeps an old link address of the space',
    inject: world => {
      const entry = {
        index: world.host.index,
        family: 4,
        address: space.address,
        linkAddress: '02:00:00:00:00:99',
      } as const
      world.route(undefined, replaceNeighbour(entry))
      world.later(() => world.route(undefined, deleteNeighbour(entry)))
    },
  },
]
