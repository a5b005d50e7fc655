import {
  type ChainSpec,
  ct,
  drop,
  ip,
  jump,
  mask,
  match,
  meta,
  reject,
  type Statement,
  set,
  tcp,
} from '../../linux/nftables/index.ts'
import { addXfrmPolicy, changeXfrm, deleteXfrmPolicy } from '../../linux/xfrm/policy.ts'
import { network } from '../places.ts'
import { listen } from './listen.ts'
import type { Scenario } from './scenario.ts'
import type { ForeignTable } from './world.ts'

const { space, host2, uplink } = network
const inbound = { protocol: 'tcp', port: space.publishedPort } as const

const base = (
  name: string,
  hook: NonNullable<ChainSpec['hook']>,
  priority: number,
  rules: Statement[][] = [],
): ForeignTable['chains'][number] => ({ name, hook, type: 'filter', priority, policy: 'accept', rules })

/** Firewalls of others that stop less than everything, and what stands beside firewalls. */
export const filterScenarios: readonly Scenario[] = [
  {
    code: 'FW-FWD-STRICT',
    title: 'firewalld refuses ports that it was not told of (StrictForwardPorts)',
    inbound,
    inject: world => {
      listen(world, world.inside, '0.0.0.0', space.port)
      world.pretend('/etc/firewalld/firewalld.conf', 'DefaultZone=public\nStrictForwardPorts=yes\n')
      world.table(undefined, {
        family: 'inet',
        table: 'firewalld',
        chains: [
          { name: 'filter_FORWARD_dnat', rules: [[reject()]] },
          base('filter_FORWARD', 'forward', 10, [
            [match(ct('state'), 'new'), match(ct('status'), 'dnat'), jump('filter_FORWARD_dnat')],
          ]),
        ],
      })
    },
  },
  {
    code: 'FW-RAWDROP',
    title: 'a container of Docker is asked by its own address',
    byHand: 'cable',
    to: { family: 4, protocol: 'icmp', address: '172.17.0.2' },
    inject: world => {
      const { name, index } = world.deadEnd('docker0')
      world.change({
        type: 'address.add',
        where: undefined,
        name,
        index,
        address: '172.17.0.1',
        prefixLength: 16,
      })
      world.table(undefined, { family: 'ip', table: 'docker', chains: [{ name: 'DOCKER-USER' }] })
      world.table(undefined, {
        family: 'ip',
        table: 'raw',
        chains: [
          base('PREROUTING', 'prerouting', -300, [
            [match(ip('daddr'), '172.17.0.2'), match(meta('iifname'), name, '!='), drop()],
          ]),
        ],
      })
    },
  },
  {
    code: 'FW-XFRM',
    title: 'a policy of IPsec blocks what is forwarded to host2',
    inject: world => {
      const policy = {
        direction: 'fwd',
        action: 'block',
        source: space.network,
        destination: `${host2}/32`,
      } as const
      changeXfrm(undefined, [addXfrmPolicy(policy)])
      world.later(() => changeXfrm(undefined, [deleteXfrmPolicy(policy)]))
    },
  },
  {
    code: 'FW-CGROUP',
    title: 'the service in the namespace may exchange packets with its own host only',
    inject: world => {
      world.pretendProcess(4242, world.inside, {
        status: 'Name:\tweb\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nCapEff:\t0\n',
        cgroup: '0::/system.slice/web.service\n',
      })
      world.pretend(
        '/etc/systemd/system/web.service',
        '[Service]\nIPAddressDeny=any\nIPAddressAllow=localhost\n',
      )
    },
  },
  {
    code: 'NAT-MARKCLASH',
    title: 'a program drops what bears a mark that another one sets for its own purpose',
    inject: world => {
      const mark = 0x2000
      world.table(undefined, {
        family: 'inet',
        table: 'netavark',
        chains: [
          base('early', 'prerouting', -150, [
            [match(meta('iifname'), space.hostInterface), set(meta('mark'), mark)],
          ]),
        ],
      })
      world.table(undefined, {
        family: 'inet',
        table: 'tunnel',
        chains: [base('late', 'forward', 5, [[match(mask(meta('mark'), mark), mark), drop()]])],
      })
    },
  },
  {
    code: 'PUB-FWDDROP',
    title: 'a rule of somebody drops connections to the port inside',
    inbound,
    inject: world => {
      listen(world, world.inside, '0.0.0.0', space.port)
      world.table(undefined, {
        family: 'inet',
        table: 'strict',
        chains: [
          base('late', 'forward', 10, [
            [match(meta('iifname'), uplink), match(tcp('dport'), space.port), drop()],
          ]),
        ],
      })
    },
  },
]
