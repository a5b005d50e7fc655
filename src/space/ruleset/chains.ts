import {
  accept,
  concat,
  counter,
  ct,
  dnat,
  drop,
  fib,
  goTo,
  inSet,
  ip,
  ip6,
  jump,
  leave,
  mapLookup,
  masquerade,
  match,
  meta,
  notInSet,
  type Operand,
  payload,
  type Rule,
  range,
  reject,
  rt,
  rule,
  set,
  snat,
  tcp,
  tcpOption,
  th,
} from '../../linux/nftables/index.ts'
import { sourcePorts } from '../spec/source-ports.ts'

/** A chain and its rules; one without a hook is only jumped to. */
export type ChainDefinition = {
  name: string
  /** Base chains only. */
  base?: {
    type: 'filter' | 'nat'
    hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'
    priority: number
  }
  rules: Rule[]
}

/** A map by its name, with the datatypes of its values. */
type MapNamed = (name: string) => { name: string; data?: string[] }

const iif = meta('iifname')
const oif = meta('oifname')
const iifGroup = meta('iifgroup')
const protocol = meta('l4proto')
const bothLinks = concat(iif, oif)
const fromSpace = match(iif, inSet('spaces'))
const notFromSpace = match(iif, notInSet('spaces'))
const toSpace = match(oif, inSet('spaces'))
const notToSpace = match(oif, notInSet('spaces'))
const ipv4 = match(meta('nfproto'), 'ipv4')
const ipv6 = match(meta('nfproto'), 'ipv6')
const transport = concat(protocol, th('dport'))
const loopback = '127.0.0.0/8'
const refuse = goTo('refuse')

/** Solicitations and advertisements of neighbours: what ARP is to IPv4 (RFC 4861). */
const neighbourDiscovery = match(
  payload('icmpv6', 'type'),
  range('nd-neighbor-solicit', 'nd-neighbor-advert'),
)

/** A late FIN or RST has no translation any more and would leave with the inside address. */
const unknown = match(ct('state'), ['invalid', 'untracked'])

/** It came by a published port, and is no frame that a bridge hands on. */
const translated = match(ct('status'), 'dnat')

/** The largest segment that fits the route, in both directions: a smaller link elsewhere would swallow larger ones. */
const clamp = set(tcpOption('maxseg', 'size'), rt('mtu'))

/**
 * An answer to this address would leave by the link that the packet came by: whoever claims to be of a network that has
 * its place elsewhere is found out.
 */
const isRoutedBack = match(fib(['saddr', 'iif'], 'oif'), 0, '!=')

/** The address in the packet is one of this host: without it, packets that only pass through would be redirected. */
const addressedToHost = match(fib(['daddr'], 'type'), 'local')

/** The more specific map first. */
const publishRules = (map: MapNamed): Rule[] =>
  [
    { family: 'ip', of: ipv4, address: ip('daddr'), name: 'publish4' } as const,
    { family: 'ip6', of: ipv6, address: ip6('daddr'), name: 'publish6' } as const,
  ].flatMap(({ family, of, address, name }) => {
    const at = concat(address, protocol, th('dport'))
    return [
      rule([of, dnat(family, mapLookup(at, map(`${name}_at`)))]),
      rule([of, dnat(family, mapLookup(transport, map(name)))]),
      rule([of, dnat(family, mapLookup(at, map(`${name}_range_at`)))]),
      rule([of, dnat(family, mapLookup(transport, map(`${name}_range`)))]),
    ]
  })

/**
 * Ports that a translation chooses as sources lie where the host's own programs get theirs, and are chosen at random:
 * a space that could choose might take one that answers for somebody else (CVE-2021-3773).
 */
const chosenAtRandom = { ports: { ...sourcePorts }, fullyRandom: true }

const withPorts = ['tcp', 'udp', 'sctp']

/**
 * Links that were there before are not routed between, whatever connection tracking makes of a packet: nothing began
 * there that could go on. A bridge hands its own frames through, not to another link.
 */
const routerGuard = (family: 4 | 6): Rule =>
  rule([
    family === 4 ? ipv4 : ipv6,
    match(iif, inSet(`preexisting${family}`)),
    match(oif, inSet(`preexisting${family}`)),
    match(iif, notInSet(`forwarding${family}`)),
    match(bothLinks, notInSet('bridges')),
    drop(),
  ])

/** All chains, those that are only jumped to before those that jump. */
export const chainDefinitions = (map: MapNamed): readonly ChainDefinition[] => [
  {
    // Told at once to whoever asked; by ICMPv6 a connecting TCP may hear of it late.
    name: 'refuse',
    rules: [rule([match(protocol, 'tcp'), reject('tcp reset')]), rule([reject('icmpx', 'admin-prohibited')])],
  },
  {
    // Whatever comes out of a cable: only what bears the space's own address.
    name: 'from_space',
    rules: [
      rule([match(concat(iif, ip('saddr')), inSet('source4')), leave()]),
      rule([match(concat(iif, ip6('saddr')), inSet('source6')), leave()]),
      rule([match(ip6('saddr'), 'fe80::/10'), neighbourDiscovery, leave()]),
      rule([drop()]),
    ],
  },
  { name: 'publish', rules: publishRules(map) },
  {
    // What a space asks of this host itself.
    name: 'to_host',
    rules: [
      rule([match(payload('icmp', 'type'), 'redirect'), drop()]),
      rule([match(ct('state'), ['established', 'related']), accept()]),
      rule([neighbourDiscovery, accept()]),
      rule([match(iif, inSet('host_all')), accept()]),
      rule([match(iif, inSet('host_none')), counter(), refuse]),
      rule([match(payload('icmp', 'type'), 'echo-request'), accept()]),
      rule([match(payload('icmpv6', 'type'), 'echo-request'), accept()]),
      // A resolver asks others, so it would be a way out (CVE-2024-29018).
      rule([match(iif, inSet('internal')), counter(), refuse]),
      rule([match(payload('udp', 'dport'), 53), accept()]),
      rule([match(tcp('dport'), 53), accept()]),
      rule([counter(), refuse]),
    ],
  },
  {
    // Some clouds have their resolver at the same address.
    name: 'to_metadata',
    rules: [
      rule([match(iif, inSet('metadata')), leave()]),
      rule([match(payload('udp', 'dport'), 53), leave()]),
      rule([match(tcp('dport'), 53), leave()]),
      rule([counter(), refuse]),
    ],
  },
  {
    // What a space begins, to wherever: refused here or not at all.
    name: 'leaving',
    rules: [
      rule([match(ct('state'), 'new'), match(ip('daddr'), inSet('metadata4')), jump('to_metadata')]),
      rule([match(ct('state'), 'new'), match(ip6('daddr'), inSet('metadata6')), jump('to_metadata')]),
      // Most spaces are done here.
      rule([match(iif, inSet('free')), leave()]),
      rule([match(bothLinks, inSet('via')), match(iif, notInSet('limited')), leave()]),
      rule([match(bothLinks, inSet('connected')), leave()]),
      rule([match(concat(oif, iifGroup), inSet('siblings')), leave()]),
      rule([match(iif, inSet('internal')), counter(), refuse]),
      rule([match(iif, inSet('pinned')), match(bothLinks, notInSet('via')), notToSpace, counter(), refuse]),
      rule([match(iif, notInSet('limited')), leave()]),
      rule([match(concat(iif, ip('daddr'), protocol, th('dport')), inSet('egress4')), leave()]),
      rule([match(concat(iif, ip6('daddr'), protocol, th('dport')), inSet('egress6')), leave()]),
      rule([match(iif, inSet('rejected')), refuse]),
      rule([drop()]),
    ],
  },
  {
    // What reaches a space from elsewhere than this host.
    name: 'to_space',
    rules: [
      rule([match(tcp('flags'), 'syn'), clamp]),
      rule([match(ct('state'), ['established', 'related']), accept()]),
      rule([unknown, drop()]),
      rule([match(ct('status'), 'dnat'), accept()]),
      rule([match(bothLinks, inSet('connected')), accept()]),
      rule([match(concat(oif, iifGroup), inSet('siblings')), accept()]),
      // A space may have an address of such a network, and is let in only as what it is.
      rule([notFromSpace, match(concat(ip('daddr'), ip('saddr')), inSet('accepted4')), accept()]),
      rule([notFromSpace, match(concat(ip6('daddr'), ip6('saddr')), inSet('accepted6')), accept()]),
      rule([counter(), refuse]),
    ],
  },
  {
    // What goes on from a space, to outside or to another one.
    name: 'outward',
    rules: [
      rule([unknown, drop()]),
      rule([match(tcp('flags'), 'syn'), clamp]),
      // Each packet that goes the way of the first, so that a policy that changes holds for what is under way.
      rule([match(ct('direction'), 'original'), jump('leaving')]),
      rule([toSpace, goTo('to_space')]),
      rule([accept()]),
    ],
  },
  {
    // The address a packet leaves with. ICMP keeps its identifier where it can (RFC 5508, section 3.1).
    name: 'translate',
    rules: [
      rule([match(concat(ip('saddr'), ip('daddr')), inSet('untranslated4')), accept()]),
      rule([match(concat(ip6('saddr'), ip6('daddr')), inSet('untranslated6')), accept()]),
      ...[
        ...withPorts.map(name => ({ of: [match(protocol, name)], options: chosenAtRandom })),
        { of: [], options: {} },
      ].flatMap(({ of, options }) => [
        rule([...of, snat('ip', mapLookup(ip('saddr'), map('snat4')), options)]),
        rule([...of, snat('ip6', mapLookup(ip6('saddr'), map('snat6')), options)]),
      ]),
      ...withPorts.map(name => rule([match(protocol, name), masquerade(chosenAtRandom)])),
      rule([masquerade()]),
    ],
  },
  {
    // A translation that took a port that answers for somebody else is given up; the next attempt gets another.
    name: 'claimed_ports',
    rules: [
      ...[
        [concat(protocol, th('sport')), 'claimed'] as const,
        [concat(protocol, th('sport')), 'listened'] as const,
        [concat(ip('saddr'), protocol, th('sport')), 'claimed4'] as const,
        [concat(ip6('saddr'), protocol, th('sport')), 'claimed6'] as const,
      ].map(([key, name]: readonly [Operand, string]) => rule([match(key, inSet(name)), drop()])),
    ],
  },
  {
    // What is addressed to the inside itself: from those who know the way there, as answers or as whoever is let in.
    name: 'to_inside',
    rules: [
      { daddr: ip('daddr'), saddr: ip('saddr'), family: 4 } as const,
      { daddr: ip6('daddr'), saddr: ip6('saddr'), family: 6 } as const,
    ]
      .flatMap(({ daddr, saddr, family }) =>
        (['untranslated', 'accepted'] as const).map(name =>
          rule([match(concat(daddr, saddr), inSet(`${name}${family}`)), isRoutedBack, leave()]),
        ),
      )
      .concat(rule([drop()])),
  },
  {
    name: 'guard',
    base: { type: 'filter', hook: 'prerouting', priority: -300 },
    rules: [
      rule([match(iif, 'lo', '!='), match(ip('daddr'), loopback), drop()]),
      rule([fromSpace, goTo('from_space')]),
      // Nobody else may claim to be inside: a router would translate such a packet, and let its answer in.
      rule([match(ip('saddr'), inSet('inside4')), match(iif, 'lo', '!='), drop()]),
      rule([match(ip6('saddr'), inSet('inside6')), match(iif, 'lo', '!='), drop()]),
      rule([match(ip('daddr'), inSet('inside4')), match(iif, 'lo', '!='), goTo('to_inside')]),
      rule([match(ip6('daddr'), inSet('inside6')), match(iif, 'lo', '!='), goTo('to_inside')]),
    ],
  },
  {
    name: 'prerouting',
    base: { type: 'nat', hook: 'prerouting', priority: -90 },
    rules: [rule([addressedToHost, goTo('publish')])],
  },
  {
    name: 'output',
    base: { type: 'nat', hook: 'output', priority: -90 },
    rules: [rule([addressedToHost, goTo('publish')])],
  },
  {
    name: 'input',
    base: { type: 'filter', hook: 'input', priority: 0 },
    rules: [rule([fromSpace, goTo('to_host')])],
  },
  {
    name: 'forward',
    base: { type: 'filter', hook: 'forward', priority: 0 },
    rules: [
      // A link is looked up once or twice a packet, however many rules there are for those of spaces.
      rule([fromSpace, goTo('outward')]),
      rule([toSpace, goTo('to_space')]),
      routerGuard(4),
      routerGuard(6),
    ],
  },
  {
    // A host that sees a packet leave by the cable it came from would tell the space a better way.
    name: 'redirects',
    base: { type: 'filter', hook: 'output', priority: 0 },
    rules: [
      rule([toSpace, match(payload('icmp', 'type'), 'redirect'), drop()]),
      rule([toSpace, match(payload('icmpv6', 'type'), 'nd-redirect'), drop()]),
    ],
  },
  {
    name: 'postrouting',
    base: { type: 'nat', hook: 'postrouting', priority: 110 },
    rules: [
      rule([match(ip('saddr'), inSet('outbound4')), notToSpace, goTo('translate')]),
      rule([match(ip6('saddr'), inSet('outbound6')), notToSpace, goTo('translate')]),
      // A space that reaches itself through a published port must be answered by way of the host.
      rule([match(bothLinks, inSet('hairpin')), masquerade()]),
      // An internal space can answer nobody but the host end of its cable.
      rule([match(oif, inSet('internal')), masquerade()]),
      // So must this host when it used 127.0.0.1 or ::1, addresses that cannot leave it.
      rule([match(ip('saddr'), loopback), toSpace, masquerade()]),
      rule([match(ip6('saddr'), '::1'), toSpace, masquerade()]),
      // A cable of others that ports are published on: who comes from the link that it is on, such as a bridge.
      rule([match(concat(iif, ip('daddr')), inSet('behind4')), translated, masquerade()]),
      rule([match(concat(iif, ip6('daddr')), inSet('behind6')), translated, masquerade()]),
      // Of the frames of a bridge that the firewall sees (br_netfilter) nobody says here where they came from.
      rule([
        match(concat(oif, ip('daddr')), inSet('behind4')),
        match(concat(oif, ip('saddr')), inSet('behind4')),
        translated,
        masquerade(),
      ]),
      rule([
        match(concat(oif, ip6('daddr')), inSet('behind6')),
        match(concat(oif, ip6('saddr')), inSet('behind6')),
        translated,
        masquerade(),
      ]),
      rule([match(ip('saddr'), loopback), match(concat(oif, ip('daddr')), inSet('behind4')), masquerade()]),
    ],
  },
  {
    name: 'claims',
    base: { type: 'filter', hook: 'postrouting', priority: 120 },
    // The state first: all but the first packets of connections are done with it.
    rules: [
      rule([
        match(ct('state'), 'new'),
        fromSpace,
        notToSpace,
        match(ct('status'), 'snat'),
        goTo('claimed_ports'),
      ]),
    ],
  },
]
