import { type ChainSpec, drop, match, meta, type Statement } from '../../linux/nftables/index.ts'
import { network, places } from '../places.ts'
import { handBridge } from './hand-made.ts'
import { lan6 } from './links.ts'
import { listen } from './listen.ts'
import type { Scenario } from './scenario.ts'

const { space, uplink } = network
const inbound = { protocol: 'tcp', port: space.publishedPort } as const

const filter = (name: string, hook: NonNullable<ChainSpec['hook']>, rules: Statement[][]) => ({
  name,
  hook,
  type: 'filter' as const,
  priority: 0,
  policy: 'accept' as const,
  rules,
})

/** A process without privileges, by its file `status` (proc(5)). */
const plainProcess = 'Name:\tweb\nUid:\t99\t99\t99\t99\nGid:\t99\t99\t99\t99\nCapEff:\t0000000000000000\n'

/** Sizes, settings and names. */
export const sizeScenarios: readonly Scenario[] = [
  {
    code: 'RT-V6-RALOST',
    title: 'the host forwards IPv6, and lost the default route that a router had advertised',
    spec: { ipv6: 'on' },
    to: { family: 6, protocol: 'icmp', address: '2001:db8::1' },
    before: world => world.lanIpv6(lan6.host1, lan6.host2),
    inject: world => {
      world.set(undefined, 'net.ipv6.conf.all.forwarding', '1')
      world.set(undefined, `net.ipv6.conf.${uplink}.accept_ra`, '1')
    },
  },
  {
    code: 'SYS-V6FWD0',
    title: 'forwarding of IPv6 was on before natspace, and is switched off',
    spec: { ipv6: 'on' },
    to: { family: 6, protocol: 'icmp', address: lan6.host2 },
    before: world => {
      world.lanIpv6(lan6.host1, lan6.host2)
      world.set(undefined, 'net.ipv6.conf.all.forwarding', '1')
    },
    inject: world => world.set(undefined, 'net.ipv6.conf.all.forwarding', '0'),
  },
  {
    code: 'SYS-BRNF',
    title: 'frames between two ports of a bridge are dropped by the chain FORWARD',
    byHand: 'bridge',
    needs: 'net.bridge.bridge-nf-call-iptables',
    to: { family: 4, protocol: 'icmp', address: handBridge.neighbour },
    inject: world => {
      world.set(undefined, 'net.bridge.bridge-nf-call-iptables', '1')
      world.table(undefined, {
        family: 'ip',
        table: 'strict',
        chains: [
          filter('forward', 'forward', [
            [match(meta('iifname'), handBridge.name), match(meta('oifname'), handBridge.name), drop()],
          ]),
        ],
      })
    },
  },
  {
    code: 'SYS-PING',
    title: 'the host ignores echoes',
    to: { family: 4, protocol: 'icmp', address: space.gateway },
    inject: world => world.set(undefined, 'net.ipv4.icmp_echo_ignore_all', '1'),
  },
  {
    code: 'SYS-PRIVPORT',
    title: 'the program inside may not take a port below 1024',
    inbound,
    inject: world => world.pretendProcess(4242, world.inside, { status: plainProcess }),
  },
  {
    code: 'NS-WRONGPROC',
    title: 'the program inside was handed a socket of the host',
    inbound,
    inject: world => {
      listen(world, undefined, '0.0.0.0', space.port)
      world.pretendProcess(4242, world.inside, { status: plainProcess.replaceAll('0000', 'ffff') })
      world.pretendOwner({ pid: 4242, command: 'web' })
    },
  },
  {
    code: 'MTU-BLACKHOLE',
    title: 'host2 gets no packets above 1400 bytes, and nobody says so',
    inject: world =>
      world.table(places.host2, {
        family: 'inet',
        table: 'narrow',
        chains: [filter('in', 'input', [[match(meta('length'), 1400, '>'), drop()]])],
      }),
  },
  {
    code: 'MTU-FRAG',
    title: 'the host has no room to put fragments together',
    inject: world => {
      world.set(undefined, 'net.ipv4.ipfrag_low_thresh', '0')
      world.set(undefined, 'net.ipv4.ipfrag_high_thresh', '0')
    },
  },
  {
    code: 'DNS-STUB',
    title: 'resolv.conf names a resolver of the host alone',
    byHand: 'cable',
    inject: world => world.pretend('/etc/resolv.conf', 'nameserver 127.0.0.53\n'),
  },
  {
    code: 'DNS-NSSLEAK',
    title: 'names are asked of systemd-resolved by its socket',
    byHand: 'cable',
    isNote: true,
    inject: world => {
      world.pretend('/etc/nsswitch.conf', 'hosts: files resolve [!UNAVAIL=return] dns\n')
      world.pretend('/run/systemd/resolve/io.systemd.Resolve', '')
    },
  },
  {
    code: 'DNS-NOBIND',
    title: 'a program was started inside without the resolv.conf of the namespace',
    inject: world => {
      world.pretend(`/etc/netns/${space.name}/resolv.conf`, '')
      world.pretendProcess(4242, world.inside, {
        status: plainProcess,
        mountinfo: '22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n',
      })
    },
  },
]
