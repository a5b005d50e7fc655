import { describe, expect } from 'bun:test'
import { expectOnNewHost, onNewHost } from '../support/host.ts'
import { mutatingCalls, mutations } from '../support/mutations.ts'
import { requireTool } from '../support/tools.ts'

/** The main job through the compiled command, with iproute2, nft and iptables as second opinions. */
const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl', 'ping', 'nc')

const lines = (text: string) => text.split('\n').map(line => line.trim())

describe('the article', () => {
  test('gives the two route tables to the letter', () => {
    const output = expectOnNewHost(`
      natspace up myspace $article
      ip route; echo ---; ip -n myspace route`)
    const [host, inner] = output.slice(output.indexOf('default')).split('---\n')
    expect(lines(host ?? '')).toEqual([
      'default via 192.168.1.1 dev eth0',
      '192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.32',
      '192.168.45.0/24 dev veth1 proto kernel scope link src 192.168.45.2',
      '',
    ])
    expect(lines(inner ?? '')).toEqual([
      'default via 192.168.45.2 dev veth2',
      '192.168.45.0/24 dev veth2 proto kernel scope link src 192.168.45.3',
      '',
    ])
  })

  test('reaches host2, and host2 reaches the published port, with the addresses the article shows', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      ip netns exec myspace ping -c1 -W2 192.168.1.15
      ip netns exec host2 timeout 5 nc -lvn 7000 >/run/out 2>/run/seen & sleep 0.2
      echo hello | ip netns exec myspace nc -N -w2 192.168.1.15 7000
      wait $!; cat /run/seen /run/out
      ip netns exec myspace timeout 5 nc -lvn 80 >/run/out 2>/run/inner & sleep 0.2
      echo published | ip netns exec host2 nc -N -w2 192.168.1.32 8080
      wait $!; cat /run/inner /run/out
      ip netns exec myspace timeout 5 nc -lvn 80 >/run/out & sleep 0.2
      echo from-the-host | nc -N -w2 192.168.1.32 8080
      wait $!; cat /run/out
      ip netns exec myspace timeout 5 nc -lvn 80 >/run/out & sleep 0.2
      echo by-loopback | nc -N -w2 127.0.0.1 8080
      wait $!; cat /run/out`)
    expect(output).toContain('1 received')
    expect(output).toContain('192.168.1.32')
    expect(output).toMatch(/Connection received on 192\.168\.1\.15/)
    for (const word of ['hello', 'published', 'from-the-host', 'by-loopback']) expect(output).toContain(word)
  })

  test('an unpublished port cannot be reached by a direct route from the LAN', () => {
    const { status } = onNewHost(`
      natspace up -q myspace $article
      ip -n host2 route add 192.168.45.0/24 via 192.168.1.32
      ip netns exec myspace timeout 4 nc -ln 80 >/run/out & sleep 0.2
      echo intruder | ip netns exec host2 nc -N -w1 192.168.45.3 80 && exit 10
      test ! -s /run/out && exit 20`)
    expect(status).toBe(20)
  })
})

describe('without a trace', () => {
  const cases: [string, string][] = [
    ['down', 'natspace down -q myspace'],
    ['down when the namespace was deleted by someone else', 'ip netns del myspace; natspace down -q myspace'],
    ['down when the table was flushed', 'nft flush ruleset; natspace down -q myspace'],
    ['down when the cable was deleted', 'ip link del veth1; natspace down -q myspace'],
    ['down --all', 'natspace down -q --all'],
  ]
  for (const [title, script] of cases)
    test(title, () => {
      const output = expectOnNewHost(`
        snapshot >/run/before
        natspace up -q myspace $article
        snapshot >/run/during
        ${script}
        snapshot >/run/after
        cmp -s /run/before /run/during && echo SAME
        diff /run/before /run/after && echo EQUAL`)
      expect(output.trim()).toBe('EQUAL')
    })

  test('per-interface forwarding and redirects come back as they were', () => {
    const output = expectOnNewHost(`
      sysctl -qw net.ipv4.conf.eth0.forwarding=1 net.ipv4.conf.all.accept_redirects=0
      snapshot >/run/before
      natspace up -q a; natspace up -q b; natspace down -q a; natspace down -q b
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(output.trim()).toBe('EQUAL')
  })

  test('what was noted first comes back, also when somebody turned forwarding off in between', () => {
    const output = expectOnNewHost(`
      sysctl -qw net.ipv4.conf.eth0.forwarding=1 net.ipv4.conf.all.accept_redirects=0
      snapshot >/run/before
      natspace up -q a
      sysctl -qw net.ipv4.ip_forward=0
      ip link add later type veth peer name later2
      natspace up -q a
      nft list set inet natspace preexisting4 >/run/guarded
      ip link delete later
      natspace down -q a
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL; grep -c later /run/guarded || true`)
    expect(output.trim()).toBe('EQUAL\n0')
  })

  test('forwarding that was on before stays on', () => {
    const output = expectOnNewHost(`
      sysctl -qw net.ipv4.ip_forward=1
      snapshot >/run/before; natspace up -q a; natspace down -q a; snapshot >/run/after
      diff /run/before /run/after && sysctl -n net.ipv4.ip_forward`)
    expect(output.trim()).toBe('1')
  })

  test('an existing namespace is attached to and survives', () => {
    const output = expectOnNewHost(`
      ip netns add theirs
      ip -n theirs link add keep type veth peer name kept
      snapshot >/run/before; ip -d -j -n theirs addr >/run/inner-before
      natspace up -q theirs
      ip netns exec theirs ping -c1 -W2 192.168.1.15 | grep '1 received'
      natspace down -q theirs
      snapshot >/run/after; ip -d -j -n theirs addr >/run/inner-after
      diff /run/before /run/after && diff /run/inner-before /run/inner-after && echo EQUAL`)
    expect(output).toContain('1 received')
    expect(output).toContain('EQUAL')
  })
})

describe('again', () => {
  test('a second up makes no mutating call', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      natspace up myspace $article --json
      find /run/natspace -newer /run/natspace/lock -type f | wc -l`)
    expect(JSON.parse(output.slice(0, output.lastIndexOf('}') + 1)).data.changes).toBe(0)
  })

  const traced = requireTool('ip', 'nft', 'iptables-save', 'sysctl', 'strace')
  traced('a second up sends no mutating message, writes no file and sets no sysctl', () => {
    const trace = (command: string, file: string) => `strace -f -y -o ${file} -e ${mutatingCalls} ${command}`
    const output = expectOnNewHost(`
      ${trace('$executable up -q myspace $article', '/run/first')}
      ${trace('$executable up -q myspace $article', '/run/second')}
      cat /run/first; echo =====; cat /run/second`)
    const [first, second] = output.split('=====').map(mutations)
    // The same filter must see the first one at work, or it would see nothing in the second either.
    expect(first?.length).toBeGreaterThan(15)
    expect(second).toEqual([])
  })

  test('another spec replaces the first, and its traces are gone', () => {
    const output = expectOnNewHost(`
      snapshot >/run/before
      natspace up -q myspace $article
      natspace up -q myspace --address 10.9.0.2 -p 9000-9003 -p 9100:80/udp
      ip -br -n myspace addr show dev veth2
      nft list map inet natspace publish4 | grep -c 8080 || true
      natspace status myspace >/run/status && echo healthy
      natspace down -q myspace
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(output).toContain('10.9.0.2/30')
    expect(output).toContain('\n0\n')
    expect(output).toContain('healthy')
    expect(output).toContain('EQUAL')
  })

  test('spaces do not reach each other, and both reach outside', () => {
    const output = expectOnNewHost(`
      natspace up -q a; natspace up -q b
      for s in a b; do ip netns exec $s ping -c1 -W2 192.168.1.15 | grep received; done
      other=$(natspace status b --json | sed 's/.*"addresses":\\["\\([0-9.]*\\).*/\\1/')
      ip netns exec a ping -c1 -W1 $other | grep received || true`)
    expect(output.match(/1 received/g)?.length).toBe(2)
    expect(output).toContain('0 received')
  })
})

describe('drift', () => {
  const cases: [string, string][] = [
    ['a flushed ruleset', 'nft flush ruleset'],
    ['a removed element', 'nft delete element inet natspace outbound4 { 192.168.45.3 }'],
    ['a changed rule', 'nft flush chain inet natspace forward'],
    ['a deleted cable', 'ip link del veth1'],
    ['a flushed address', 'ip addr flush dev veth1'],
    ['a deleted route', 'ip -n myspace route del default'],
    ['forwarding turned off', 'sysctl -qw net.ipv4.ip_forward=0'],
    ['a deleted namespace', 'ip netns del myspace'],
    ['a link taken down', 'ip link set veth1 down'],
  ]
  for (const [title, harm] of cases)
    test(`${title} is found by status and mended by up`, () => {
      const output = expectOnNewHost(`
        snapshot >/run/before
        natspace up -q myspace $article
        natspace status myspace >/run/status || exit 9
        ${harm}
        status=0; natspace status myspace >/run/status || status=$?; echo "status $status"
        natspace up -q myspace $article
        natspace status myspace >/run/status && echo mended
        ip netns exec myspace ping -c1 -W2 192.168.1.15 | grep '1 received'
        natspace down -q myspace
        snapshot >/run/after
        diff /run/before /run/after && echo EQUAL`)
      expect(output).toContain('status 3')
      expect(output).toContain('mended')
      expect(output).toContain('1 received')
      expect(output).toContain('EQUAL')
    })
})
