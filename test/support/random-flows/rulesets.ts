/** Rules of others for the stage, made at random: any hook, any family, any priority; by nft and by iptables. */
import type { Random } from '../random-ruleset.ts'
import { addresses } from './stage.ts'

/** A ruleset in the words of a program that reads it, and where. */
export type Made = { words: readonly [string, ...string[]]; text: string }

/** What rules of one namespace may name. */
export type RuledPlace = {
  /** `host`, or a space with its own addresses. */
  own: { 4: string; 6: string } | undefined
  links: readonly string[]
}

type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'
type Family = 'ip' | 'ip6' | 'inet'

export const ports = { tcp: [80, 81, 82], udp: [53, 54, 55, 56] }
const somePorts = [...ports.tcp, ...ports.udp]

const hostHooks: readonly Hook[] = [
  'prerouting',
  'forward',
  'forward',
  'forward',
  'postrouting',
  'input',
  'output',
]
const spaceHooks: readonly Hook[] = ['output', 'output', 'postrouting', 'prerouting', 'input']
const priorities = [
  -450, -400, -301, -300, -225, -199, -150, -101, -99, -50, -1, 0, 0, 1, 10, 50, 99, 101, 150, 300, 1000,
]

/** Matches that only some packets meet. Those of one family are for tables that may have it. */
const nftMatch = (random: Random, family: Family, { links }: RuledPlace): string => {
  const [four, six] = [addresses[4], addresses[6]]
  const of4 = [
    `ip daddr ${random.of([four.host2, four.second, four.far, '192.168.1.16/31', '203.0.113.0/24'])}`,
    `ip daddr != ${random.of([four.host2, '192.168.1.0/24'])}`,
    `ip saddr ${random.of([four.host2, four.second, '10.200.0.0/16', '192.168.1.0/28'])}`,
    `ip daddr @hosts4`,
    `icmp type ${random.of(['echo-request', 'echo-reply', 'destination-unreachable'])}`,
    `ip daddr . th dport { ${four.host2} . ${random.of(somePorts)}, 203.0.113.0/24 . 50-90 }`,
    `ip ttl ${random.of(['< 64', '64', '> 62'])}`,
  ]
  const of6 = [
    `ip6 daddr ${random.of([six.host2, six.second, six.far, '2001:db8:2::/64'])}`,
    `ip6 saddr ${random.of([six.host2, 'fd00::/8', '2001:db8:1::/64'])}`,
    `ip6 daddr @hosts6`,
    `icmpv6 type ${random.of(['echo-request', 'echo-reply', 'destination-unreachable'])}`,
    `ip6 hoplimit ${random.of(['< 64', '64'])}`,
  ]
  const both = [
    `tcp dport ${random.of(ports.tcp)}`,
    `tcp sport ${random.of(ports.tcp)}`,
    `udp dport ${random.of(ports.udp)}`,
    `udp sport { 53, 54 }`,
    `udp dport 53-54`,
    `th dport @services`,
    `tcp flags & (syn | ack) == ${random.of(['syn', 'syn | ack'])}`,
    `meta l4proto ${random.of(['tcp', 'udp', 'icmp', 'ipv6-icmp'])}`,
    `ct state ${random.of(['new', 'established', 'related', 'invalid', 'new,related', 'untracked'])}`,
    `ct direction reply`,
    `ct status snat`,
    `meta mark 0x${random.of([1, 2, 3])}`,
    `iifname "${random.of(links)}"`,
    `oifname "${random.of(links)}"`,
    `meta length > 60`,
    ...(family === 'inet' ? [`meta nfproto ${random.of(['ipv4', 'ipv6'])}`] : []),
    `fib daddr type local`,
  ]
  return random.of([...both, ...(family === 'ip6' ? [] : of4), ...(family === 'ip' ? [] : of6)])
}

/** The headers that a match or a statement is about; nft refuses a rule that is about two of the same layer. */
const headersOf = (text: string): (string | undefined)[] => {
  const transport = /\b(l4proto|tcp|udp|icmpv6|icmp)\b/.exec(text)?.[1]
  const implied = transport === 'icmp' ? 'ip' : transport === 'icmpv6' ? 'ip6' : undefined
  return [implied ?? /\b(nfproto|ip6|ip)\b/.exec(text)?.[1], transport ?? /\bth\b/.exec(text)?.[0]]
}

const fits = (parts: readonly string[], text: string): boolean =>
  parts.every(part => {
    const [one, other] = [headersOf(part), headersOf(text)]
    return one.every(
      (value, index) => value === undefined || other[index] === undefined || value === other[index],
    )
  })

const sets = (family: Family): string => `
  set services { type inet_service; flags interval; elements = { 53, 81-82 } }
${family === 'ip6' ? '' : `  set hosts4 { type ipv4_addr; flags interval; elements = { 192.168.1.16-192.168.1.20, ${addresses[4].far} } }`}
${family === 'ip' ? '' : `  set hosts6 { type ipv6_addr; elements = { ${addresses[6].second} } }`}`

const rejection: Record<Family, string> = {
  inet: 'reject with icmpx admin-prohibited',
  ip: 'reject with icmp host-prohibited',
  ip6: 'reject with icmpv6 admin-prohibited',
}

const subchains = ['sub1', 'sub2']

const nftEnd = (random: Random, hook: Hook, family: Family, level: number): string => {
  const target = subchains[level]
  const onward = target === undefined ? 'return' : `${random.of(['jump', 'jump', 'goto'])} ${target}`
  const canReject = hook !== 'postrouting' && hook !== 'prerouting'
  return random.of([
    'drop',
    'drop',
    'accept',
    canReject ? random.of(['reject', rejection[family], 'meta l4proto tcp reject with tcp reset']) : 'drop',
    onward,
    onward,
    onward,
    'counter',
    `meta mark set 0x${random.of([1, 2, 3])}`,
    'ct mark set 5',
    family === 'ip' ? 'ip ttl set 33' : family === 'ip6' ? 'ip6 hoplimit set 33' : 'counter',
    family === 'ip' ? 'ip dscp set cs1' : 'return',
    target === undefined
      ? 'counter drop'
      : `th dport vmap { 53 : drop, 81-82 : accept, 54 : jump ${target} }`,
  ])
}

const nftRule = (random: Random, hook: Hook, family: Family, place: RuledPlace, level: number): string => {
  const parts = [nftEnd(random, hook, family, level)]
  const wanted = random.of([1, 1, 2])
  for (let count = 0, attempt = 0; count < wanted && attempt < 20; attempt++) {
    const match = nftMatch(random, family, place)
    if (!fits(parts, match)) continue
    parts.unshift(match)
    count++
  }
  return parts.length > 1 ? parts.join(' ') : 'counter'
}

const filterTable = (random: Random, name: string, place: RuledPlace): string => {
  const family = random.of<Family>(['inet', 'inet', 'ip', 'ip6'])
  const hook = random.of(place.own === undefined ? hostHooks : spaceHooks)
  const rules = (level: number, count: number) =>
    Array.from({ length: count }, () => `    ${nftRule(random, hook, family, place, level)}\n`).join('')
  const policy = random.chance(0.08) ? 'drop' : 'accept'
  // What drops by default lets some pass, or no flow would get through.
  const passing =
    policy === 'drop'
      ? '    ct state established,related accept\n    meta l4proto { tcp, icmp, ipv6-icmp } accept\n'
      : ''
  const early = random.chance(0.03) ? -600 : random.of(priorities)
  const raw = early < -200 && (hook === 'prerouting' || hook === 'output') && random.chance(0.2)
  return `table ${family} ${name} {${sets(family)}
  chain sub2 {\n${rules(2, 2)}  }
  chain sub1 {\n${rules(1, 2)}  }
  chain base {
    type filter hook ${hook} priority ${early}; policy ${policy};
${passing}${raw ? `    ${random.of(['udp dport 53', 'tcp dport 80'])} notrack\n` : ''}${rules(0, random.of([1, 2, 3]))}  }
}
`
}

/** Another's translation, of the destination or of the source. */
const natTable = (random: Random, name: string, { own }: RuledPlace): string => {
  const version = random.of([4, 4, 6] as const)
  const family = version === 4 ? 'ip' : 'ip6'
  const { host2, second, far, spare } = addresses[version]
  const at = (address: string, port: number | string) => `${version === 4 ? address : `[${address}]`}:${port}`
  const destinations = [
    `tcp dport 81 dnat to ${at(host2, 80)}`,
    `udp dport 55 dnat to ${at(second, 53)}`,
    `${family} daddr ${second} dnat to ${host2}`,
    `${family} daddr ${far} tcp dport 82 dnat to ${at(second, 80)}`,
    `udp dport 56 redirect to :53`,
    `tcp dport 82 counter drop`,
  ]
  const sources =
    own === undefined
      ? [
          `oifname "eth0" tcp dport 80 snat to ${spare}`,
          `oifname "eth0" udp dport 53 snat to ${at(spare, '21000-21099')}`,
          `oifname "eth0" meta l4proto ${version === 4 ? 'icmp' : 'ipv6-icmp'} snat to ${spare}`,
          `oifname "eth0" meta l4proto { tcp, udp } masquerade to :22000-22999`,
          `oifname "eth0" masquerade random`,
        ]
      : [`udp dport 53 snat to ${at(own[version], '30000-30099')}`, `tcp dport 80 masquerade to :31000-31099`]
  const [hook, rules, type] = random.of([
    [own === undefined ? 'prerouting' : 'output', destinations, -100],
    ['postrouting', sources, 100],
  ] as const)
  const priority = type + random.of([-90, -10, -1, 0, 5, 20])
  const chosen = random.some(rules, 2).map(rule => `    ${rule}\n`)
  return `table ${family} ${name} {
  chain base {
    type nat hook ${hook} priority ${priority};
${chosen.join('')}  }
}
`
}

/** Rules at a link itself, in front of all others or behind them. */
const linkTable = (random: Random, name: string, { links }: RuledPlace): string => `table netdev ${name} {
  chain base {
    type filter hook ${random.of(['ingress', 'egress'])} device "${random.of(links)}" priority ${random.of([-10, 0, 10])};
    ${random.of(['udp dport 53', 'tcp dport 80', 'tcp sport 80', 'icmp type echo-reply', 'icmpv6 type echo-request'])} ${random.of(['drop', 'counter'])}
  }
}
`

const iptablesMatch = (random: Random, version: 4 | 6, { links }: RuledPlace): string => {
  const { host2, second, far } = addresses[version]
  const icmp = version === 4 ? '-p icmp --icmp-type' : '-p ipv6-icmp --icmpv6-type'
  return random.of([
    `-i ${random.of(links)}`,
    `-o ${random.of(links)}`,
    `-d ${random.of([host2, second, far])}`,
    `! -d ${host2}`,
    `-s ${random.of([host2, second])}`,
    `-p tcp --dport ${random.of(ports.tcp)}`,
    `-p udp --dport ${random.of(ports.udp)}`,
    `-p udp --sport 53:54`,
    `-p tcp -m multiport --dports 81,82`,
    `${icmp} ${random.of(['echo-request', 'echo-reply'])}`,
    `-m conntrack --ctstate ${random.of(['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'DNAT'])}`,
    `-m mark --mark 0x${random.of([1, 2])}`,
    `-m comment --comment "made at random" -p udp`,
  ])
}

const hookOfChain: Record<string, Hook> = {
  PREROUTING: 'prerouting',
  INPUT: 'input',
  FORWARD: 'forward',
  OUTPUT: 'output',
  POSTROUTING: 'postrouting',
}

const iptables = (random: Random, place: RuledPlace): Made => {
  const version = random.of([4, 4, 6] as const)
  const table = random.of(['filter', 'filter', 'filter', 'mangle', 'raw'])
  const chains = {
    filter: ['INPUT', 'FORWARD', 'OUTPUT'],
    mangle: Object.keys(hookOfChain),
    raw: ['PREROUTING', 'OUTPUT'],
  }
  const usable = chains[table as keyof typeof chains].filter(
    name => place.own === undefined || name !== 'FORWARD',
  )
  const chain = random.of(usable)
  const ends = [
    '-j DROP',
    '-j DROP',
    '-j ACCEPT',
    '-j RETURN',
    '-j user',
    '-g user',
    ...(table === 'filter' ? ['-j REJECT', '-p tcp -j REJECT --reject-with tcp-reset'] : []),
    ...(table === 'mangle' ? ['-j MARK --set-mark 0x1'] : []),
  ]
  const rule = (from: string, last: readonly string[]) => {
    const [match, end] = [iptablesMatch(random, version, place), random.of(last)]
    const fitting = end.startsWith('-p') && match.includes('-p ') ? '-p tcp' : match
    const whole = fitting === '-p tcp' ? end : `${fitting} ${end}`
    // An interface that cannot be known at a hook is refused.
    const hook = hookOfChain[chain]
    const isBad =
      (/^-i /.test(match) && (hook === 'output' || hook === 'postrouting')) ||
      (/^-o /.test(match) && (hook === 'input' || hook === 'prerouting'))
    return isBad ? '' : `-A ${from} ${whole}\n`
  }
  const flat = ends.filter(end => !end.includes('user'))
  const policy = table === 'filter' && random.chance(0.1) ? 'DROP' : 'ACCEPT'
  const passing =
    policy === 'DROP'
      ? `-A ${chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A ${chain} -p tcp -j ACCEPT\n`
      : ''
  return {
    words: [version === 4 ? 'iptables-nft-restore' : 'ip6tables-nft-restore', '-n'],
    text: `*${table}
:${chain} ${policy} [0:0]
:user - [0:0]
${passing}${rule(chain, ends)}${rule(chain, ends)}${rule(chain, ends)}${rule('user', flat)}${rule('user', flat)}COMMIT
`,
  }
}

/** Some tables of others for a namespace. `name` begins the names of nft's. */
export const randomRulesets = (random: Random, name: string, place: RuledPlace): Made[] => {
  const nft = (text: string): Made => ({ words: ['nft', '-f', '-'], text })
  return Array.from(
    { length: random.of(place.own === undefined ? [0, 1, 2, 2, 3] : [0, 0, 0, 1, 1]) },
    (_, index) => {
      const table = `${name}-${index}`
      const kind = random.next()
      if (kind < 0.55) return nft(filterTable(random, table, place))
      if (kind < 0.72) return nft(natTable(random, table, place))
      if (kind < 0.79) return nft(linkTable(random, table, place))
      return iptables(random, place)
    },
  )
}
