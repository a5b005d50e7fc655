import { ports } from './random-packets.ts'

/** Small rulesets for the stage's two sides, made at random, in the words of nft and of iptables. */

/** A generator of numbers that gives the same sequence for the same seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed * 0x9e3779b9
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  of<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.next() * choices.length)] as T
  }

  /** So many of them, not one twice. */
  some<T>(choices: readonly T[], count: number): T[] {
    const rest = [...choices]
    return Array.from({ length: Math.min(count, rest.length) }, () =>
      rest.splice(Math.floor(this.next() * rest.length), 1),
    ).flat()
  }
}

export type Made = { program: readonly [string, ...string[]]; text: string }

const chains = ['c1', 'c2', 'c3', 'c4']

const list = (random: Random, values: readonly (string | number)[], count = 3): string =>
  `{ ${random.some(values, count).join(', ')} }`

const states = ['new', 'established', 'related', 'invalid', 'untracked']

/** Matches of nft; those of one family or protocol hold only for its packets, as nft puts that in front. */
const nftMatch = (random: Random): string => {
  const port = random.of(ports)
  return random.of([
    `iifname "${random.of(['left0', 'right0', 'lef*', 'eth0', 'r*'])}"`,
    `oifname != "${random.of(['left0', 'right0', 'eth0', 'ri*'])}"`,
    `iifname ${list(random, ['"left0"', '"right0"', '"docker0"'], 2)}`,
    `iifname . oifname { "${random.of(['left0', 'right0'])}" . "right0" }`,
    `iif "${random.of(['lo', 'left0', 'right0'])}"`,
    `ip saddr ${random.of(['10.1.0.2', '10.1.0.0/24', '10.0.0.0/8', '10.1.0.1-10.1.0.9', '!= 10.2.0.0/16'])}`,
    `ip daddr ${random.of(['10.2.0.2', '10.2.0.0/30', '!= 10.2.0.2', '{ 10.2.0.0/24, 192.168.0.0/16 }'])}`,
    `ip6 saddr ${random.of(['fd01::2', 'fd00::/8', '!= fd02::/64', '{ fd01::1-fd01::5, fd09::1 }'])}`,
    `ip6 daddr @hosts6`,
    `ip daddr @hosts4`,
    `ip saddr & 0.0.0.3 == 2`,
    `tcp dport ${port}`,
    `tcp dport != ${port}`,
    `tcp dport ${list(random, ports)}`,
    `tcp dport { ${random.of([20, 50])}-${random.of([80, 443])}, 8000-9000 }`,
    `udp dport < ${port}`,
    `udp dport ${port}-${port + 1000}`,
    `th dport >= ${port}`,
    `meta l4proto ${list(random, ['tcp', 'udp', 'icmp', 'ipv6-icmp'], 2)}`,
    `meta nfproto ${random.of(['ipv4', 'ipv6'])}`,
    `ip protocol ${random.of(['tcp', 'udp', 'icmp'])}`,
    `ip version 4`,
    `ip frag-off & 0x1fff != 0`,
    `tcp flags ${random.of(['syn', 'ack', 'syn,ack', '& (syn | ack) == syn', '& (fin | rst) == 0x0'])}`,
    `icmp type ${random.of(['echo-request', 'echo-reply', '{ echo-request, destination-unreachable }'])}`,
    `icmpv6 type ${random.of(['echo-request', '{ echo-reply, nd-neighbor-solicit }'])}`,
    `ct state ${random.some(states, random.of([1, 2])).join(',')}`,
    `ct state != ${random.of(states)}`,
    `ct state vmap { established : accept, invalid : drop }`,
    `ct direction ${random.of(['original', 'reply'])}`,
    `ct status & dnat ${random.of(['==', '!='])} 0`,
    `ct original ip saddr 10.1.0.0/24`,
    `meta mark ${random.of(['0x1', '& 0x3 == 0x2', '!= 0x0', '0x0-0x2'])}`,
    `meta length ${random.of(['<', '>='])} ${random.of([30, 40, 60])}`,
    `fib daddr type ${random.of(['local', 'unicast', '{ local, broadcast }'])}`,
    `fib saddr . iif oif ${random.of(['exists', 'missing'])}`,
    `ip saddr . tcp dport { 10.1.0.2 . ${port}, 10.2.0.0/24 . 80-443 }`,
    `ip daddr . th dport @services`,
    `meta l4proto . th dport ${random.of(['', '!='])} { tcp . ${port}, udp . 53 }`,
  ])
}

const nftEnd = (random: Random, level: number): string => {
  const target = chains[level + Math.floor(random.next() * (chains.length - level))]
  const onward = target === undefined ? 'return' : `${random.of(['jump', 'jump', 'goto'])} ${target}`
  const bit = random.of([1, 2, 3])
  return random.of([
    'accept',
    'drop',
    'reject',
    'counter',
    'return',
    onward,
    onward,
    onward,
    `meta mark set ${bit}`,
    `meta mark set mark | 0x${bit}`,
    `ct mark set ${bit}`,
    target === undefined
      ? 'accept'
      : `th dport vmap { ${random.of(ports)} : drop, 1-21 : accept, 10000-20000 : goto ${target}, * : jump ${target} }`,
    'meta mark set th dport map { 80 : 1, 443 : 2, 8080 : 3 }',
  ])
}

/** The headers that a match is about; nft refuses a rule that is about two of the same layer. */
const headersOf = (text: string): { network: string | undefined; transport: string | undefined } => {
  const transport = /\b(l4proto|tcp|udp|icmpv6|icmp|th)\b/.exec(text)?.[1]
  const implied = transport === 'icmp' ? 'ip' : transport === 'icmpv6' ? 'ip6' : undefined
  return { network: implied ?? /\b(nfproto|ip6|ip)\b/.exec(text)?.[1], transport }
}

const fitTogether = (one: string, other: string): boolean => {
  const [a, b] = [headersOf(one), headersOf(other)]
  const agree = (x: string | undefined, y: string | undefined) =>
    x === undefined || y === undefined || x === y
  return agree(a.network, b.network) && agree(a.transport, b.transport)
}

const nftRule = (random: Random, level: number): string => {
  const parts: string[] = [nftEnd(random, level)]
  for (let count = random.of([0, 1, 1, 2]); count > 0; count--) {
    const match = nftMatch(random)
    if (parts.every(part => fitTogether(part, match))) parts.unshift(match)
  }
  return parts.join(' ')
}

const nftRules = (random: Random, level: number, count: number): string =>
  Array.from({ length: count }, () => `    ${nftRule(random, level)}\n`).join('')

/** Two base chains in tables of their own, and user chains that lead only to later ones. */
export const nftRuleset = (random: Random): Made => {
  const table = (name: string, priority: number): string => `table inet ${name} {
  set hosts4 { type ipv4_addr; flags interval; elements = { 10.2.0.0/28, 10.1.0.2, 172.16.0.0/12 } }
  set hosts6 { type ipv6_addr; elements = { fd02::2, fd03::1 } }
  set services { type ipv4_addr . inet_service; flags interval; elements = { 10.2.0.0/24 . 80-1024, 10.1.0.2 . 22 } }
${[...chains.keys()]
  .map(i => `  chain ${chains[i]} {\n${nftRules(random, i + 1, 3)}  }\n`)
  .reverse()
  .join('')}
  chain forward {
    type filter hook forward priority ${priority}; policy ${random.of(['accept', 'drop'])};
${nftRules(random, 0, 6)}  }
}
`
  return {
    program: ['nft', '-f', '-'],
    text: table('one', 0) + (random.chance(0.5) ? table('two', random.of([-5, 10])) : ''),
  }
}

const iptablesMatch = (random: Random): string => {
  const port = random.of(ports)
  return random.of([
    `-i ${random.of(['left0', 'right0', 'lef+', 'eth0'])}`,
    `! -o ${random.of(['left0', 'right0', 'r+'])}`,
    `-s ${random.of(['10.1.0.2', '10.1.0.0/24', '10.0.0.0/8'])}`,
    `! -d ${random.of(['10.2.0.2', '10.1.0.0/16'])}`,
    `-p tcp --dport ${port}`,
    `-p tcp ! --dport ${port}`,
    `-p tcp --dport 50:500 --syn`,
    `-p tcp --tcp-flags SYN,ACK ${random.of(['SYN', 'ACK'])}`,
    `-p udp --dport ${port}:${port + 1000}`,
    `-p icmp --icmp-type ${random.of(['echo-request', 'echo-reply', 'any'])}`,
    `-p tcp -m multiport --dports ${random.some(ports, 3).join(',')}`,
    `-p tcp -m multiport ! --ports 20:60,8000:9000`,
    `-p udp -m multiport --sports 1:1000`,
    `-m conntrack --ctstate ${random.some(['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'DNAT'], 2).join(',')}`,
    `-m conntrack ! --ctstate ${random.of(['NEW', 'ESTABLISHED', 'UNTRACKED,SNAT'])}`,
    `-m conntrack --ctorigsrc 10.1.0.0/24`,
    `-m conntrack --ctdir ${random.of(['ORIGINAL', 'REPLY'])}`,
    `-m state --state ${random.of(['NEW', 'ESTABLISHED,RELATED'])}`,
    `-m conntrack --ctorigdstport ${port}`,
    `-m conntrack --ctproto ${random.of([6, 17])}`,
    `-m mark --mark ${random.of(['0x1', '0x2/0x2', '0x0/0x1'])}`,
    `-m mark ! --mark 0x1/0x3`,
    `-m addrtype --dst-type ${random.of(['LOCAL', 'UNICAST'])}`,
    `-m addrtype ! --src-type LOCAL`,
    `-m iprange ${random.of(['', '! '])}--src-range 10.1.0.1-10.1.0.9`,
    `-m comment --comment "made at random"`,
    `-m length --length ${random.of(['0:30', '36', '60:'])}`,
  ])
}

const iptablesEnd = (random: Random, level: number): string => {
  const target = chains[level + Math.floor(random.next() * (chains.length - level))]
  const onward = target === undefined ? '-j RETURN' : `${random.of(['-j', '-j', '-g'])} ${target}`
  return random.of([
    '-j ACCEPT',
    '-j DROP',
    '-j REJECT --reject-with icmp-admin-prohibited',
    '-j RETURN',
    onward,
    onward,
    onward,
    `-j MARK --set-xmark ${random.of(['0x1', '0x2', '0x1/0x1', '0x2/0x3'])}`,
    `-j MARK --or-mark 0x2`,
    '-j CONNMARK --save-mark',
    '-j CONNMARK --restore-mark',
    '-j LOG',
    '',
  ])
}

/** One table as iptables-restore reads it. */
export const iptablesRuleset = (random: Random): Made => {
  const ruleOf = (chain: string, level: number): string => {
    const matches = Array.from({ length: random.of([0, 1, 1, 2]) }, () => iptablesMatch(random))
    // A protocol, an interface and an address can be given once only, and a multiport needs its own.
    const kindOf = (text: string) =>
      /^(?:! )?-[ipsod]\b/.exec(text)?.[0].slice(-1) ?? /^-m \w+/.exec(text)?.[0] ?? text
    const distinct = [...new Map(matches.map(text => [kindOf(text), text])).values()]
    return `-A ${chain} ${[...distinct, iptablesEnd(random, level)].join(' ')}\n`
  }
  const rules = (chain: string, level: number, count: number): string =>
    Array.from({ length: count }, () => ruleOf(chain, level)).join('')
  const text = `*filter
:FORWARD ${random.of(['ACCEPT', 'DROP'])} [0:0]
${chains.map(chain => `:${chain} - [0:0]\n`).join('')}${rules('FORWARD', 0, 6)}${chains
  .map((chain, i) => rules(chain, i + 1, 3))
  .join('')}COMMIT
`
  return { program: ['iptables-nft-restore'], text }
}
