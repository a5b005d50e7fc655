import {
  type ChainSpec,
  drop,
  ip,
  jump,
  match,
  meta,
  reject,
  type Statement,
  snat,
} from '../../linux/nftables/index.ts'
import { tableName } from '../../space/marks.ts'
import { network, places } from '../places.ts'
import type { Scenario } from './scenario.ts'
import type { ForeignTable, World } from './world.ts'

const { space, host2, uplink } = network

const base = (
  name: string,
  hook: NonNullable<ChainSpec['hook']>,
  priority: number,
  rules: Statement[][] = [],
  policy: 'accept' | 'drop' = 'accept',
): ForeignTable['chains'][number] => ({ name, hook, type: 'filter', priority, policy, rules })

const toHost2 = [match(ip('daddr'), host2), drop()]

/** Chains that a program leaves in iptables' own table, which is there already. */
const sharedChains = (world: World, names: readonly string[], from: string): void => {
  const place = { family: 'ip', table: 'filter' } as const
  world.hostFirewall(...names.map(name => ({ type: 'chain.add' as const, ...place, chain: { name } })), {
    type: 'rule.insert',
    ...place,
    chain: from,
    rule: { statements: [jump(names[0] ?? '')] },
  })
}

/** Firewalls of others, and translation. */
export const firewallScenarios: readonly Scenario[] = [
  {
    code: 'FW-DROP',
    title: 'the FORWARD chain of iptables drops by policy, and nothing was done about it',
    spec: { fixFirewall: false },
    inject: () => {},
  },
  {
    code: 'FW-DROP',
    title: 'a rule of somebody drops it before the routing decision',
    inject: world =>
      world.table(undefined, {
        family: 'inet',
        table: 'strict',
        chains: [base('early', 'prerouting', -150, [toHost2])],
      }),
  },
  {
    code: 'FW-DROP',
    title: 'a rule of somebody drops it when it leaves',
    inject: world =>
      world.table(undefined, {
        family: 'ip',
        table: 'strict',
        chains: [base('late', 'postrouting', 0, [toHost2])],
      }),
  },
  {
    code: 'FW-DROP',
    title: 'the space has a firewall of its own, which drops by policy',
    inject: world =>
      world.table(world.inside, {
        family: 'inet',
        table: 'own',
        chains: [base('out', 'output', 0, [], 'drop')],
      }),
  },
  {
    code: 'FW-PRIO',
    title: 'a chain behind ours refuses what ours accepted',
    inject: world =>
      world.table(undefined, {
        family: 'inet',
        table: 'second',
        chains: [base('opinion', 'forward', 10, [[match(meta('iifname'), space.hostInterface), reject()]])],
      }),
  },
  {
    code: 'FW-DOCKER',
    title: 'Docker is there, and nothing was done about its policy',
    spec: { fixFirewall: false },
    before: world => sharedChains(world, ['DOCKER-USER'], 'FORWARD'),
    inject: () => {},
  },
  {
    code: 'FW-UFW-FWD',
    title: 'ufw is there, and nothing was done about it',
    spec: { fixFirewall: false },
    before: world => sharedChains(world, ['ufw-before-forward', 'ufw-user-forward'], 'FORWARD'),
    inject: () => {},
  },
  {
    code: 'FW-UFW-IN',
    title: 'ufw drops what the space asks of its gateway',
    to: { family: 4, protocol: 'udp', address: space.gateway, port: 53 },
    inject: world => {
      const place = { family: 'ip', table: 'filter' } as const
      world.hostFirewall(
        { type: 'chain.add', ...place, chain: { name: 'ufw-before-input' } },
        {
          type: 'chain.add',
          ...place,
          chain: { name: 'INPUT', type: 'filter', hook: 'input', priority: 0, policy: 'drop' },
        },
        { type: 'rule.add', ...place, chain: 'INPUT', rule: { statements: [jump('ufw-before-input')] } },
      )
    },
  },
  {
    code: 'FW-FWD-ZONE',
    title: 'firewalld refuses to forward for a link that is in no zone',
    inject: world =>
      world.table(undefined, {
        family: 'inet',
        table: 'firewalld',
        chains: [base('filter_FORWARD', 'forward', 10, [[reject()]])],
      }),
  },
  {
    code: 'FW-RELOADING',
    title: 'firewalld is being loaded anew',
    inject: world =>
      world.table(undefined, {
        family: 'inet',
        table: 'firewalld_policy_drop',
        chains: [base('filter_forward', 'forward', 9, [], 'drop')],
      }),
  },
  {
    code: 'FW-KILLSWITCH',
    title: 'the kill switch of a VPN drops what does not leave by its tunnel',
    inject: world =>
      world.table(undefined, {
        family: 'inet',
        table: 'mullvad',
        chains: [base('forward', 'forward', 0, [[match(meta('oifname'), uplink), drop()]])],
      }),
  },
  {
    code: 'FW-GONE',
    title: 'the whole ruleset is flushed',
    inject: world => world.nft(undefined, { type: 'table.delete', family: 'inet', table: tableName }),
  },
  {
    code: 'NAT-NONE',
    title: 'the chain that translates the source is emptied',
    inject: world =>
      world.nft(undefined, { type: 'chain.flush', family: 'inet', table: tableName, chain: 'translate' }),
  },
  {
    code: 'NAT-SHADOWED',
    title: 'somebody else translates the source first, to an address that nobody has',
    inject: world =>
      world.table(undefined, {
        family: 'ip',
        table: 'wrong',
        chains: [
          {
            name: 'out',
            hook: 'postrouting',
            type: 'nat',
            priority: 50,
            policy: 'accept',
            rules: [[match(ip('saddr'), space.network), snat('ip', '203.0.113.9')]],
          },
        ],
      }),
  },
  {
    code: 'POLICY',
    title: 'the space may connect elsewhere only',
    spec: { egress: { allow: ['10.0.0.0/8'] } },
    inject: () => {},
  },
  {
    code: 'NOT-ANSWERED',
    title: 'host2 drops whatever comes',
    inject: world =>
      world.table(places.host2, {
        family: 'inet',
        table: 'deaf',
        chains: [base('in', 'input', 0, [], 'drop')],
      }),
  },
]
