/** What is predicted of a flow by rules, routes and settings alone, against what happens to it. */
import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { type Case, type PredictedRun, predictedOnNewHost, rules } from '../support/predicted-trace.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const test = requireTool('ip', 'nft')
const withIptables = requireTool('ip', 'nft', 'iptables-nft')

const space = 'ip netns exec myspace'
const target = '192.168.1.15'

/** A chain of somebody else at a hook. */
const chainAt = (hook: string, priority: string, rule: string, policy = 'accept'): string =>
  `chain guilty { type filter hook ${hook} priority ${priority}; policy ${policy}; ${rule}; }`

/** A table of routes for packets with the mark 7, where nothing leads on. */
const withTable = ({ set = '', undo = '' }: Pick<Case, 'set' | 'undo'>): Pick<Case, 'set' | 'undo'> => ({
  set: `${set}\nip rule add fwmark 7 table 77; ip route add blackhole default table 77`,
  undo: `${undo}\nip rule del fwmark 7; ip route flush table 77`,
})

/** Runs cases, and holds that each was predicted as it happened. */
const agreeing = (cases: readonly Case[], options = ''): PredictedRun[] => {
  const runs = predictedOnNewHost(cases, options)
  const told = runs.map(({ end }, index) => ({
    name: cases[index]?.name,
    agrees: end.agrees,
    differences: end.differences,
  }))
  expect(told).toEqual(cases.map(({ name }) => ({ name, agrees: true, differences: [] })))
  return runs
}

/** That the observed end is a drop at the chain that was predicted, in the same words. */
const expectGuilt = (runs: readonly PredictedRun[], cases: readonly Case[]): void => {
  for (const [index, { end, status }] of runs.entries()) {
    const name = cases[index]?.name
    expect({ name, status, outcome: end.outcome }).toEqual({ name, status: 3, outcome: 'dropped' })
    expect({ name, at: end.predicted.at }).toMatchObject({ name, at: { chain: end.at.chain } })
    // The rule stands in both reasons, in the same words.
    const guilty = /by (the (?:rule|policy) .*)$/s.exec(end.reason)?.[1] ?? 'none'
    expect(end.predicted.reason).toContain(guilty)
  }
}

describe('a flow that passes', () => {
  test('is predicted in every step, with the addresses of each point', () => {
    const runs = agreeing([
      { name: 'echo', to: `${target} --source-port 29610` },
      { name: 'refused connection', to: `${target}:81` },
      { name: 'refused datagram', to: `${target}:53/udp` },
      { name: 'the host itself', to: '192.168.45.2' },
      { name: 'a port of the host', to: '192.168.45.2:53' },
      { name: 'the space itself', to: '127.0.0.1' },
    ])
    const [echo] = runs
    expect(echo?.end.predicted).toMatchObject({ outcome: 'delivered', unseen: expect.any(Array) })
    for (const [index, point] of (echo?.end.points ?? []).entries()) {
      const predicted = echo?.end.predicted.points[index]
      for (const packet of ['request', 'reply'] as const)
        expect(predicted?.[packet]).toMatchObject({
          source: point[packet]?.source,
          destination: point[packet]?.destination,
          icmpId: point[packet]?.icmpId,
        })
    }
    expect(echo?.events.some(event => 'source' in event && event.source === 'predicted')).toBe(true)
    const connection = runs[1]
    expect(connection?.end.predicted.notes).toContain('source port outside: chosen at the time')
    expect(connection?.end.predicted.points[2]?.request).not.toHaveProperty('sourcePort')
  })

  test('of IPv6 too', () => {
    const [run] = predictedOnNewHost(
      [
        {
          name: 'echo',
          set: `ip -6 address add fd99::1/64 dev eth0 nodad; ip -n host2 -6 address add fd99::2/64 dev eth0 nodad
          natspace up -q myspace $article --ipv6 on
          for n in $(seq 100); do ping -q -c 1 -W 1 fd99::2 >/dev/null && break; sleep 0.05; done`,
          to: 'fd99::2 --source-port 4242',
        },
      ],
      '--ipv6 on',
    )
    expect(run?.end).toMatchObject({ outcome: 'answered', agrees: true })
    expect(run?.end.predicted.points[2]?.request).toMatchObject({ source: 'fd99::1', icmpId: 4242 })
  })

  test('through rules that translate, mark and rewrite', () => {
    const nat = (hook: string, priority: string, rule: string) =>
      rules(`chain own { type nat hook ${hook} priority ${priority}; ${rule}; }`)
    agreeing([
      {
        name: 'another source',
        ...nat('postrouting', 'srcnat', 'oifname eth0 snat ip to 192.168.1.32'),
        to: target,
      },
      {
        name: 'one address for one, by a map of prefixes',
        ...nat(
          'postrouting',
          'srcnat',
          'snat ip prefix to ip saddr map { 192.168.45.0/24 : 192.168.7.0/24 }',
        ),
        to: target,
      },
      {
        name: 'another destination',
        ...nat('prerouting', 'dstnat', `ip daddr 198.51.100.7 dnat ip to ${target}`),
        to: '198.51.100.7',
      },
      {
        name: 'another port',
        ...nat('prerouting', 'dstnat', `tcp dport 4000-4010 dnat ip to ${target}:80`),
        to: '198.51.100.7:4005',
      },
      {
        name: 'a map of destinations',
        ...nat('prerouting', 'dstnat', `dnat ip to tcp dport map { 7 : ${target}, 8 : 192.168.1.77 }`),
        to: '198.51.100.7:7',
      },
      {
        name: 'the host instead',
        ...nat('prerouting', 'dstnat', 'ip daddr 198.51.100.7 redirect'),
        to: '198.51.100.7',
      },
      {
        name: 'marks, TTL and DSCP',
        ...rules(`chain early { type filter hook prerouting priority mangle; meta mark set 7; ip ttl set 12; ip dscp set 46; }
          chain late { type filter hook forward priority filter; meta mark != 7 drop; ip dscp != 46 drop; ip ttl != 11 drop; }`),
        to: `${target}:81`,
      },
    ])
  })
})

describe('a drop is predicted at the guilty rule', () => {
  const hooks: [string, string][] = [
    ['prerouting', 'raw'],
    ['prerouting', 'mangle'],
    ['forward', 'filter + 10'],
    ['postrouting', 'mangle'],
    ['postrouting', 'srcnat + 200'],
  ]

  test('of each hook of the host, there and back', () => {
    const cases = hooks.flatMap(([hook, priority]): Case[] => [
      {
        name: `request ${hook} ${priority}`,
        ...rules(chainAt(hook, priority, `ip daddr ${target} udp dport 53 drop`)),
        to: `${target}:53/udp`,
      },
      {
        name: `reply ${hook} ${priority}`,
        ...rules(chainAt(hook, priority, 'icmp type echo-reply drop')),
        to: target,
      },
    ])
    expectGuilt(agreeing(cases), cases)
  })

  test('of each hook of the space, there and back', () => {
    const cases = [
      ['output', 'request', 'icmp type echo-request drop'],
      ['postrouting', 'request', 'icmp type echo-request drop'],
      ['prerouting', 'reply', 'icmp type echo-reply drop'],
      ['input', 'reply', 'icmp type echo-reply drop'],
    ].map(
      ([hook = '', packet, rule = '']): Case => ({
        name: `${packet} ${hook}`,
        ...rules(chainAt(hook, 'filter', rule), space),
        to: target,
      }),
    )
    const runs = agreeing(cases)
    expectGuilt(runs, cases)
    expect(runs.map(({ end }) => end.predicted.at.packet)).toEqual(['request', 'request', 'reply', 'reply'])
  })

  test('by policies, refusals, sets and marks of connections', () => {
    const cases: Case[] = [
      {
        name: 'forward policy',
        ...rules(chainAt('forward', 'filter', 'tcp dport 22 accept', 'drop')),
        to: target,
      },
      {
        name: 'input policy',
        ...rules(chainAt('input', 'filter', 'tcp dport 22 accept', 'drop')),
        to: '192.168.45.2',
      },
      {
        name: 'a refusal',
        ...rules(chainAt('forward', 'filter', 'tcp dport 81 reject with tcp reset')),
        to: `${target}:81`,
      },
      {
        name: 'a set',
        ...rules(`set bad { type ipv4_addr . inet_service; elements = { ${target} . 81 }; }
          ${chainAt('forward', 'filter', 'ip daddr . tcp dport @bad drop')}`),
        to: `${target}:81`,
      },
      {
        name: 'a mark of the connection',
        ...rules(`chain first { type filter hook prerouting priority mangle; ct mark set 9; }
          ${chainAt('forward', 'filter', 'ct direction reply ct mark 9 drop')}`),
        to: target,
      },
      {
        name: 'a look-up of the way back',
        set: `${rules(chainAt('prerouting', 'mangle', 'iifname "veth1" fib saddr . iif oif 0 drop')).set}
          echo 0 >/proc/sys/net/ipv4/conf/veth1/rp_filter; ip route add 192.168.45.3/32 dev eth0`,
        to: target,
        undo: `nft delete table inet mine; ip route del 192.168.45.3/32; echo 1 >/proc/sys/net/ipv4/conf/veth1/rp_filter`,
      },
      {
        name: 'a verdict map and a jump',
        ...rules(`chain no { ip daddr ${target} drop; }
          ${chainAt('forward', 'filter', 'iifname vmap { "veth1" : jump no }')}`),
        to: target,
      },
    ]
    expectGuilt(agreeing(cases), cases)
  })

  withIptables('of iptables, that says what it asks', () => {
    const [added, policy] = [
      'FORWARD -o eth0 -p tcp -m conntrack --ctstate NEW -m multiport --dports 80,81 -j DROP',
      'FORWARD',
    ]
    const cases: Case[] = [
      { name: 'rule', set: `iptables-nft -A ${added}`, to: `${target}:81`, undo: `iptables-nft -D ${added}` },
      {
        name: 'policy',
        set: `iptables-nft -P ${policy} DROP`,
        to: target,
        undo: `iptables-nft -P ${policy} ACCEPT`,
      },
    ]
    expectGuilt(agreeing(cases), cases)
  })

  test('of the policy of the space: a list, no outside, the metadata service', () => {
    const listed: Case[] = [
      { name: 'egress', to: '192.168.1.9:80' },
      { name: 'metadata', to: '169.254.169.254:80' },
    ]
    const runs = agreeing(listed, '--egress 192.168.1.15')
    expectGuilt(runs, listed)
    expect(runs[0]?.end.predicted.evidence).toEqual([
      'the destination is not on the list of where the space may connect to (--egress of natspace up)',
    ])
    const internal = `natspace down -q myspace; natspace up -q myspace --gateway 192.168.45.2/24 --address 192.168.45.3 --host-interface veth1 --interface veth2 --internal`
    const [inside] = agreeing([{ name: 'internal', set: internal, to: target }])
    expect(inside?.end.predicted).toMatchObject({ outcome: 'dropped', at: { point: 'inside' } })
  })
})

describe('what stops a packet beside rules', () => {
  test('routes that forbid or are missing, in the host and in the space', () => {
    const kinds = ['blackhole', 'prohibit', 'unreachable'].flatMap((kind): Case[] => [
      {
        name: `${kind} in the host`,
        set: `ip route add ${kind} 203.0.113.0/24`,
        to: '203.0.113.7',
        undo: 'ip route del 203.0.113.0/24',
      },
      {
        name: `${kind} in the space`,
        set: `ip -n myspace route add ${kind} 203.0.113.0/24`,
        to: '203.0.113.7',
        undo: `ip -n myspace route del ${kind} 203.0.113.0/24`,
      },
    ])
    const runs = agreeing([
      ...kinds,
      { name: 'none in the host', set: 'ip route del default', to: '203.0.113.7' },
      { name: 'none in the space', set: 'ip -n myspace route del default', to: target },
    ])
    for (const { end } of runs)
      expect(end.predicted).toMatchObject({ outcome: 'dropped', at: { hook: 'routing' } })
    expect(runs[0]?.end.predicted.reason).toBe(
      'the route 203.0.113.0/24 is of the kind blackhole (table 254), in this host',
    )
    expect(runs.at(-1)?.end.predicted.reason).toBe(runs.at(-1)?.end.reason as string)
  })

  test('settings: forwarding, the reverse path filter, a TTL that runs out', () => {
    const runs = agreeing([
      {
        name: 'forwarding of all',
        set: 'echo 0 >/proc/sys/net/ipv4/ip_forward',
        to: target,
        undo: 'echo 1 >/proc/sys/net/ipv4/ip_forward',
      },
      {
        name: 'forwarding of the cable',
        set: 'echo 0 >/proc/sys/net/ipv4/conf/veth1/forwarding',
        to: target,
        undo: 'echo 1 >/proc/sys/net/ipv4/conf/veth1/forwarding',
      },
      {
        name: 'reverse path',
        set: 'ip route add 192.168.45.3/32 dev eth0',
        to: target,
        undo: 'ip route del 192.168.45.3/32',
      },
      {
        name: 'a table for a mark',
        ...withTable(
          rules(
            'chain marking { type filter hook prerouting priority mangle; icmp type echo-request meta mark set 7; }',
          ),
        ),
        to: target,
      },
      {
        name: 'TTL',
        ...rules(
          'chain short { type filter hook prerouting priority mangle; ip daddr 192.168.1.15 ip ttl set 1; }',
        ),
        to: target,
      },
    ])
    expect(runs.map(({ end }) => end.predicted.reason)).toEqual([
      'this host does not forward what comes in by veth1: net.ipv4.ip_forward is 0',
      'this host does not forward what comes in by veth1: net.ipv4.conf.veth1.forwarding is 0',
      'the reverse path filter of veth1 stops it: answers to its source would go another way',
      'the route 0.0.0.0/0 is of the kind blackhole (table 77), in this host',
      'its TTL has run out, so it is not passed on',
    ])
  })

  test('links that are down, a packet that is too long', () => {
    const runs = agreeing([
      {
        name: 'no carrier',
        set: 'ip -n host2 link set eth0 down',
        to: target,
        undo: 'ip -n host2 link set eth0 up',
      },
      {
        name: 'too long',
        set: 'ip link set eth0 mtu 80',
        to: target,
        undo: 'ip link set eth0 mtu 1500; ip route replace default via 192.168.1.1',
      },
      { name: 'cable down', set: 'ip link set veth1 down', to: target },
    ])
    expect(runs.map(({ end }) => end.predicted.reason)).toEqual([
      'eth0 has no carrier, so nothing leaves by it',
      'its 84 bytes do not fit into eth0 (MTU 80), and it must not be split',
      'veth2 has no carrier, so nothing leaves by it',
    ])
  })
})

describe('what cannot be evaluated', () => {
  test('is said with the rule, its part, and both ways that it may go', () => {
    const unsure = [
      ['limit rate 1/hour', 'icmp type echo-request limit rate 1/hour drop'],
      ['quota', 'quota over 1 kbytes drop'],
      ['numgen', 'numgen random mod 3 0 drop'],
      ['jhash', 'jhash ip saddr mod 5 1 drop'],
      ['random', 'meta random 7 drop'],
      ['hour', 'meta hour "00:00"-"00:01" drop'],
      ['ct count', 'ct count over 1000 drop'],
    ] as const
    const cases = unsure.map(
      ([name, rule]): Case => ({
        name,
        ...rules(chainAt('forward', 'filter', rule)),
        to: target,
      }),
    )
    const runs = predictedOnNewHost(cases)
    for (const [index, { end }] of runs.entries()) {
      const [name] = unsure[index] ?? []
      expect({ name, outcome: end.predicted.outcome, agrees: end.agrees }).toEqual({
        name,
        outcome: 'unknown',
        agrees: null,
      })
      const [doubt] = end.predicted.doubts
      expect(doubt).toMatchObject({ chain: 'inet mine guilty', rule: expect.stringContaining('drop') })
      expect(doubt?.expression).toContain(name?.split(' ')[0] as string)
      expect(doubt?.ifApplies).toStartWith('dropped: ')
      expect(doubt?.ifNot).toStartWith('delivered: ')
    }
  })

  test('does not matter where every way leads to the same end', () => {
    const runs = agreeing([
      {
        name: 'both accept',
        ...rules(chainAt('forward', 'filter', 'limit rate 1/second counter accept')),
        to: target,
      },
      {
        name: 'both drop',
        ...rules(chainAt('forward', 'filter', 'numgen random mod 2 0 drop; drop')),
        to: target,
      },
    ])
    expect(runs.map(({ end }) => end.predicted.outcome)).toEqual(['delivered', 'dropped'])
  })

  test('may be where it is led to', () => {
    const [run] = predictedOnNewHost([
      {
        name: 'destination',
        ...rules(
          `chain own { type nat hook prerouting priority dstnat; ip daddr 198.51.100.7 dnat ip to numgen random mod 2 map { 0 : ${target}, 1 : 192.168.1.77 }; }`,
        ),
        to: '198.51.100.7',
      },
    ])
    expect(run?.end.predicted).toMatchObject({
      outcome: 'unknown',
      doubts: [{ rule: expect.stringContaining('numgen') }],
    })
  })

  withIptables('of iptables names the match', () => {
    const rule = 'FORWARD -m statistic --mode random --probability 0.5 -j DROP'
    const [run] = predictedOnNewHost([
      { name: 'statistic', set: `iptables-nft -A ${rule}`, to: target, undo: `iptables-nft -D ${rule}` },
    ])
    expect(run?.end.predicted).toMatchObject({
      outcome: 'unknown',
      doubts: [{ chain: 'ip filter FORWARD', expression: expect.stringContaining('statistic') }],
    })
  })
})

describe('a prediction alone', () => {
  test('sends nothing, and says what nobody knows', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      before=$(grep veth1: /proc/net/dev)
      NO_COLOR=1 natspace trace myspace --to ${target}:80 --dry-run
      status=0; natspace trace myspace --to 169.254.169.254:80 --dry-run >/dev/null || status=$?; echo "status $status"
      [ "$before" = "$(grep veth1: /proc/net/dev)" ] && echo silent
      nft list tables | grep -c natspace-trace || true`)
    expect(output).toContain('nothing is sent')
    expect(output).toMatch(
      /^eth0 +uplink +192\.168\.1\.32\*:\? > 192\.168\.1\.15:80 SYN +192\.168\.1\.15:80 > 192\.168\.1\.32:\? SYN ACK$/m,
    )
    expect(output).toContain('delivered: it would leave by eth0 as 192.168.1.32')
    expect(output).toEndWith('status 3\nsilent\n0\n')
  })

  test('ends with 4 where it cannot be told', () => {
    const { set } = rules(chainAt('forward', 'filter', 'limit rate 1/hour drop'))
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      ${set}
      status=0; NO_COLOR=1 natspace trace myspace --to ${target} --dry-run || status=$?; echo "status $status"`)
    expect(output).toContain('  not known: limit rate 1/hour')
    expect(output).toContain('  if not: delivered: it would leave by eth0 as 192.168.1.32')
    expect(output).toEndWith('status 4\n')
  })
})
