import {
  ct,
  dnat,
  fib,
  limit,
  log,
  masquerade,
  match,
  redirect,
  reject,
  rt,
  set,
  tcpOption,
  traceOn,
} from '../nftables/index.ts'
import type { Question } from './answer.ts'
import {
  baseChain,
  connectionList,
  firewall,
  flowtable,
  forward,
  missingOrStrange,
  namedSet,
  natPostrouting,
  natPrerouting,
  prerouting,
  statement,
} from './firewall.ts'
import { linkKind, queueingDiscipline, veth } from './link.ts'
import { fileSystem, ipv6, packetSocket, path, userNamespace, writableForwarding } from './system.ts'

/** A feature: what it is good for, the option of the kernel's configuration that has it, and how to ask. */
export type FeatureRow = {
  purpose: string
  option: string
  ask: Question
  /** Features that the question itself uses: without them it is not asked. */
  needs?: readonly string[]
}

const row = (purpose: string, option: string, ask: Question, ...needs: string[]): FeatureRow =>
  needs.length === 0 ? { purpose, option, ask } : { purpose, option, ask, needs }

const rangesOfPorts = { name: 'ranges', key: ['inet_proto', 'inet_service'], flags: { interval: true } }

const table = () =>
  ({
    namespace: row('network namespaces', 'CONFIG_NET_NS', path('/proc/self/ns/net')),
    userns: row('namespaces without root', 'CONFIG_USER_NS', userNamespace),
    forwarding: row('turning IPv4 forwarding on', 'CONFIG_SYSCTL', writableForwarding),
    ipv6: row('IPv6', 'CONFIG_IPV6', ipv6),
    packet: row('capturing packets', 'CONFIG_PACKET', packetSocket),
    tracefs: row('the reasons of dropped packets', 'CONFIG_TRACING', fileSystem('tracefs')),

    veth: row('cables between namespaces', 'CONFIG_VETH', veth),
    bridge: row('bridges', 'CONFIG_BRIDGE', linkKind('bridge')),
    dummy: row('links that lead nowhere', 'CONFIG_DUMMY', linkKind('dummy')),
    vlan: row('VLANs', 'CONFIG_VLAN_8021Q', linkKind('vlan')),
    macvlan: row('several MAC addresses on one link', 'CONFIG_MACVLAN', linkKind('macvlan')),
    ipvlan: row('several namespaces behind one MAC address', 'CONFIG_IPVLAN', linkKind('ipvlan')),
    vxlan: row('Ethernet over UDP', 'CONFIG_VXLAN', linkKind('vxlan')),
    wireguard: row('encrypted tunnels', 'CONFIG_WIREGUARD', linkKind('wireguard')),
    qdisc: row('traffic control', 'CONFIG_NET_SCHED', queueingDiscipline('pfifo')),
    tbf: row('limits of a space’s rate', 'CONFIG_NET_SCH_TBF', queueingDiscipline('tbf'), 'qdisc'),
    netem: row('delay and loss on purpose', 'CONFIG_NET_SCH_NETEM', queueingDiscipline('netem'), 'qdisc'),

    nf_tables: row('firewall rules', 'CONFIG_NF_TABLES', firewall),
    inet: row('one table for IPv4 and IPv6', 'CONFIG_NF_TABLES_INET', baseChain(forward), 'nf_tables'),
    nat: row('translating addresses', 'CONFIG_NFT_NAT', baseChain(natPostrouting), 'inet'),
    masquerade: row(
      'the way out by the host’s address',
      'CONFIG_NFT_MASQ',
      statement(() => masquerade(), natPostrouting),
      'nat',
    ),
    dnat: row(
      'published ports',
      'CONFIG_NFT_NAT',
      statement(() => dnat('ip', { address: '192.0.2.1', port: 80 }), natPrerouting),
      'nat',
    ),
    redirect: row(
      'ports of the host itself',
      'CONFIG_NFT_REDIR',
      statement(() => redirect(80), natPrerouting),
      'nat',
    ),
    fib: row(
      'telling the host’s own addresses',
      'CONFIG_NFT_FIB_INET',
      statement(() => match(fib(['daddr'], 'type'), 'local')),
      'inet',
    ),
    ct: row(
      'telling connections',
      'CONFIG_NFT_CT',
      statement(() => match(ct('state'), 'new')),
      'inet',
    ),
    conntrack: row('the list of connections', 'CONFIG_NF_CT_NETLINK', connectionList, 'nf_tables'),
    'interval-concatenation': row(
      'published ranges of ports',
      'CONFIG_NF_TABLES (of Linux 5.6)',
      namedSet(rangesOfPorts),
      'nf_tables',
    ),
    'tcp-option': row(
      'fitting segments to the route',
      'CONFIG_NF_TABLES (of Linux 4.14)',
      statement(() => set(tcpOption('maxseg', 'size'), 1400), forward, missingOrStrange),
      'inet',
    ),
    rt: row(
      'the MTU of the route',
      'CONFIG_NF_TABLES (of Linux 4.14)',
      statement(() => set(tcpOption('maxseg', 'size'), rt('mtu')), forward, missingOrStrange),
      'tcp-option',
    ),
    trace: row(
      'following a packet through the rules',
      'CONFIG_NF_TABLES',
      statement(() => traceOn()),
      'inet',
    ),
    reject: row(
      'refusals that say so',
      'CONFIG_NFT_REJECT_INET',
      statement(() => reject()),
      'inet',
    ),
    limit: row(
      'limits of rates',
      'CONFIG_NFT_LIMIT',
      statement(() => limit(10, 'second')),
      'inet',
    ),
    log: row(
      'packets in the kernel’s log',
      'CONFIG_NFT_LOG',
      statement(() => log()),
      'inet',
    ),
    queue: row(
      'verdicts by a program',
      'CONFIG_NFT_QUEUE',
      statement(() => ({
        kind: 'queue',
        number: { kind: 'value', value: 0, types: ['integer'] },
        flags: [],
      })),
      'inet',
    ),
    tproxy: row(
      'transparent proxies',
      'CONFIG_NFT_TPROXY',
      statement(
        () => ({ kind: 'tproxy', port: { kind: 'value', value: 80, types: ['inet_service'] } }),
        prerouting,
      ),
      'inet',
    ),
    flowtable: row('a short cut for established connections', 'CONFIG_NF_FLOW_TABLE_INET', flowtable, 'inet'),
  }) satisfies Record<string, FeatureRow>

/** The name of a feature. */
export type Feature = keyof ReturnType<typeof table>

let made: Readonly<Record<Feature, FeatureRow>> | undefined

/** Every feature that can be asked for, made on first use: a command that succeeds never needs the table. */
export const features = (): Readonly<Record<Feature, FeatureRow>> => {
  made ??= table()
  return made
}
