/** Cases in which `natspace trace` once disagreed with tcpdump, nft or conntrack, each as small as it can be. */
import { describe, expect } from 'bun:test'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'
import { pointsOf, type TraceRun, tracesOnNewHost } from '../support/trace.ts'

requireSandbox()

const test = requireTool('ip', 'nft', 'nc')

const only = (script: string): TraceRun => {
  const [run, ...more] = tracesOnNewHost(script)
  if (run === undefined || more.length > 0) throw new Error(`expected one trace, and got ${more.length + 1}`)
  return run
}

/** What became different, in order: where, and the fields. */
const changesOf = ({ events }: TraceRun, packet: 'request' | 'reply'): string[] =>
  events.flatMap(({ packet: own, hook, kind, chain, before, after }) =>
    own === packet && before !== null && !('ttl' in before)
      ? [`${hook} ${chain ?? kind}: ${JSON.stringify(before)} ${JSON.stringify(after)}`]
      : [],
  )

const table = (text: string, where = ''): string => `${where} nft -f - <<'END'\n${text}\nEND\n`
const inside = 'ip netns exec myspace'

describe('points', () => {
  test('a link with an egress chain of somebody shows what leaves by it', () => {
    const run = only(`
      ${table('table netdev x { chain out { type filter hook egress device "eth0" priority 0; }; }')}
      ${table('table netdev y { chain out { type filter hook egress device "veth1" priority 0; }; }')}
      trace --to 192.168.1.15 --source-port 7`)
    expect(pointsOf(run, 'request')[2]).toBe('uplink eth0: 192.168.1.32 > 192.168.1.15, id 7')
    expect(pointsOf(run, 'reply')[1]).toBe('cable veth1: 192.168.1.15 > 192.168.45.3, id 7')
  })

  test('an egress chain that drops is named, with the link that the packet was leaving by', () => {
    const { end } = only(`
      ${table('table netdev x { chain out { type filter hook egress device "eth0" priority 0; icmp type echo-request drop; }; }')}
      trace --to 192.168.1.15 --timeout 0.3`)
    expect(end).toMatchObject({
      outcome: 'dropped',
      at: { packet: 'request', hook: 'egress', chain: 'netdev x out', interface: 'eth0' },
    })
    expect(end.points[2]?.request).toBeNull()
  })

  test('a packet that waits for the next hop’s address has not come to the link', () => {
    const run = only('trace --to 192.168.1.77 --timeout 0.3')
    expect(run.end.outcome).toBe('lost')
    expect(pointsOf(run, 'request').map(line => line.split(': ')[1])).toEqual([
      expect.stringContaining('192.168.45.3 > 192.168.1.77'),
      expect.stringContaining('192.168.45.3 > 192.168.1.77'),
      '-',
    ])
  })

  test('what a space sends to itself goes by its loopback', () => {
    const run = only('trace --to 192.168.45.3 --source-port 7')
    expect(run.end.outcome).toBe('answered')
    expect(pointsOf(run, 'request')[0]).toBe('inside lo: 192.168.45.3 > 192.168.45.3, id 7')
  })
})

describe('the order of events', () => {
  test('an answer is translated back behind the chains that still saw it untranslated', () => {
    const run = only(`
      ${table('table ip x { chain before { type filter hook prerouting priority -150; ip daddr 192.168.1.32 icmp type echo-reply counter; }; chain behind { type filter hook prerouting priority -50; ip daddr 192.168.45.3 counter; }; }')}
      trace --to 192.168.1.15`)
    const order = run.events
      .filter(
        ({ packet, hook, interface: link }) => packet === 'reply' && hook === 'prerouting' && link === 'eth0',
      )
      .flatMap(({ kind, chain, rule, before }) =>
        kind === 'chain'
          ? chain?.startsWith('ip x')
            ? [`${chain}: ${rule}`]
            : []
          : before === null
            ? []
            : ['translated'],
      )
    expect(order).toEqual([
      'ip x before: ip daddr 192.168.1.32 icmp type echo-reply',
      'translated',
      'ip x behind: ip daddr 192.168.45.3',
    ])
  })
})

describe('answers', () => {
  test('a reset that a rule of the space drops has refused nothing', () => {
    const { status, end } = only(`
      ${table('table ip x { chain input { type filter hook input priority 0; tcp flags & rst == rst drop; }; }', inside)}
      trace --to 192.168.1.15:81 --timeout 0.3`)
    expect(status).toBe(3)
    expect(end).toMatchObject({
      outcome: 'dropped',
      refused: false,
      at: { packet: 'reply', point: 'inside', chain: 'ip x input' },
    })
  })

  test('an error of ICMP about another flow is no answer', () => {
    // The kernel gives up behind its third question for the address, and then tells all who wait for it.
    const { end, events } = only(`
      sysctl -qw net.ipv4.neigh.eth0.retrans_time_ms=300
      ${table('table ip x { chain input { type filter hook input priority 0; udp dport 54 drop; }; }', 'ip netns exec host2')}
      ${inside} sh -c 'echo | timeout 3 nc -u 192.168.1.77 54' >/dev/null 2>&1 &
      for n in $(seq 100); do ip neighbour show 192.168.1.77 | grep -q INCOMPLETE && break; sleep 0.01; done
      trace --to 192.168.1.15:54/udp --timeout 1.5
      ip neighbour show 192.168.1.77 | grep -q FAILED
      kill $!`)
    expect(end).toMatchObject({ outcome: 'delivered', refused: false })
    expect(events.filter(({ packet }) => packet === 'reply')).toEqual([])
  })
})

describe('a space that translates by rules of its own', () => {
  test('is followed through the host: its source', () => {
    const run = only(`
      ${table('table ip x { chain out { type nat hook postrouting priority 100; tcp dport 81 masquerade to :31000-31009; }; }', inside)}
      trace --to 192.168.1.15:81`)
    expect(run.end).toMatchObject({ outcome: 'answered', refused: true })
    expect(run.end.points.every(({ request, reply }) => request !== null && reply !== null)).toBe(true)
    expect(run.end.connection).not.toBeNull()
    expect(changesOf(run, 'request')[0]).toMatch(/^postrouting ip x out: .*"sourcePort":310/)
  })

  test('and its destination', () => {
    const run = only(`
      ${table('table ip x { chain out { type nat hook output priority -100; ip daddr 10.99.0.1 dnat to 192.168.1.15; }; }', inside)}
      trace --to 10.99.0.1
      `)
    expect(run.end.outcome).toBe('answered')
    expect(pointsOf(run, 'request').map(line => line.replace(/.* > |, id \d+/g, ''))).toEqual([
      '192.168.1.15',
      '192.168.1.15',
      '192.168.1.15',
    ])
    const routes = run.events.filter(({ packet, hook }) => packet === 'request' && hook === 'routing')
    // The first decision is about what the program asked for.
    expect(routes.map(({ rule }) => rule)).toEqual([
      'default via 192.168.45.2 dev veth2 (table main)',
      '192.168.1.0/24 dev eth0 (table main)',
    ])
  })
})

describe('routing by marks', () => {
  test('asks with the mark that rules gave to the packet', () => {
    const [stopped, elsewhere] = tracesOnNewHost(`
      ip route add unreachable default table 78; ip rule add fwmark 0x2 lookup 78 priority 55
      ${table('table ip x { chain before { type filter hook prerouting priority -150; icmp type echo-request meta mark set 2; }; }')}
      trace --to 192.168.1.15 --timeout 0.5
      ip route replace default via 192.168.1.15 dev eth0 table 78
      trace --to 192.168.1.15`)
    expect(stopped?.end).toMatchObject({ outcome: 'dropped', at: { packet: 'request', hook: 'routing' } })
    expect(stopped?.end.reason).toContain('of the kind unreachable (table 78)')
    const routes = elsewhere?.events.filter(
      ({ packet, hook, point }) => packet === 'request' && hook === 'routing' && point === 'cable',
    )
    expect(routes?.map(({ rule }) => rule)).toEqual(['default via 192.168.1.15 dev eth0 (table 78)'])
  })

  test('names the rule that forbids, and no route of a table that no rule leads to', () => {
    const [ruled, none] = tracesOnNewHost(`
      ip route add prohibit default table 78; ip rule add fwmark 0x2 lookup 78 priority 55
      ip rule add to 203.0.113.7 blackhole priority 60
      trace --to 203.0.113.7 --timeout 0.5
      ip rule del priority 60; ip route del default
      trace --to 203.0.113.7 --timeout 0.5`)
    expect([ruled, none].map(run => [run?.end.outcome, run?.end.at.hook, run?.end.reason])).toEqual([
      [
        'dropped',
        'routing',
        'the rule of policy routing with priority 60 is of the kind blackhole: no route leads to 203.0.113.7, in this host',
      ],
      ['dropped', 'routing', 'no route leads to 203.0.113.7 (ENETUNREACH), in this host'],
    ])
  })
})
