import {
  accept,
  concat,
  ct,
  dnat,
  drop,
  fib,
  inSet,
  ip,
  mapLookup,
  masquerade,
  match,
  meta,
  notInSet,
  type Rule,
  rt,
  rule,
  type Statement,
  set,
  tcp,
  tcpOption,
  th,
} from '../../linux/nftables/index.ts'

/**
 * Theory of operation. All spaces share one table with a constant number of rules. A space is a member of sets:
 *
 * - `spaces`: the host ends of all cables; `internal`, `pinned`: those without a way out, with a chosen one (`via`).
 * - `source4`: which address may come out of which cable; `inside4`: all inside addresses.
 * - `outbound4`, `outbound4_via`: whose address is translated, by any link or by one.
 * - `publish4…`: ports of the host, and where they lead.
 *
 * Every base chain accepts by policy, so that nobody else's packets fare differently. The NAT chains come after those of
 * others (dstnat + 10, srcnat + 10), so that an administrator's rules win. The guard sits at raw, before anything is
 * translated: what is addressed to the inside there was not published.
 */

/** A set or map of the table. */
export type SetDefinition = { name: string; key: string[]; data?: string[]; interval?: true }

/** A base chain and its rules. */
export type ChainDefinition = {
  name: string
  type: 'filter' | 'nat'
  hook: 'prerouting' | 'forward' | 'output' | 'postrouting'
  priority: number
  rules: Rule[]
}

const endpoint = ['ipv4_addr', 'inet_service']
const port = ['inet_proto', 'inet_service']

/** The sets and maps. */
export const setDefinitions: readonly SetDefinition[] = [
  { name: 'spaces', key: ['ifname'] },
  { name: 'internal', key: ['ifname'] },
  { name: 'pinned', key: ['ifname'] },
  { name: 'via', key: ['ifname', 'ifname'] },
  { name: 'preexisting', key: ['ifname'] },
  { name: 'source4', key: ['ifname', 'ipv4_addr'] },
  { name: 'inside4', key: ['ipv4_addr'] },
  { name: 'outbound4', key: ['ipv4_addr'] },
  { name: 'outbound4_via', key: ['ipv4_addr', 'ifname'] },
  { name: 'publish4', key: port, data: endpoint },
  { name: 'publish4_at', key: ['ipv4_addr', ...port], data: endpoint },
  { name: 'publish4_range', key: port, data: ['ipv4_addr'], interval: true },
  { name: 'publish4_range_at', key: ['ipv4_addr', ...port], data: ['ipv4_addr'], interval: true },
]

const mapNamed = (name: string) => {
  const { data } = setDefinitions.find(item => item.name === name) as SetDefinition
  return { name, ...(data === undefined ? {} : { data }) }
}

const iif = meta('iifname')
const oif = meta('oifname')
const fromSpace = match(iif, inSet('spaces'))
const toSpace = match(oif, inSet('spaces'))
const notToSpace = match(oif, notInSet('spaces'))
const transport = concat(meta('l4proto'), th('dport'))
const transportAt = concat(ip('daddr'), meta('l4proto'), th('dport'))

/** The address in the packet is one of this host: without it, packets that only pass through would be redirected. */
const addressedToHost: Statement[] = [match(meta('nfproto'), 'ipv4'), match(fib(['daddr'], 'type'), 'local')]

/** The more specific map first. */
const publishRules: Rule[] = [
  rule([...addressedToHost, dnat('ip', mapLookup(transportAt, mapNamed('publish4_at')))]),
  rule([...addressedToHost, dnat('ip', mapLookup(transport, mapNamed('publish4')))]),
  rule([...addressedToHost, dnat('ip', mapLookup(transportAt, mapNamed('publish4_range_at')))]),
  rule([...addressedToHost, dnat('ip', mapLookup(transport, mapNamed('publish4_range')))]),
]

/** The largest segment that fits the route, in both directions: a smaller link elsewhere would swallow larger ones. */
const clamp = set(tcpOption('maxseg', 'size'), rt('mtu'))

const loopback = '127.0.0.0/8'

/** The chains, in the order in which a packet meets them. */
export const chainDefinitions: readonly ChainDefinition[] = [
  {
    name: 'guard',
    type: 'filter',
    hook: 'prerouting',
    priority: -300,
    rules: [
      rule([match(iif, 'lo', '!='), match(ip('daddr'), loopback), drop()]),
      rule([fromSpace, match(concat(iif, ip('saddr')), notInSet('source4')), drop()]),
      rule([
        match(ip('daddr'), inSet('inside4')),
        match(iif, notInSet('spaces')),
        match(iif, 'lo', '!='),
        drop(),
      ]),
    ],
  },
  { name: 'prerouting', type: 'nat', hook: 'prerouting', priority: -90, rules: publishRules },
  { name: 'output', type: 'nat', hook: 'output', priority: -90, rules: publishRules },
  {
    name: 'forward',
    type: 'filter',
    hook: 'forward',
    priority: 0,
    rules: [
      // A late FIN or RST has no translation any more and would leave with the inside address.
      rule([fromSpace, match(ct('state'), 'invalid'), drop()]),
      rule([toSpace, match(ct('state'), 'invalid'), drop()]),
      rule([fromSpace, match(tcp('flags'), 'syn'), clamp]),
      rule([toSpace, match(tcp('flags'), 'syn'), clamp]),
      rule([toSpace, match(ct('state'), ['established', 'related']), accept()]),
      rule([toSpace, match(ct('status'), 'dnat'), accept()]),
      rule([toSpace, drop()]),
      rule([match(iif, inSet('internal')), match(ct('direction'), 'original'), drop()]),
      rule([
        match(iif, inSet('pinned')),
        match(ct('direction'), 'original'),
        match(concat(iif, oif), notInSet('via')),
        drop(),
      ]),
      rule([fromSpace, accept()]),
      // Where natspace turned forwarding on, links that were there before are not routed between.
      rule([
        match(iif, inSet('preexisting')),
        match(oif, inSet('preexisting')),
        match(ct('state'), 'new'),
        drop(),
      ]),
    ],
  },
  {
    name: 'postrouting',
    type: 'nat',
    hook: 'postrouting',
    priority: 110,
    rules: [
      // An ICMP query keeps its identifier where it can (RFC 5508 section 3.1); ports are chosen at random.
      rule([
        match(ip('saddr'), inSet('outbound4')),
        notToSpace,
        match(meta('l4proto'), 'icmp'),
        masquerade(),
      ]),
      rule([match(ip('saddr'), inSet('outbound4')), notToSpace, masquerade({ fullyRandom: true })]),
      rule([
        match(concat(ip('saddr'), oif), inSet('outbound4_via')),
        match(meta('l4proto'), 'icmp'),
        masquerade(),
      ]),
      rule([match(concat(ip('saddr'), oif), inSet('outbound4_via')), masquerade({ fullyRandom: true })]),
      // A space that reaches itself or another through a published port must be answered by way of the host.
      rule([fromSpace, toSpace, match(ct('status'), 'dnat'), masquerade()]),
      // So must this host when it used 127.0.0.1, an address that cannot leave it.
      rule([match(ip('saddr'), loopback), toSpace, masquerade()]),
    ],
  },
]
