import { addRule, deleteRule, type RuleChange } from '../../linux/rtnetlink/rule.ts'
import { network } from '../places.ts'
import { lan6 } from './links.ts'
import type { Scenario } from './scenario.ts'
import type { World } from './world.ts'

const { space, host2, uplink } = network

const rule = (world: World, change: RuleChange): void => {
  world.route(undefined, addRule(change))
  world.later(() => world.route(undefined, deleteRule(change)))
}

/** Routes, settings of forwarding, and the way out of the host. */
export const routeScenarios: readonly Scenario[] = [
  {
    code: 'RT-NODEFAULT',
    title: 'the default route inside is deleted',
    inject: world =>
      world.deleteRoute(world.inside, {
        destination: '0.0.0.0/0',
        gateway: space.gateway,
        outputIndex: world.inner.index,
      }),
  },
  {
    code: 'RT-BLOCKED',
    title: 'a route inside prohibits host2',
    inject: world =>
      world.addRoute(world.inside, { destination: `${host2}/32`, outputIndex: 0, forbids: 'prohibit' }),
  },
  {
    code: 'RT-BLOCKED',
    title: 'a route of the host throws away what is for host2',
    inject: world =>
      world.addRoute(undefined, { destination: `${host2}/32`, outputIndex: 0, forbids: 'blackhole' }),
  },
  {
    code: 'RT-NOHOSTROUTE',
    title: 'the route of the host to the space is deleted',
    inject: world =>
      world.deleteRoute(undefined, { destination: space.network, outputIndex: world.host.index }),
  },
  {
    code: 'RT-VPN-REPLY',
    title: 'a VPN leads the network of the space into a table of its own',
    inject: world => {
      world.addRoute(undefined, {
        destination: '0.0.0.0/0',
        outputIndex: world.deadEnd('vpn').index,
        table: 52,
      })
      rule(world, { family: 4, priority: 5270, table: 52, destination: space.network })
    },
  },
  {
    code: 'RT-SRCRULE',
    title: 'what the host sends from its own address is looked up in a table without the space',
    inject: world => {
      world.addRoute(undefined, {
        destination: '0.0.0.0/0',
        gateway: network.router,
        outputIndex: world.link(undefined, uplink).index,
        table: 100,
      })
      rule(world, { family: 4, priority: 1000, table: 100, source: `${network.host1}/32` })
    },
  },
  {
    code: 'RT-RPF',
    title: 'answers come by another link than this host would send by, and the filter is strict',
    inject: world => {
      world.addRoute(undefined, {
        destination: `${host2}/32`,
        outputIndex: world.link(undefined, uplink).index,
        table: 200,
      })
      rule(world, { family: 4, priority: 1000, table: 200, source: space.network })
      world.addRoute(undefined, { destination: `${host2}/32`, outputIndex: world.deadEnd('other').index })
      world.set(undefined, `net.ipv4.conf.${uplink}.rp_filter`, '1')
    },
  },
  {
    code: 'UP-NONE',
    title: 'the uplink of the host is switched off',
    inject: world => {
      const index = world.link(undefined, uplink).index
      world.setLink(undefined, uplink, { up: false })
      world.later(() => {
        world.setLink(undefined, uplink, { up: true })
        world.addRoute(undefined, { destination: '0.0.0.0/0', gateway: network.router, outputIndex: index })
      })
    },
  },
  {
    code: 'UP-CHANGED',
    title: 'host2 is reached by another link than the uplink that the space is bound to',
    inject: world =>
      world.addRoute(undefined, { destination: `${host2}/32`, outputIndex: world.deadEnd('wlan9').index }),
  },
  {
    code: 'SYS-FWD-RESET',
    title: 'somebody switches forwarding off again',
    inject: world => world.set(undefined, 'net.ipv4.ip_forward', '0'),
  },
  {
    code: 'SYS-FWD0',
    title: 'forwarding was on before natspace, and is switched off',
    before: world => world.set(undefined, 'net.ipv4.ip_forward', '1'),
    inject: world => world.set(undefined, 'net.ipv4.ip_forward', '0'),
  },
  {
    code: 'SYS-FWD-IF0',
    title: 'forwarding is switched off for the cable alone',
    inject: world => world.set(undefined, `net.ipv4.conf.${space.hostInterface}.forwarding`, '0'),
  },
  {
    code: 'SYS-FWD-RESET',
    title: 'somebody switches the forwarding of IPv6 off again',
    spec: { ipv6: 'on' },
    to: { family: 6, protocol: 'icmp', address: lan6.host2 },
    before: world => world.lanIpv6(lan6.host1, lan6.host2),
    inject: world => {
      for (const name of ['all', uplink, space.hostInterface])
        for (const leaf of name === 'all' ? ['forwarding'] : ['force_forwarding'])
          if (world.kernel.sysctl(undefined, `net.ipv6.conf.${name}.${leaf}`) !== undefined)
            world.set(undefined, `net.ipv6.conf.${name}.${leaf}`, '0')
    },
  },
]
