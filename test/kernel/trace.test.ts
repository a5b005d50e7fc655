/** `natspace trace` as people call it, on the article's host and with everything that can be wrong there. */
import { describe, expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { expectOnNewHost } from '../support/host.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'
import { pointsOf, type TraceRun, tracesOnNewHost } from '../support/trace.ts'

requireSandbox()

const test = requireTool('ip', 'nft')

const capturing = requireTool('ip', 'nft', 'tcpdump')
/** As user 0 tcpdump(8) gives up its groups, also to become user 0. */
const captured: typeof capturing =
  readFileSync('/proc/self/setgroups', 'utf8').trim() === 'deny'
    ? name =>
        void process.stderr.write(
          `without the test '${name}': tcpdump does not start in this user namespace\n`,
        )
    : capturing

const only = (script: string, options?: string): TraceRun => {
  const [run, ...more] = tracesOnNewHost(script, options)
  if (run === undefined || more.length > 0) throw new Error(`expected one trace, and got ${more.length + 1}`)
  return run
}

describe('an echo', () => {
  captured("shows the article's captures at three points, as tcpdump sees them", () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      for link in veth1 eth0; do tcpdump -lni $link -c 2 icmp >/run/$link 2>/run/$link.err & done
      for link in veth1 eth0; do for n in $(seq 200); do grep -q listening /run/$link.err && break; sleep 0.01; done; done
      NO_COLOR=1 natspace trace myspace --to 192.168.1.15 --source-port 29610
      wait
      sed 's/^/veth1 /' /run/veth1; sed 's/^/eth0 /' /run/eth0`)
    const rows = output.split('\n').filter(line => /^(veth2|veth1|eth0) +(in|its|uplink)/.test(line))
    expect(rows.map(row => row.split(/ {2,}/))).toEqual([
      [
        'veth2',
        'in the space',
        '192.168.45.3 > 192.168.1.15, id 29610',
        '192.168.1.15 > 192.168.45.3, id 29610',
      ],
      [
        'veth1',
        'its cable',
        '192.168.45.3 > 192.168.1.15, id 29610',
        '192.168.1.15 > 192.168.45.3*, id 29610',
      ],
      ['eth0', 'uplink', '192.168.1.32* > 192.168.1.15, id 29610', '192.168.1.15 > 192.168.1.32, id 29610'],
    ])
    expect(output).toContain('source 192.168.45.3 → 192.168.1.32')
    expect(output).toContain('destination 192.168.1.32 → 192.168.45.3')
    expect(output).toMatch(/^answered: 192\.168\.1\.15 answered the echo after [\d.]+ ms$/m)
    const dumped = output.match(/^(veth1|eth0) \S+ IP \S+ > \S+: ICMP echo \w+, id \d+/gm) ?? []
    expect(dumped.map(line => line.replace(/ \S+ IP /, ' ').replace(': ICMP echo', '')).toSorted()).toEqual([
      'eth0 192.168.1.15 > 192.168.1.32 reply, id 29610',
      'eth0 192.168.1.32 > 192.168.1.15 request, id 29610',
      'veth1 192.168.1.15 > 192.168.45.3 reply, id 29610',
      'veth1 192.168.45.3 > 192.168.1.15 request, id 29610',
    ])
  })

  test('is seen at three points with the addresses that it has there', () => {
    const run = only('trace --to 192.168.1.15 --source-port 29610')
    expect(pointsOf(run, 'request')).toEqual([
      'inside veth2: 192.168.45.3 > 192.168.1.15, id 29610',
      'cable veth1: 192.168.45.3 > 192.168.1.15, id 29610',
      'uplink eth0: 192.168.1.32 > 192.168.1.15, id 29610',
    ])
    expect(pointsOf(run, 'reply')).toEqual([
      'inside veth2: 192.168.1.15 > 192.168.45.3, id 29610',
      'cable veth1: 192.168.1.15 > 192.168.45.3, id 29610',
      'uplink eth0: 192.168.1.15 > 192.168.1.32, id 29610',
    ])
  })

  test('is told in the order of the kernel, with rules, routes and both tuples', () => {
    const { status, events, end } = only('trace --to 192.168.1.15')
    expect(status).toBe(0)
    expect(end).toMatchObject({ outcome: 'answered', refused: false, notes: [] })
    const steps = events
      .filter(event => event.kind !== 'chain' || event.before !== null)
      .map(({ packet, interface: link, hook, kind, chain, before, after }) =>
        [packet, link, hook, chain ?? kind, JSON.stringify(before), JSON.stringify(after)].join(' '),
      )
    expect(steps).toEqual([
      'request veth2 routing routing null null',
      ...(events.some(({ rule }) => rule === 'a new connection')
        ? ['request veth1 prerouting conntrack null null']
        : []),
      'request veth1 routing routing {"ttl":64} {"ttl":63}',
      'request eth0 postrouting inet natspace postrouting {"source":"192.168.45.3"} {"source":"192.168.1.32"}',
      'reply eth0 prerouting conntrack {"destination":"192.168.1.32"} {"destination":"192.168.45.3"}',
      'reply eth0 routing routing {"ttl":64} {"ttl":63}',
      'reply veth2 routing routing null null',
    ])
    expect(events.filter(({ hook }) => hook === 'routing').map(({ rule }) => rule)).toEqual([
      'default via 192.168.45.2 dev veth2 (table main)',
      '192.168.1.0/24 dev eth0 (table main)',
      '192.168.45.0/24 dev veth1 (table main)',
      'local 192.168.45.3/32 (table local)',
    ])
    const translating = events.find(({ hook, before }) => hook === 'postrouting' && before !== null)
    expect(translating).toMatchObject({ rule: 'masquerade', owner: 'natspace', stage: 'srcnat + 10' })
    expect(end.connection?.reply).toMatchObject({ source: '192.168.1.15', destination: '192.168.1.32' })
    for (const { time } of events) expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(60)
  })

  test('of IPv6 is followed too', () => {
    const run = only(
      `ip -6 address add fd99::1/64 dev eth0 nodad; ip -n host2 -6 address add fd99::2/64 dev eth0 nodad
      natspace up -q myspace $article --ipv6 on
      for n in $(seq 100); do ping -q -c 1 -W 1 fd99::2 >/dev/null && break; sleep 0.05; done
      trace --to fd99::2 --source-port 4242`,
      '--ipv6 on',
    )
    expect(run.status).toBe(0)
    const [inside, , uplink] = pointsOf(run, 'request')
    expect(inside).toMatch(/^inside veth2: fd[0-9a-f:]+ > fd99::2, id 4242$/)
    expect(uplink).toBe('uplink eth0: fd99::1 > fd99::2, id 4242')
    expect(pointsOf(run, 'reply')[2]).toBe('uplink eth0: fd99::2 > fd99::1, id 4242')
    expect(run.end.outcome).toBe('answered')
  })

  test('to the host itself comes to no uplink', () => {
    const run = only('trace --to 192.168.45.2')
    expect(run.end).toMatchObject({ outcome: 'answered' })
    expect(run.events.some(({ hook, chain }) => hook === 'input' && chain === 'inet natspace input')).toBe(
      true,
    )
  })
})

describe('rules of others', () => {
  test('that change a packet are named with what they changed, though the kernel shows it later', () => {
    const { events, end } = only(`
      nft -f - <<'END'
      table inet mine { chain before { type filter hook prerouting priority -300; meta mark set 7; ip ttl set 12; }; }
END
      trace --to 192.168.1.15`)
    expect(end.outcome).toBe('answered')
    const changing = events.filter(({ packet, chain, before }) => packet === 'request' && chain && before)
    expect(changing.map(({ chain, before, after }) => [chain, before, after])).toEqual([
      ['inet mine before', { ttl: 64, mark: 0 }, { ttl: 12, mark: 7 }],
      ['inet natspace postrouting', { source: '192.168.45.3' }, { source: '192.168.1.32' }],
    ])
  })
})

describe('a TCP connection', () => {
  const served = requireTool('ip', 'nft', 'nc')

  served('that is accepted, and one that a reset refuses', () => {
    const [accepted, refused] = tracesOnNewHost(`
      echo answer | ip netns exec host2 timeout 5 nc -lN 80 >/dev/null 2>&1 &
      for n in $(seq 200); do ip netns exec host2 ss -Hltn | grep -q :80 && break; sleep 0.01; done
      trace --to 192.168.1.15:80
      trace --to 192.168.1.15:81`)
    expect(accepted).toMatchObject({ status: 0, end: { outcome: 'answered', refused: false } })
    const reason = '192.168.1.15 accepted the connection to port 80'
    expect(accepted?.end.reason).toStartWith(reason)
    expect(refused).toMatchObject({ status: 0, end: { outcome: 'answered', refused: true } })
    expect(refused?.end.reason).toStartWith('192.168.1.15 refused the connection by a reset (RST)')
  })

  test('leaves nothing of itself in the space', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      natspace trace -q myspace --to 192.168.1.15:81 >/dev/null
      ip netns exec myspace ss -Htan | wc -l`)
    expect(output.trim()).toBe('0')
  })
})

describe('a connection of which both ends are translated', () => {
  const served = requireTool('ip', 'nft', 'nc')
  const serve = (name: string) => `
      echo answer | ip netns exec ${name} timeout 5 nc -lN 80 >/dev/null 2>&1 &
      for n in $(seq 200); do ip netns exec ${name} ss -Hltn | grep -q :80 && break; sleep 0.01; done`

  served('as when a space asks for a port that it publishes itself, is followed there and back', () => {
    const run = only(`${serve('myspace')}
      trace --to 192.168.1.32:8080`)
    expect(run).toMatchObject({ status: 0, end: { outcome: 'answered', notes: [] } })
    const { original, reply } = run.end.connection ?? {}
    expect([original?.source, original?.destination]).toEqual(['192.168.45.3', '192.168.1.32'])
    expect([reply?.source, reply?.destination]).toEqual(['192.168.45.3', '192.168.45.2'])
    const ways = ['request', 'reply'].map(packet =>
      pointsOf(run, packet as 'request' | 'reply').map(text => text.replace(/, id.*/, '')),
    )
    expect(ways).toEqual([
      [
        'inside veth2: 192.168.45.3 > 192.168.1.32',
        'cable veth1: 192.168.45.3 > 192.168.1.32',
        'uplink veth1: 192.168.45.2 > 192.168.45.3',
      ],
      [
        'inside veth2: 192.168.1.32 > 192.168.45.3',
        'cable veth1: 192.168.1.32 > 192.168.45.3',
        'uplink veth1: 192.168.45.3 > 192.168.45.2',
      ],
    ])
    const back = run.events.filter(({ packet, point }) => packet === 'reply' && point !== 'inside')
    expect(back.map(({ hook }) => hook)).toContain('postrouting')
  })

  served("as when it asks for another space's, by the host's address", () => {
    const run = only(`
      natspace up -q other --address 192.168.77.2 --gateway 192.168.77.1/24 -p 8081:80
      ${serve('other')}
      trace --to 192.168.1.32:8081`)
    expect(run).toMatchObject({ status: 0, end: { outcome: 'answered', notes: [] } })
    expect(pointsOf(run, 'reply').map(text => text.replace(/.*: /, ''))).toEqual([
      '192.168.1.32 > 192.168.45.3',
      '192.168.1.32 > 192.168.45.3',
      '192.168.77.2 > 192.168.45.3',
    ])
  })
})

describe('a datagram', () => {
  test('to a closed port is refused by ICMP, and with a silent program delivered', () => {
    const [closed, silent] = tracesOnNewHost(`
      trace --to 192.168.1.15:53/udp --payload hello
      ip netns exec host2 nft -f - <<'END'
      table ip silent { chain input { type filter hook input priority 0; udp dport 54 drop; }; }
END
      trace --to 192.168.1.15:54/udp --timeout 0.3`)
    expect(closed).toMatchObject({
      status: 0,
      end: {
        outcome: 'answered',
        refused: true,
        reason: '192.168.1.15 refused it by ICMP: port unreachable',
      },
    })
    expect(silent).toMatchObject({
      status: 0,
      end: { outcome: 'delivered', at: { point: 'uplink', interface: 'eth0' } },
    })
  })
})

describe('a drop', () => {
  test('by the policy of a chain of others names the chain and its owner', () => {
    const { status, end } = only(`
      nft -f - <<'END'
      table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }
END
      trace --to 192.168.1.15:80 --timeout 0.5`)
    expect(status).toBe(3)
    expect(end).toMatchObject({
      outcome: 'dropped',
      at: {
        packet: 'request',
        point: 'cable',
        hook: 'forward',
        chain: 'ip filter FORWARD',
        owner: 'iptables',
        interface: 'veth1',
      },
      reason: 'it was stopped by the policy of ip filter FORWARD (iptables)',
    })
  })

  test('by a rule of others names the rule; one of the answer says that it was the answer', () => {
    const [there, back] = tracesOnNewHost(`
      nft -f - <<'END'
      table inet mine { chain there { type filter hook forward priority 10; ip daddr 192.168.1.15 udp dport 53 drop comment "no names"; }
        chain back { type filter hook forward priority 10; icmp type echo-reply drop; }; }
END
      trace --to 192.168.1.15:53/udp --timeout 0.5
      trace --to 192.168.1.15 --timeout 0.5`)
    expect(there?.end.outcome).toBe('dropped')
    expect(there?.end.reason).toBe(
      'it was stopped by the rule "ip daddr 192.168.1.15 udp dport 53 drop comment "no names"" of inet mine there (nftables)',
    )
    expect(back).toMatchObject({
      status: 3,
      end: { outcome: 'dropped', at: { packet: 'reply', chain: 'inet mine back', point: 'uplink' } },
    })
    expect(back?.end.reason).toStartWith(
      'the answer came back, and it was stopped by the rule "icmp type echo-reply drop"',
    )
  })

  test("by the space's own list says so, and that the sender was told", () => {
    const { status, end } = only('trace --to 192.168.1.9:80', '--egress 192.168.1.15')
    expect(status).toBe(3)
    expect(end).toMatchObject({
      outcome: 'dropped',
      at: { hook: 'forward', chain: 'inet natspace forward', owner: 'natspace' },
    })
    expect(end.evidence).toEqual([
      'the destination is not on the list of where the space may connect to (--egress of natspace up)',
      'the sender was told by a reset (RST)',
    ])
  })

  test('by a rule in the space', () => {
    const { end } = only(`
      ip netns exec myspace nft -f - <<'END'
      table inet own { chain output { type filter hook output priority 0; tcp dport 25 drop; }; }
END
      trace --to 192.168.1.15:25 --timeout 0.5`)
    expect(end).toMatchObject({
      outcome: 'dropped',
      at: { point: 'inside', chain: 'inet own output', hook: 'output' },
    })
  })

  test('where no route leads on: in the space, in the host, and by a route that forbids', () => {
    const [host, forbidden, space] = tracesOnNewHost(`
      ip route del default
      trace --to 203.0.113.7 --timeout 0.5
      ip route add blackhole 203.0.113.0/24
      trace --to 203.0.113.7 --timeout 0.5
      ip -n myspace route del default
      trace --to 192.168.1.15 --timeout 0.5`)
    expect(host).toMatchObject({
      status: 3,
      end: { outcome: 'dropped', at: { hook: 'routing', point: 'cable' } },
    })
    expect(host?.end.reason).toBe('no route leads to 203.0.113.7 (ENETUNREACH), in this host')
    expect(host?.end.evidence).toContain('the sender was told by 192.168.45.2: network unreachable')
    expect(forbidden?.end).toMatchObject({ outcome: 'dropped', at: { hook: 'routing', point: 'cable' } })
    expect(forbidden?.end.reason).toBe(
      'the route 203.0.113.0/24 is of the kind blackhole (table 254), in this host',
    )
    expect(space?.end).toMatchObject({ outcome: 'dropped', at: { hook: 'routing', point: 'inside' } })
    expect(space?.end.reason).toBe('no route leads to 192.168.1.15 (ENETUNREACH), inside the space')
  })

  test('by forwarding that somebody has turned off names the setting', () => {
    const [all, link] = tracesOnNewHost(`
      echo 0 >/proc/sys/net/ipv4/ip_forward
      trace --to 192.168.1.15 --timeout 0.3
      echo 1 >/proc/sys/net/ipv4/ip_forward
      echo 0 >/proc/sys/net/ipv4/conf/veth1/forwarding
      trace --to 192.168.1.15 --timeout 0.3`)
    const reason = 'this host does not forward what comes in by veth1:'
    expect(all).toMatchObject({ status: 3, end: { outcome: 'dropped', at: { hook: 'routing' } } })
    expect(all?.end.reason).toBe(`${reason} net.ipv4.ip_forward is 0`)
    expect(link?.end.reason).toBe(`${reason} net.ipv4.conf.veth1.forwarding is 0`)
    const counter =
      'counter Ip.InAddrErrors +1: a destination that is not of this host, which does not forward; or one that cannot be'
    expect(all?.end.evidence).toContain(counter)
  })

  test('by the reverse path filter, which lets the cable not even ask for addresses', () => {
    const [before, filtered, silent] = tracesOnNewHost(`
      trace --to 192.168.1.15
      ip route add 192.168.45.3/32 dev eth0
      trace --to 192.168.1.15 --timeout 0.3
      ip -n myspace neighbour flush all
      trace --to 192.168.1.15 --timeout 0.3`)
    expect(before?.end.outcome).toBe('answered')
    expect(filtered).toMatchObject({
      status: 3,
      end: { outcome: 'dropped', at: { packet: 'request', hook: 'routing', point: 'cable' } },
    })
    expect(filtered?.end.reason).toStartWith('the reverse path filter of veth1 stopped it')
    expect(filtered?.end.evidence).toContain('net.ipv4.conf.veth1.rp_filter = 1')
    expect(silent).toMatchObject({ status: 3, end: { outcome: 'lost', at: { point: 'inside' } } })
    expect(silent?.end.evidence).toContain(
      'no link address for 192.168.45.2 on veth2: it was asked for in vain',
    )
  })
})

describe('a probe without an answer', () => {
  test('that left untranslated says so: nobody can answer it', () => {
    const run = only(`
      nft delete element inet natspace outbound4 '{ 192.168.45.3 }'
      trace --to 192.168.1.15 --timeout 0.5 --source-port 29610`)
    expect(run).toMatchObject({ status: 0, end: { outcome: 'delivered' } })
    expect(pointsOf(run, 'request')[2]).toBe('uplink eth0: 192.168.45.3 > 192.168.1.15, id 29610')
    expect(run.end.notes).toEqual([
      'no translation happened: it left by eth0 with its inside source 192.168.45.3, id 29610, to which nobody outside knows a way back (natspace explain 8)',
    ])
  })

  test('is lost where the next hop is silent, or the link leads nowhere', () => {
    const [silent, told, down] = tracesOnNewHost(`
      trace --to 192.168.1.77 --timeout 0.5
      trace --to 192.168.1.78:80 --timeout 8
      ip -n host2 link set eth0 down
      trace --to 192.168.1.15 --timeout 0.5`)
    expect(silent).toMatchObject({
      status: 3,
      end: { outcome: 'lost', at: { point: 'uplink', interface: 'eth0' } },
    })
    expect(silent?.end.reason).toStartWith('nobody on eth0 answers for 192.168.1.77')
    // Past three requests for the address, the kernel tells the sender.
    expect(told).toMatchObject({ status: 3, end: { outcome: 'lost', at: { point: 'uplink' } } })
    expect(told?.end.evidence).toContain('the sender was told by 192.168.1.32: host unreachable')
    expect(down).toMatchObject({ status: 3, end: { outcome: 'lost', at: { point: 'uplink' } } })
    expect(down?.end.reason).toContain('eth0 has no carrier')
  })

  test('is lost on a cable whose host end is down', () => {
    const { status, end } = only('ip link set veth1 down; trace --to 192.168.1.15 --timeout 0.5')
    expect(status).toBe(3)
    expect(end).toMatchObject({ outcome: 'lost', at: { point: 'inside', packet: 'request' } })
    expect(end.evidence.join('\n')).toContain('veth1 is down')
  })
})

describe('the command', () => {
  test('leaves nothing behind: after its end, Ctrl-C and kill -9', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      before=$(nft list tables; ip netns exec myspace nft list tables)
      natspace trace -q myspace --to 192.168.1.15 >/dev/null
      [ "$before" = "$(nft list tables; ip netns exec myspace nft list tables)" ] && echo ended
      for signal in INT KILL; do
        $executable trace -q myspace --to 192.168.1.77 --timeout 30 >/dev/null 2>&1 &
        child=$!
        for n in $(seq 300); do nft list tables | grep -q natspace-trace && break; sleep 0.01; done
        nft list tables | grep -c natspace-trace
        # A shell without job control has its children ignore SIGINT until they ask for it.
        kill -$signal $child; status=0; wait $child || status=$?
        for n in $(seq 300); do nft list tables | grep -q natspace-trace || break; sleep 0.01; done
        [ "$before" = "$(nft list tables; ip netns exec myspace nft list tables)" ] && echo "$signal $status"
      done
      natspace trace -q myspace --to 192.168.1.15 >/dev/null
      ls /sys/kernel/tracing/instances 2>/dev/null | grep natspace || true`)
    expect(output).toBe('ended\n1\nINT 130\n1\nKILL 137\n')
  })

  test('can run twice at once, each with its own packets', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      natspace trace --json myspace --to 192.168.1.15 --source-port 111 >/run/one &
      natspace trace --json myspace --to 192.168.1.15 --source-port 222 >/run/two
      wait
      tail -n 1 /run/one; tail -n 1 /run/two`)
    const ends = output
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as TraceRun['end'])
    expect(
      ends.map(({ outcome, points }) => [outcome, points[2]?.request?.icmpId, points[2]?.reply?.icmpId]),
    ).toEqual([
      ['answered', 111, 111],
      ['answered', 222, 222],
    ])
  })

  test('shows an identifier that had to be changed', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      natspace up -q other
      natspace trace -q other --to 192.168.1.15 --source-port 4242 >/dev/null
      NO_COLOR=1 natspace trace myspace --to 192.168.1.15 --source-port 4242`)
    expect(output).toMatch(/^eth0 +uplink +192\.168\.1\.32\* > 192\.168\.1\.15, id \d+\* /m)
    expect(output).toMatch(/; ICMP identifier 4242 → \d+$/m)
    expect(output).toMatch(/^veth1 .* 192\.168\.1\.15 > 192\.168\.45\.3\*, id 4242\*$/m)
  })

  test('finds its own packets among many others to the same host', () => {
    const run = only(`
      ip netns exec myspace ping -q -i 0.002 -w 5 192.168.1.15 >/dev/null &
      sleep 0.1
      trace --to 192.168.1.15 --source-port 29610
      kill $!; wait || true`)
    expect(pointsOf(run, 'request')[2]).toBe('uplink eth0: 192.168.1.32 > 192.168.1.15, id 29610')
    expect(pointsOf(run, 'reply')[2]).toBe('uplink eth0: 192.168.1.15 > 192.168.1.32, id 29610')
    expect(run.end.outcome).toBe('answered')
  })

  test('says what it cannot use', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      for words in 'myspace --to example.com' 'myspace --to 1.2.3.4/tcp' 'myspace --to 1.2.3.4:70000' 'myspace' \
        'myspace --to 1.2.3.4:80/icmp' 'nobody --to 1.2.3.4' 'myspace --to 1.2.3.4 --timeout 0'; do
        status=0; natspace trace $words 2>/run/err || status=$?
        echo "$status $(grep -o 'code: .*' /run/err)"
      done
      natspace trace myspace --to example.com 2>&1 | grep -c 'must be an address'`)
    expect(output).toBe(
      [
        '2 code: BAD_DESTINATION',
        '2 code: BAD_DESTINATION',
        '2 code: BAD_DESTINATION',
        '2 code: MISSING_ARGUMENT',
        '2 code: BAD_DESTINATION',
        '1 code: NOT_FOUND',
        '2 code: BAD_NUMBER',
        '1',
        '',
      ].join('\n'),
    )
  })
})
