import { ip, match, meta, reject, set } from '../../linux/nftables/index.ts'
import { features, type MissingFeature } from '../../linux/probe.ts'
import { ProgramError } from '../../linux/program.ts'
import { deleteAddress } from '../../linux/rtnetlink/address.ts'
import { setBridgePort } from '../../linux/rtnetlink/bridge-port.ts'
import { deleteLink } from '../../linux/rtnetlink/link.ts'
import { bindMount, remountReadOnly, unmount, unmountNamespace } from '../../linux/sys/namespace.ts'
import { network } from '../places.ts'
import type { Scenario } from './scenario.ts'
import type { World } from './world.ts'

const { space, host1 } = network
const settings = '/proc/sys'
/** What a kernel without veth answers. */
const withoutCables = (): MissingFeature[] => {
  const { purpose, option = '' } = features().veth
  return [{ feature: 'veth', purpose, option, evidence: 'RTM_NEWLINK: EOPNOTSUPP' }]
}

const loseCable = (world: World): void => world.route(undefined, deleteLink(world.host.index))

const loseHostAddress = (world: World): void => {
  const { index } = world.host
  world.route(undefined, deleteAddress({ index, address: space.gateway, prefixLength: network.prefixLength }))
}

/** `status` of this process as proc(5) has it. */
const ownStatus = (seccomp: 0 | 2): string =>
  `Name:\tnatspace\nCapEff:\t000001ffffffffff\nSeccomp:\t${seccomp}\n`
const firstUsers = '         0          0 4294967295\n'
const ownUsers = '         0       1000          1\n'

/** The machine and the container around, programs of the host, and namespaces without root. */
export const environmentScenarios: readonly Scenario[] = [
  {
    code: 'ENV-CAP',
    title: 'the user may not enter the namespace',
    inject: world => {
      world.pretend('/proc/self/status', 'Name:\tnatspace\nCapEff:\t0000000000000000\nSeccomp:\t0\n')
      world.pretendState(world.inside, 'no-access')
    },
  },
  {
    code: 'ENV-SECCOMP',
    title: 'a profile of seccomp forbids root to enter the namespace',
    inject: world => {
      world.pretend('/proc/self/status', ownStatus(2))
      world.pretend('/proc/self/uid_map', firstUsers)
      world.pretendState(world.inside, 'no-access')
    },
  },
  {
    code: 'ENV-USERNS-AA',
    title: 'AppArmor takes the privilege of a user namespace away',
    inject: world => {
      world.pretend('/proc/self/status', ownStatus(0))
      world.pretend('/proc/self/uid_map', ownUsers)
      world.pretend('/proc/self/attr/current', 'unprivileged_userns (enforce)\n')
      world.pretendState(world.inside, 'no-access')
    },
  },
  {
    code: 'ENV-USERNS-OFF',
    title: 'a user without privilege, on a machine without user namespaces',
    isNote: true,
    beside: ['ENV-CAP'],
    inject: world => {
      world.pretend('/proc/self/status', 'Name:\tnatspace\nCapEff:\t0000000000000000\nSeccomp:\t0\n')
      world.pretendSetting(undefined, 'user.max_user_namespaces', '0')
      world.pretendState(world.inside, 'no-access')
    },
  },
  {
    code: 'ENV-MODGONE',
    title: 'the kernel was updated, and veth cannot be loaded any more',
    inject: world => {
      world.pretend('/lib/modules/0.0.1-another/modules.dep', '')
      world.pretendMissing(withoutCables())
      world.pretendSetting(undefined, 'kernel.osrelease', '0.0.0-gone')
      loseCable(world)
    },
  },
  {
    code: 'ENV-KCONFIG',
    title: 'the kernel was built without veth',
    inject: world => {
      world.pretend('/lib/modules/0.0.0-small/modules.dep', '')
      world.pretendMissing(withoutCables())
      world.pretendSetting(undefined, 'kernel.osrelease', '0.0.0-small')
      loseCable(world)
    },
  },
  {
    code: 'ENV-RO-SYS',
    title: 'forwarding is off, and /proc/sys is mounted read-only',
    before: world => world.set(undefined, 'net.ipv4.ip_forward', '1'),
    inject: world => {
      world.set(undefined, 'net.ipv4.ip_forward', '0')
      bindMount(settings, settings)
      world.later(() => unmount(settings))
      remountReadOnly(settings)
    },
  },
  {
    code: 'ENV-SYSCTLNS',
    title: 'the table of connections is full, and its size is a setting of the whole machine',
    isNote: true,
    beside: ['CT-FULL'],
    inject: world => {
      const count = world.kernel.sysctl(undefined, 'net.netfilter.nf_conntrack_max') ?? '1'
      world.pretendSetting(undefined, 'net.netfilter.nf_conntrack_count', count)
      world.pretendSetting(undefined, 'net.netfilter.nf_conntrack_max', count)
    },
  },
  {
    code: 'ENV-NFT-OLD',
    title: 'a rule has to go, and the nft of the host cannot read what is there',
    isNote: true,
    beside: ['FW-PRIO'],
    inject: world => {
      world.pretendFailure(new ProgramError('nft', { words: 'ended with status 1', status: 1 }))
      world.table(undefined, {
        family: 'inet',
        table: 'second',
        chains: [
          {
            name: 'opinion',
            hook: 'forward',
            type: 'filter',
            priority: 10,
            policy: 'accept',
            rules: [[match(meta('iifname'), space.hostInterface), reject()]],
          },
        ],
      })
    },
  },
  {
    code: 'NS-PROPAGATION',
    title: 'another process alone sees the mount of the namespace',
    inject: world => {
      unmountNamespace(world.inside)
      world.later(() => world.kernel.change([{ type: 'file.delete', path: world.inside }]))
      const own = world.kernel.readFile('/proc/self/mountinfo') ?? ''
      const mount = `9999 1 0:4 net:[1] ${world.inside} rw shared:1 - nsfs nsfs rw\n`
      world.pretend('/proc/4242/mountinfo', `${own.trimEnd()}\n${mount}`)
    },
  },
  {
    code: 'LNK-NM',
    title: 'NetworkManager manages the cable, and removed its address',
    inject: world => {
      world.pretend(`/run/NetworkManager/devices/${world.host.index}`, '[device]\nmanaged=true\n')
      loseHostAddress(world)
    },
  },
  {
    code: 'LNK-NETWORKD',
    title: 'a .network file matches the cable, and networkd removed its address',
    inject: world => {
      world.pretend(
        `/run/systemd/netif/links/${world.host.index}`,
        'ADMIN_STATE=configuring\nOPER_STATE=carrier\nNETWORK_FILE=/etc/systemd/network/50-all.network\n',
      )
      loseHostAddress(world)
    },
  },
  {
    code: 'LNK-BRPORT',
    title: 'the port of the bridge is disabled',
    byHand: 'bridge',
    inject: world => world.route(undefined, setBridgePort(world.host.index, 'disabled')),
  },
  {
    code: 'LNK-CSUM',
    title: 'answers come into the space with a wrong checksum',
    inject: world =>
      world.table(undefined, {
        family: 'ip',
        table: 'careless',
        chains: [
          {
            name: 'late',
            hook: 'forward',
            type: 'filter',
            priority: 10,
            policy: 'accept',
            rules: [[match(meta('oifname'), space.hostInterface), set(ip('checksum'), 1)]],
          },
        ],
      }),
  },
  {
    code: 'NGH-OVERFLOW',
    title: 'the table of neighbours is full, and the next hop finds no room',
    inject: world => {
      world.askAnew()
      world.pretend('/proc/net/stat/arp_cache', 'entries, allocs\n00000400 00000400\n')
      world.pretendSetting(undefined, 'net.ipv4.neigh.default.gc_thresh3', '1024')
      world.set(undefined, `net.ipv4.conf.${space.hostInterface}.arp_ignore`, '8')
    },
  },
  {
    code: 'RL-HELPERDEAD',
    title: 'the program that carried the packets of a tap is gone',
    byHand: 'cable',
    inject: world => {
      world.pretendLinks(world.inside, link =>
        link.name === space.interface ? { ...link, kind: 'tun', carrier: false, peer: undefined } : link,
      )
    },
  },
  {
    code: 'RL-HOSTADDR',
    title: 'the namespace has the address of the host',
    byHand: 'cable',
    to: { family: 4, protocol: 'icmp', address: host1 },
    inject: world =>
      world.change({
        type: 'address.add',
        where: world.inside,
        name: 'lo',
        index: 1,
        address: host1,
        prefixLength: 32,
      }),
  },
  {
    code: 'RL-NOTUN',
    title: 'a namespace of somebody without root has no link, and there is no /dev/net/tun',
    isNote: true,
    beside: ['LNK-LOST'],
    byHand: 'cable',
    inject: world => {
      world.pretend('/proc/self/uid_map', ownUsers)
      world.pretend('/dev/net/tun', undefined)
      loseCable(world)
    },
  },
]
