import {
  accept,
  type ChainSpec,
  concat,
  ct,
  dnat,
  drop,
  fib,
  inSet,
  ip,
  ip6,
  mapLookup,
  masquerade,
  match,
  meta,
  type NamedSet,
  type NftCommand,
  notInSet,
  rt,
  rule,
  type Statement,
  set,
  tcp,
  tcpOption,
  th,
} from '../../../src/linux/nftables/index.ts'

/** The table of ruleset.recipe.json, built from our own statements: golden and kernel tests compare it with nft's. */

const where = { family: 'inet', table: 'natspace' } as const
const endpoint4 = ['ipv4_addr', 'inet_service']
const port = ['inet_proto', 'inet_service']

export const spaces: NamedSet = { name: 'spaces', key: ['ifname'] }
export const source4: NamedSet = { name: 'source4', key: ['ifname', 'ipv4_addr'] }
export const source6: NamedSet = { name: 'source6', key: ['ifname', 'ipv6_addr'] }
export const pool4: NamedSet = {
  name: 'pool4',
  key: ['ipv4_addr'],
  flags: { interval: true },
  autoMerge: true,
}
export const pool6: NamedSet = {
  name: 'pool6',
  key: ['ipv6_addr'],
  flags: { interval: true },
  autoMerge: true,
}
export const loopbackOnly: NamedSet = { name: 'loopback_only', key: port, flags: { interval: true } }
export const preexisting: NamedSet = { name: 'preexisting', key: ['ifname'] }
export const publish4: NamedSet = { name: 'publish4', key: port, data: endpoint4 }
export const publish4At: NamedSet = { name: 'publish4_at', key: ['ipv4_addr', ...port], data: endpoint4 }
export const publish6: NamedSet = { name: 'publish6', key: port, data: ['ipv6_addr', 'inet_service'] }

export const sets = [
  spaces,
  source4,
  source6,
  pool4,
  pool6,
  loopbackOnly,
  preexisting,
  publish4,
  publish4At,
  publish6,
]

const [iifname, oifname] = [meta('iifname'), meta('oifname')]
const [ipv4, ipv6] = [match(meta('nfproto'), 'ipv4'), match(meta('nfproto'), 'ipv6')]
const local = match(fib(['daddr'], 'type'), 'local')
const protocolAndPort = concat(meta('l4proto'), th('dport'))
const clamp = set(tcpOption('maxseg', 'size'), rt('mtu'))
const loopback = match(ip('daddr'), '127.0.0.0/8')
const [fromSpaces, toSpaces] = [match(iifname, inSet(spaces)), match(oifname, inSet(spaces))]

export const chains: [ChainSpec, Statement[][]][] = [
  [
    { name: 'guard', type: 'filter', hook: 'prerouting', priority: -300 },
    [
      [fromSpaces, loopback, drop()],
      [
        fromSpaces,
        match(ip('saddr'), '0.0.0.0/0'),
        match(concat(iifname, ip('saddr')), notInSet(source4)),
        drop(),
      ],
      [
        match(ip('daddr'), inSet(pool4)),
        match(iifname, notInSet(spaces)),
        match(iifname, 'lo', '!='),
        drop(),
      ],
      [match(iifname, 'lo', '!='), loopback, drop()],
    ],
  ],
  [
    { name: 'prerouting', type: 'nat', hook: 'prerouting', priority: -90 },
    [
      [ipv4, local, dnat('ip', mapLookup(concat(ip('daddr'), meta('l4proto'), th('dport')), publish4At))],
      [ipv4, local, dnat('ip', mapLookup(protocolAndPort, publish4))],
      [ipv6, local, dnat('ip6', mapLookup(protocolAndPort, publish6))],
    ],
  ],
  [
    { name: 'output', type: 'nat', hook: 'output', priority: -90 },
    [
      [
        ipv4,
        match(ip('daddr'), '127.0.0.0/8', '!='),
        local,
        dnat('ip', mapLookup(protocolAndPort, publish4)),
      ],
    ],
  ],
  [
    { name: 'postrouting', type: 'nat', hook: 'postrouting', priority: 110 },
    [
      [match(ip('saddr'), inSet(pool4)), match(oifname, notInSet(spaces)), masquerade({ fullyRandom: true })],
      [
        match(ip6('saddr'), inSet(pool6)),
        match(oifname, notInSet(spaces)),
        masquerade({ fullyRandom: true }),
      ],
      [fromSpaces, toSpaces, match(ct('status'), 'dnat'), masquerade()],
    ],
  ],
  [
    { name: 'forward', type: 'filter', hook: 'forward', priority: 0 },
    [
      [fromSpaces, match(ct('state'), 'invalid'), drop()],
      [toSpaces, match(ct('state'), 'invalid'), drop()],
      [fromSpaces, match(tcp('flags'), 'syn'), clamp],
      [toSpaces, match(tcp('flags'), 'syn'), clamp],
      [toSpaces, match(ct('state'), ['established', 'related']), accept()],
      [toSpaces, match(ct('status'), 'dnat'), accept()],
      [toSpaces, drop()],
      [fromSpaces, accept()],
      [
        match(iifname, inSet(preexisting)),
        match(oifname, inSet(preexisting)),
        match(ct('state'), 'new'),
        drop(),
      ],
    ],
  ],
]

/** The commands that make the table, in nft's order: chains and sets first, then rules. */
export const rulesetCommands: NftCommand[] = [
  { type: 'table.add', ...where },
  ...chains.map(
    ([chain]): NftCommand => ({ type: 'chain.add', ...where, chain: { ...chain, policy: 'accept' } }),
  ),
  ...sets.map((item): NftCommand => ({ type: 'set.add', ...where, set: item })),
  ...chains.flatMap(([chain, rules]) =>
    rules.map(
      (statements): NftCommand => ({ type: 'rule.add', ...where, chain: chain.name, rule: rule(statements) }),
    ),
  ),
]
