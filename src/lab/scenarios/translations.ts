import { flowStatus } from '../../linux/conntrack/index.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import {
  dnat,
  ip,
  masquerade,
  match,
  meta,
  type Statement,
  snat,
  tcp,
  udp,
} from '../../linux/nftables/index.ts'
import { openNamespace } from '../../linux/sys/namespace.ts'
import { Socket } from '../../linux/sys/socket.ts'
import { tableName } from '../../space/marks.ts'
import { network, places } from '../places.ts'
import { listen } from './listen.ts'
import type { Scenario } from './scenario.ts'
import type { ForeignTable, World } from './world.ts'

const { space, host1, host2, uplink } = network
const inbound = { protocol: 'tcp', port: space.publishedPort } as const

const nat = (
  table: string,
  hook: 'prerouting' | 'postrouting',
  priority: number,
  rules: Statement[][],
): ForeignTable => ({
  family: 'ip',
  table,
  chains: [{ name: hook, hook, type: 'nat', priority, policy: 'accept', rules }],
})

/** Empties a chain of natspace's table, which `up` fills again. */
const empty = (world: World, chain: string): void =>
  world.nft(undefined, { type: 'chain.flush', family: 'inet', table: tableName, chain })

/** Empties a chain of iptables' nat table, which is there by hand. */
const emptyByHand = (world: World, chain: string): void =>
  world.nft(undefined, { type: 'chain.flush', family: 'ip', table: 'nat', chain })

/** A program that has a connection, until the fault is taken back. */
const hold = (world: World, port: number): void => {
  using namespace = openNamespace(world.inside)
  const socket = Socket.connect({ address: host2, port }, 2000, { namespace: namespace.number })
  world.later(() => socket.close())
}

/** Translation, connection tracking, and published ports. */
export const translationScenarios: readonly Scenario[] = [
  {
    code: 'NAT-OIF',
    title: 'the only rule that translates names another link than the uplink',
    byHand: 'cable',
    inject: world => {
      emptyByHand(world, 'POSTROUTING')
      world.table(
        undefined,
        nat('own', 'postrouting', 100, [
          [match(ip('saddr'), space.network), match(meta('oifname'), 'wlan9'), masquerade()],
        ]),
      )
    },
  },
  {
    code: 'NAT-NONE',
    title: 'the rule that translates is missing in a namespace connected by hand',
    byHand: 'cable',
    inject: world => emptyByHand(world, 'POSTROUTING'),
  },
  {
    code: 'UP-ANTISPOOF',
    title: 'an untranslated public source leaves a machine of a cloud',
    spec: { gateway: '198.51.100.1/24', address: '198.51.100.2' },
    inject: world => {
      empty(world, 'translate')
      world.pretend('/sys/class/dmi/id/sys_vendor', 'Amazon EC2\n')
    },
  },
  {
    code: 'NAT-LEAK',
    title: 'packets of forgotten connections are not dropped any more',
    inject: world => {
      const chain = 'outward'
      const place = { family: 'inet', table: tableName } as const
      const rules = world.kernel
        .ruleset(undefined, place)
        .tables.flatMap(table => table.chains.find(item => item.name === chain)?.rules ?? [])
      const [first] = rules
      if (first !== undefined)
        world.nft(undefined, { type: 'rule.delete', ...place, chain, handle: first.handle })
    },
  },
  {
    code: 'NAT-PORTS',
    title: 'somebody translates to a single port, which another connection has',
    to: { family: 4, protocol: 'tcp', address: host2, port: 7000 },
    inject: world => {
      listen(world, places.host2, '0.0.0.0', 7000)
      world.table(
        undefined,
        nat('narrow', 'postrouting', 50, [
          [
            match(ip('saddr'), space.address),
            match(tcp('dport'), 7000),
            snat('ip', host1, { ports: { first: 40_000, last: 40_000 } }),
          ],
        ]),
      )
      hold(world, 7000)
    },
  },
  {
    code: 'CT-FULL',
    title: 'the table of connections is full',
    inject: world => {
      world.pretendSetting(undefined, 'net.netfilter.nf_conntrack_count', '65536')
      world.pretendSetting(undefined, 'net.netfilter.nf_conntrack_max', '65536')
    },
  },
  {
    code: 'CT-STALE-UDP',
    title: 'somebody asked the port of UDP before it was published, and goes on asking',
    spec: { publish: ['5353:53/udp'] },
    inject: world => {
      using namespace = openNamespace(places.host2)
      const socket = Socket.open('udp', { namespace: namespace.number })
      world.later(() => socket.close())
      world.table(
        undefined,
        nat('earlier', 'prerouting', -110, [
          [match(udp('dport'), 5353), dnat('ip', { address: host1, port: 5354 })],
        ]),
      )
      socket.send(new Uint8Array(1), { address: host1, port: 5353 })
      world.nft(undefined, { type: 'table.delete', family: 'ip', table: 'earlier' })
    },
  },
  {
    code: 'CT-FLOWOFFLOAD',
    title: 'a flowtable carries a connection with an address that the host had before',
    inject: world =>
      world.pretendFlow({
        original: {
          source: space.address,
          destination: host2,
          protocol: PROTOCOL_NUMBER.tcp,
          sourcePort: 40_001,
          destinationPort: 443,
        },
        reply: {
          source: host2,
          destination: '192.168.1.99',
          protocol: PROTOCOL_NUMBER.tcp,
          sourcePort: 443,
          destinationPort: 40_001,
        },
        status: flowStatus.confirmed | flowStatus.sourceNat | flowStatus.offloaded,
      }),
  },
  {
    code: 'CT-HELPER',
    title: 'a server of FTP is asked, and nothing reads what it names',
    isNote: true,
    to: { family: 4, protocol: 'tcp', address: host2, port: 21 },
    inject: world => listen(world, places.host2, '0.0.0.0', 21),
  },
  {
    code: 'PUB-NOOUTPUT',
    title: 'the port is led on for outside only, and the host asks itself',
    byHand: 'cable',
    inbound: { ...inbound, from: 'host' },
    inject: world => emptyByHand(world, 'OUTPUT'),
  },
  {
    code: 'PUB-LOCALHOST',
    title: 'the cable takes nothing from 127.0.0.1 any more',
    spec: { publish: ['127.0.0.1:8080:80'] },
    inbound: { ...inbound, from: 'loopback' },
    inject: world => {
      listen(world, world.inside, '0.0.0.0', space.port)
      world.set(undefined, `net.ipv4.conf.${space.hostInterface}.route_localnet`, '0')
    },
  },
  {
    code: 'PUB-HAIRPIN',
    title: 'the namespace asks for itself by the address of the host',
    byHand: 'cable',
    inbound: { ...inbound, from: 'space' },
    inject: world => {
      emptyByHand(world, 'POSTROUTING')
      world.table(undefined, nat('own', 'postrouting', 100, [[match(meta('oifname'), uplink), masquerade()]]))
    },
  },
  {
    code: 'PUB-EPHEMERAL',
    title: 'the published port is one of those that the host takes for itself',
    isNote: true,
    spec: { publish: ['40000:80'] },
    inbound: { protocol: 'tcp', port: 40_000 },
    inject: world => listen(world, world.inside, '0.0.0.0', space.port),
  },
  {
    code: 'PUB-SRCLOST',
    title: 'a rule translates the source of all that goes into the namespace',
    inbound,
    inject: world => {
      listen(world, world.inside, '0.0.0.0', space.port)
      world.table(
        undefined,
        nat('eager', 'postrouting', 50, [[match(meta('oifname'), space.hostInterface), masquerade()]]),
      )
    },
  },
]
