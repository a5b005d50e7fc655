import { beforeAll, describe, expect } from 'bun:test'
import { watchUnit } from '../../src/space/boot/units.ts'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

/** `natspace watch` as a process of its own, beside programs that change what spaces need. */
const test = requireTool('ip', 'nft', 'iptables', 'sysctl', 'ping', 'nc', 'setpriv')

/** Functions of the scripts: a watch that writes to /run/log, and ways to wait for what it says, 10 s at most. */
const tools = `
# With the shell that started it the watch ends, however that ends.
watch() { setpriv --pdeathsig KILL $executable watch --json "$@" >/run/log 2>/run/err & watcher=$!; wait_for '"type":"snapshot"'; }
told() { grep -c "$1" /run/log 2>/run/ignored || true; }
# wait_for PATTERN [COUNT]
wait_for() {
  for attempt in $(seq 1000); do [ "$(told "$1")" -ge "\${2:-1}" ] && return; sleep 0.01; done
  echo "no $1 in:"; cat /run/log /run/err; exit 9
}
# The link-local address of eth0 is checked for a second or two; snapshots must not differ by that.
settle() { for attempt in $(seq 500); do ip -6 address | grep -q tentative || return 0; sleep 0.01; done; }
stop_watch() { kill -TERM $watcher; wait $watcher; }
`

type Line = {
  type: string
  event?: string
  spaces?: string[]
  by?: { kind: string; name?: string; pid?: number; command?: string; port?: number }[]
  drift?: { resource: string; expected: string; found: string }[]
  milliseconds?: number
  [key: string]: unknown
}

const parse = (text: string): Line[] =>
  text
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Line)

/** What is done to the article's space, in this order, and what status and the watch must say of it. */
const harms: { title: string; harm: string; drift: RegExp; by?: string }[] = [
  { title: 'a flushed ruleset', harm: 'nft flush ruleset', drift: /table inet natspace/, by: 'nft' },
  {
    title: 'a removed element',
    harm: 'nft delete element inet natspace outbound4 { 192.168.45.3 }',
    drift: /outbound4/,
    by: 'nft',
  },
  { title: 'a changed rule', harm: 'nft flush chain inet natspace forward', drift: /table/, by: 'nft' },
  { title: 'a deleted cable', harm: 'ip link del veth1', drift: /cable veth1--veth2/ },
  { title: 'a flushed address', harm: 'ip addr flush dev veth1', drift: /address 192\.168\.45\.2\/24/ },
  { title: 'a deleted route', harm: 'ip -n myspace route del default', drift: /default route/ },
  { title: 'forwarding turned off', harm: 'sysctl -qw net.ipv4.ip_forward=0', drift: /forwarding/ },
  {
    title: 'a setting of the cable',
    harm: 'sysctl -qw net.ipv4.conf.veth1.accept_redirects=1',
    drift: /cable/,
  },
  { title: 'a deleted namespace', harm: 'ip netns del myspace', drift: /namespace myspace/ },
  { title: 'a link taken down', harm: 'ip link set veth1 down', drift: /veth1/ },
  { title: 'an inner link taken down', harm: 'ip -n myspace link set veth2 down', drift: /veth2/ },
  { title: 'another MTU of the uplink', harm: 'ip link set eth0 mtu 1400', drift: /MTU of veth1/ },
]

describe('what somebody changes', () => {
  /** By the number of the harm: the status before the repair, and the lines of the watch. */
  const seen: { status: string; lines: Line[]; after: string }[] = []

  beforeAll(() => {
    // The watch stands still while status looks: otherwise it would be the faster one.
    const output = expectOnNewHost(`${tools}
      settle
      snapshot >/run/before
      natspace up -q myspace $article
      watch
      ${harms
        .map(
          ({ harm }, index) => `
      echo '=== ${index}'
      lines=$(wc -l </run/log)
      kill -STOP $watcher
      ${harm}
      status=0; natspace status myspace || status=$?
      echo "status $status"
      repaired=$(told '"event":"repaired"')
      kill -CONT $watcher
      wait_for '"event":"repaired"' $((repaired + 1))
      echo ---
      tail -n +$((lines + 1)) /run/log
      echo ---
      natspace status myspace >/dev/null && echo healthy
      ip netns exec myspace ping -c1 -W2 192.168.1.15 | grep -o '1 received'`,
        )
        .join('\n')}
      echo '=== end'
      ip link set eth0 mtu 1500
      wait_for '"MTU of veth1"' 2
      natspace down -q myspace
      snapshot >/run/after
      wait_for '"change":"down"'
      kill -TERM $watcher; status=0; wait $watcher || status=$?
      diff /run/before /run/after && echo "EQUAL $status"`)
    for (const part of output.split(/^=== /m).slice(1)) {
      const [status = '', log = '', after = ''] = part.split('---\n')
      seen.push({ status, lines: parse(log), after })
    }
  }, 60_000)

  for (const [index, { title, drift, by }] of harms.entries())
    test(`${title} is found by status, and repaired by watch`, () => {
      const { status, lines, after } = seen[index] ?? { status: '', lines: [], after: '' }
      expect(status).toContain('status 3')
      expect(status).toMatch(drift)
      const repaired = lines.filter(({ event }) => event === 'repaired')
      expect(repaired.length).toBeGreaterThan(0)
      const [first] = repaired
      expect(first?.spaces).toEqual(['myspace'])
      expect(
        repaired
          .flatMap(line => line.drift ?? [])
          .map(({ resource }) => resource)
          .join('\n'),
      ).toMatch(drift)
      if (by !== undefined) {
        expect(first?.by?.[0]).toMatchObject({ kind: 'process', name: by })
        expect(first?.by?.[0]?.pid).toBeGreaterThan(0)
      }
      expect(after).toContain('healthy')
      expect(after).toContain('1 received')
    })

  test('leaves nothing behind, and a space that is taken down stays down', () => {
    expect(seen.at(-1)?.status).toContain('EQUAL 0')
  })
})

describe('who did it', () => {
  test('is named for a program that still holds its netlink socket, and never guessed', () => {
    const lines = parse(
      expectOnNewHost(`${tools}
        natspace up -q myspace $article
        watch
        mkfifo /run/orders
        ip -batch /run/orders & holder=$!
        exec 3>/run/orders
        echo 'address flush dev veth1' >&3
        wait_for '"event":"repaired"'
        exec 3>&-; wait $holder
        sysctl -qw net.ipv4.ip_forward=0
        wait_for '"event":"repaired"' 2
        stop_watch; echo "{\\"type\\":\\"holder\\",\\"pid\\":$holder}"; cat /run/log`),
    )
    const holder = lines.find(({ type }) => type === 'holder')?.pid
    const [first, second] = lines.filter(({ event }) => event === 'repaired')
    expect(first?.by).toMatchObject([{ kind: 'process', name: 'ip', pid: holder }])
    expect(first?.by?.[0]?.command).toContain('ip -batch')
    expect(second?.by).toEqual([])
  })

  test('is told of a rule of another firewall that comes back, where the fix was granted', () => {
    const output = expectOnNewHost(`${tools}
        iptables -P FORWARD DROP
        natspace up -q myspace $article --fix-firewall
        natspace up -q other
        watch
        ip netns exec myspace ping -c1 -W2 192.168.1.15 >/run/ping
        kill -STOP $watcher
        iptables -F
        status=0; natspace status myspace || status=$?; echo "status $status"
        kill -CONT $watcher
        wait_for '"event":"repaired"'
        ip netns exec myspace ping -c1 -W2 192.168.1.15 >/run/ping
        iptables -I FORWARD -j DROP
        wait_for '"event":"repaired"' 2
        ip netns exec myspace ping -c1 -W2 192.168.1.15 >/run/ping
        ip netns exec other ping -c1 -W1 192.168.1.15 >/run/ping && exit 8
        stop_watch; cat /run/log`)
    expect(output).toContain('status 3')
    expect(output).toMatch(/differs +.*FORWARD/)
    const repaired = parse(output).filter(({ event }) => event === 'repaired')
    expect(repaired.map(({ spaces }) => spaces)).toEqual([['myspace'], ['myspace']])
    for (const { by } of repaired) expect(by).toMatchObject([{ kind: 'process', name: 'iptables' }])
    expect(repaired[0]?.drift?.[0]?.resource).toContain('FORWARD')
  })
})

describe('the way out', () => {
  test('an address that a space leaves with: gone is told by status and watch, back is told too', () => {
    const output = expectOnNewHost(`${tools}
      ip address add 192.168.1.40/24 dev eth0
      natspace up -q myspace --source 192.168.1.40
      watch
      ip address del 192.168.1.40/24 dev eth0
      wait_for '"event":"differs"'
      status=0; natspace status myspace || status=$?; echo "status $status"
      ip address add 192.168.1.40/24 dev eth0
      wait_for '"event":"recovered"'
      natspace status myspace >/dev/null && echo healthy
      stop_watch; cat /run/log`)
    expect(output).toContain('status 3')
    expect(output).toContain('source 192.168.1.40')
    expect(output).toContain('healthy')
    const lines = parse(output)
    const uplinks = lines.filter(({ event }) => event === 'uplink')
    expect(uplinks[0]).toMatchObject({
      before: { name: 'eth0', addresses: ['192.168.1.32/24', '192.168.1.40/24'] },
      after: { name: 'eth0', addresses: ['192.168.1.32/24'] },
    })
  })

  test('another address is told, and used from then on', () => {
    const output = expectOnNewHost(`${tools}
      natspace up -q myspace $article
      watch
      ip netns exec myspace ping -c1 -W2 192.168.1.15 | grep -o '1 received'
      ip address flush dev eth0
      ip address add 192.168.1.77/24 dev eth0
      ip route add default via 192.168.1.1
      wait_for '"after":{"name":"eth0","mtu":1500,"addresses":..192.168.1.77/24'
      ip netns exec host2 timeout 5 nc -lvn 7000 >/run/out 2>/run/seen & listener=$!
      for attempt in $(seq 500); do ip netns exec host2 ss -Hltn | grep -q :7000 && break; sleep 0.01; done
      echo hello | ip netns exec myspace nc -N -w2 192.168.1.15 7000
      wait $listener; cat /run/seen
      natspace status myspace >/dev/null && echo healthy
      stop_watch`)
    expect(output).toContain('1 received')
    expect(output).toMatch(/Connection received on 192\.168\.1\.77/)
    expect(output).toContain('healthy')
  })

  test('an MTU that was asked for stays', () => {
    const output = expectOnNewHost(`${tools}
      natspace up -q fixed --mtu 1500; natspace up -q myspace
      watch
      ip link set eth0 mtu 1300
      wait_for '"event":"repaired"'
      stop_watch
      for end in veth-fixed veth-myspace; do ip link show $end | grep -o 'mtu [0-9]*'; done`)
    expect(output).toBe('mtu 1500\nmtu 1300\n')
  })
})

describe('a fight', () => {
  test('is stopped, with the name of the program; SIGHUP takes it up again; others are watched on', () => {
    const output = expectOnNewHost(`${tools}
      natspace up -q myspace $article; natspace up -q other
      watch --give-up-after 3
      for round in 1 2 3; do
        nft delete element inet natspace outbound4 { 192.168.45.3 }
        wait_for '"event":"repaired"' $round
      done
      nft delete element inet natspace outbound4 { 192.168.45.3 }
      wait_for '"event":"fight"'
      ip link del veth-other
      wait_for '"event":"repaired"' 4
      status=0; natspace status myspace || status=$?; echo "status $status"
      kill -HUP $watcher
      wait_for '"event":"resumed"'
      wait_for '"event":"repaired"' 5
      natspace status >/dev/null && echo healthy
      stop_watch; cat /run/log`)
    expect(output).toContain('status 3')
    expect(output).toMatch(/a watch +repaired this again and again, and leaves it alone until/)
    expect(output).toMatch(/changed by +nft \(process \d+/)
    expect(output).toContain('healthy')
    const lines = parse(output)
    expect(lines.filter(({ event }) => event === 'fight')).toMatchObject([
      {
        spaces: ['myspace'],
        repairs: 3,
        by: [{ kind: 'process', name: 'nft' }],
        finding: { code: 'WATCH_FIGHT', severity: 'error' },
      },
    ])
    expect(lines.filter(({ event }) => event === 'repaired').map(({ spaces }) => spaces)).toEqual([
      ...Array(3).fill(['myspace']),
      ['other'],
      ['myspace'],
    ])
  })
})

describe('its own work', () => {
  test('makes it look again at most a few times, and never repair', () => {
    const output = expectOnNewHost(`${tools}
      natspace up -q myspace $article
      watch
      ip netns del myspace
      wait_for '"event":"repaired"'
      # The kernel ends the old namespace some time later.
      sleep 0.5
      before=$(awk '{ print $14 + $15 }' /proc/$watcher/stat)
      sleep 1
      after=$(awk '{ print $14 + $15 }' /proc/$watcher/stat)
      stop_watch
      echo "ticks $((after - before))"; cat /run/log`)
    expect(parse(output).filter(({ event }) => event === 'repaired')).toHaveLength(1)
    // Hundredths of a second of work within one second in which nothing happens.
    expect(Number(/ticks (\d+)/.exec(output)?.[1])).toBeLessThan(20)
  })

  test('a hundred repairs leave no descriptor open', () => {
    const output = expectOnNewHost(`${tools}
      natspace up -q myspace $article
      watch --give-up-after 0
      open() { ls /proc/$watcher/fd | wc -l; }
      for round in $(seq 5); do nft flush ruleset; wait_for '"event":"repaired"' $round; done
      echo "open $(open)"
      for round in $(seq 6 105); do nft flush ruleset; wait_for '"event":"repaired"' $round; done
      sleep 0.2
      echo "open $(open)"
      stop_watch`)
    const [before, after] = [...output.matchAll(/open (\d+)/g)].map(match => Number(match[1]))
    expect(after).toBe(before as number)
  })
})

describe('other natspace commands', () => {
  test('are followed: what they bring up is watched, what they change or take down is so from then on', () => {
    const output = expectOnNewHost(`${tools}
      settle
      snapshot >/run/before
      watch
      natspace up -q myspace $article
      wait_for '"change":"up"'
      natspace publish -q myspace 9090:90
      wait_for '"change":"changed"'
      nft flush ruleset
      wait_for '"event":"repaired"'
      nft list map inet natspace publish4 | grep -c 9090
      for name in 1 2 3 4 5 6; do natspace up -q s$name & done; wait_for '"change":"up"' 7
      natspace down -q --all
      wait_for '"change":"down"' 7
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL
      # The state folder is another one now.
      natspace up -q myspace $article
      wait_for '"change":"up"' 8
      nft flush ruleset
      wait_for '"event":"repaired"' 2
      natspace status >/dev/null
      stop_watch
      cat /run/log`)
    expect(output).toContain('EQUAL')
    expect(parse(output).filter(({ event }) => event === 'repaired')).toHaveLength(2)
  })
})

describe('the command', () => {
  test('ends at once, with 0 on SIGTERM and 130 on Ctrl-C', () => {
    const output = expectOnNewHost(`${tools}
      natspace up -q myspace $article
      for signal in TERM INT; do
        watch
        start=$(date +%s%N)
        kill -$signal $watcher; status=0; wait $watcher || status=$?
        echo "$signal $status $((($(date +%s%N) - start) / 1000000))"
      done
      tail -n 1 /run/log`)
    const [term, int] = output.split('\n').map(line => line.split(' '))
    expect([term?.slice(0, 2), int?.slice(0, 2)]).toEqual([
      ['TERM', '0'],
      ['INT', '130'],
    ])
    for (const line of [term, int]) expect(Number(line?.[2])).toBeLessThan(5000)
    expect(parse(output).at(-1)).toMatchObject({ type: 'end', repairs: 0, lost: 0 })
  })

  test('needs no capability but those of its unit, and names the one that is missing', () => {
    const unit = watchUnit({ command: ['natspace'], madeFolders: [] })
    const held = [...unit.matchAll(/^CapabilityBoundingSet=(.*)$/gm)].flatMap(match =>
      (match[1] ?? '').split(' '),
    )
    const sets = held.map(name => `+${name.replace('CAP_', '').toLowerCase()}`).join(',')
    const output = expectOnNewHost(`${tools}
      natspace up -q myspace $article
      held=$executable
      executable="setpriv --no-new-privs --bounding-set -all,${sets} $held"
      watch
      executable=$held
      count=0
      for harm in 'nft flush ruleset' 'ip link del veth1' 'ip netns del myspace' \
          'sysctl -qw net.ipv4.ip_forward=0' 'ip -n myspace route del default'; do
        $harm
        count=$((count + 1))
        wait_for '"event":"repaired"' $count
      done
      natspace status >/dev/null && echo healthy
      stop_watch
      status=0
      setpriv --bounding-set -net_broadcast $executable watch --once 2>&1 || status=$?
      echo "status $status"`)
    expect(output).toContain('healthy')
    expect(output).toContain('lacks CAP_NET_BROADCAST')
    expect(output).toContain('status 4')
  })

  test('--once repairs and ends; with --dry-run it tells and changes nothing', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      natspace watch --once >/run/log; echo "right $?"
      nft flush ruleset
      snapshot >/run/before
      status=0; natspace watch --once --dry-run || status=$?; echo "dry $status"
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL
      natspace watch --once; echo "repaired $?"
      natspace status >/dev/null && echo healthy
      status=0; natspace watch nobody 2>/run/err || status=$?; echo "nobody $status"`)
    for (const text of ['right 0', 'dry 3', 'EQUAL', 'repaired 0', 'healthy', 'nobody 1'])
      expect(output).toContain(text)
    expect(output).toContain('differs: table inet natspace (no such table)')
  })
})
