import { describe, expect } from 'bun:test'
import { existsSync } from 'node:fs'
import { expectOnNewHost } from '../support/host.ts'
import type { Probe, Protocol, Server } from '../support/reach/exchange.ts'
import { reachOnNewHost } from '../support/reach/on-host.ts'
import { requireTool } from '../support/tools.ts'

/** IPv6 beside IPv4: when a space has it, what its cable is like, and what becomes of this host's own. */
const test = requireTool('ip', 'nft', 'sysctl', 'ping')

const protocols = ['tcp', 'udp', 'sctp'] as const

const published = '-p 8080:80 -p 8080:80/udp -p 8080:80/sctp'
const web = `natspace up -q web --gateway 10.9.0.1/24 --address 10.9.0.2 ${published}`

/** Servers of every protocol and family at one port. */
const everyServer = (where: string, port: number): Server[] =>
  protocols.flatMap(protocol => ([4, 6] as const).map(family => ({ where, protocol, family, port })))

/** Probes of every protocol to each of the endpoints; what is expected to answer is asked twice. */
const everyProbe = (targets: readonly Omit<Probe, 'id' | 'protocol'>[]): Probe[] =>
  targets
    .flatMap(target => protocols.map((protocol: Protocol) => ({ ...target, protocol })))
    .map((probe, index) => ({ ...probe, id: index + 1 }))

/** What each target said, by protocol: the peer that the server saw, or nothing. */
const peersOf = (probes: readonly Probe[], answers: Record<number, { peer: string }>): string[] =>
  probes.map(({ id, to, protocol }) => `${protocol} ${to}: ${answers[id]?.peer ?? 'nothing'}`)

const expected = (lines: readonly string[]): string[] =>
  lines.flatMap(line => protocols.map(protocol => `${protocol} ${line}`))

describe('--ipv6', () => {
  test('off: on a host with IPv6 nothing of it reaches the space, and neither end has a link-local address', () => {
    const target = (to: string, where?: string) => ({
      ...(where === undefined ? {} : { where }),
      to,
      port: 8080,
      again: !to.includes(':'),
    })
    const probes = everyProbe([
      target('192.168.1.32', 'host2'),
      target('2001:db8::32', 'host2'),
      target('2001:db8::32'),
      target('::1'),
      target('2001:db8::32', 'other'),
      target('127.0.0.1'),
    ])
    const { output, reports } = reachOnNewHost(
      `
      dual_stack
      ${web} --ipv6 off
      natspace up -q other
      ip -6 address show dev veth-web; ip -n web -6 address show dev eth0; ip -n web -6 route show dev eth0
      ip -n other -6 route show default
      reach all`,
      { all: { servers: everyServer('web', 80), probes } },
    )
    expect(output).toMatch(/^default via fd[0-9a-f:]+ dev eth0 metric 1024 pref medium$/m)
    expect(output.trim().split('\n').length).toBe(1)
    expect(peersOf(probes, reports.all.answers)).toEqual(
      expected([
        '192.168.1.32: 192.168.1.15',
        '2001:db8::32: nothing',
        '2001:db8::32: nothing',
        '::1: nothing',
        '2001:db8::32: nothing',
        '127.0.0.1: 10.9.0.1',
      ]),
    )
    expect(reports.all.arrived.length).toBe(6)
  })

  test('on: a host without IPv6 and its spaces reach each other by it', () => {
    const probes = everyProbe([
      { to: '::1', port: 8080, again: true },
      { to: '<web6>', port: 80, again: true },
      { where: 'other', to: '<other-gateway6>', port: 8080, again: true },
      { where: 'web', to: '<web-gateway6>', port: 8080, again: true },
    ])
    const { names, reports } = reachOnNewHost(
      `
      ${web} --ipv6 on
      natspace up -q other --gateway 10.9.2.1/24 --address 10.9.2.2 --ipv6 on
      natspace status >/run/status
      names web other
      reach all`,
      { all: { servers: everyServer('web', 80), probes } },
    )
    expect(names.get('web6')).toMatch(/^fd.*::a09:2$/)
    expect(names.get('web-gateway6')).toMatch(/^fd.*::a09:1$/)
    const gateway = names.get('web-gateway6')
    expect(peersOf(probes, reports.all.answers)).toEqual(
      expected([
        `::1: ${gateway}`,
        `<web6>: ${gateway}`,
        `<other-gateway6>: ${names.get('other6')}`,
        `<web-gateway6>: ${gateway}`,
      ]),
    )
  })

  test('auto: follows the host, and what the space has once it keeps', () => {
    const output = expectOnNewHost(`
      has6() { ip -n web -6 address show dev eth0 scope global | grep -q inet6 && echo $1 has || echo $1 has not; }
      natspace up -q web; has6 link-local
      ip address add 2001:db8::32/64 dev eth0 nodad
      natspace up -q web; has6 global
      ip -n web -6 address show dev eth0 scope global >/run/one
      ip address delete 2001:db8::32/64 dev eth0
      natspace up -q web; has6 lost
      ip -n web -6 address show dev eth0 scope global | cmp - /run/one
      natspace status >/run/status || { cat /run/status; exit 1; }
      natspace up -q web --ipv6 off; has6 off
      natspace down -q web; natspace up -q web; has6 again`)
    expect(output).toBe('link-local has not\nglobal has\nlost has\noff has not\nagain has not\n')
  })
})

describe('--gateway6 and --address6', () => {
  const fixed = '--gateway6 fd00:45::2/64 --address6 fd00:45::3'

  test('the space has these addresses, on a host without IPv6 too, and is reached by them', () => {
    const probes = everyProbe([
      { to: '::1', port: 8080, again: true },
      { to: 'fd00:45::3', port: 80, again: true },
      { where: 'web', to: 'fd00:45::2', port: 8080, again: true },
      { where: 'other', to: '<other-gateway6>', port: 8080, again: true },
    ])
    const { output, names, reports } = reachOnNewHost(
      `
      snapshot >/run/before
      ${web} ${fixed}
      ip -n web -6 -o address show dev eth0 scope global | sed 's/.*inet6 \\([^ ]*\\).*/\\1/'
      ip -6 -o address show dev veth-web scope global | sed 's/.*inet6 \\([^ ]*\\).*/\\1/'
      natspace up -q other --gateway 10.9.2.1/24 --address 10.9.2.2 --ipv6 on
      names web other
      reach all
      natspace status >/run/status && echo healthy
      natspace down -q --all; snapshot >/run/after; cmp /run/before /run/after && echo EQUAL`,
      { all: { servers: everyServer('web', 80), probes } },
    )
    expect(output.trim().split('\n').slice(-4)).toEqual([
      'fd00:45::3/64',
      'fd00:45::2/64',
      'healthy',
      'EQUAL',
    ])
    expect(peersOf(probes, reports.all.answers)).toEqual(
      expected([
        '::1: fd00:45::2',
        'fd00:45::3: fd00:45::2',
        'fd00:45::2: fd00:45::2',
        `<other-gateway6>: ${names.get('other6')}`,
      ]),
    )
  })

  test('stay when nothing more is said, go when others are asked for, and belong to nobody else', () => {
    const output = expectOnNewHost(`
      has() { ip -n web -6 -br address show dev eth0 scope global | sed 's/.* UP *//; s/ *$//'; }
      refused() { natspace up "$@" 2>&1 | sed -n 's/^natspace: cannot use //Ip; s/^ *code: //p'; }
      ip address add 2001:db8::32/64 dev eth0 nodad
      natspace up -q web ${fixed}; has
      natspace up -q web; has
      natspace up web ${fixed} | tail -1
      refused other --gateway6 fd00:45::9/120
      refused other --address6 2001:db8::99
      refused other --gateway6 fd00:46::1/64 --ipv6 off
      natspace plan other --gateway6 fd00:46::1/64 --as shell | grep -o 'address add fd00:46::[^ ]*' | sort -u
      natspace export web --as spec 2>/dev/null | grep -o 'address6.*\\|gateway6.*' || natspace export web | grep -o 'address6.*\\|gateway6.*'
      natspace up -q web --address6 fd00:45::7; has
      natspace up -q web --gateway6 fd00:47::1/126; has
      ip -n web -6 route show default | sed 's/ dev.*//'
      natspace up -q web --ipv6 off; natspace up -q web; has | sed 's/fd[0-9a-f:]*::ac8/PREFIX::ac8/'
      natspace status >/run/status && echo healthy`)
    expect(output.trim().split('\n')).toEqual([
      'fd00:45::3/64',
      'fd00:45::3/64',
      'web is already up; nothing to do',
      "gateway6 'fd00:45::9/120': its network fd00:45::/120 overlaps fd00:45::/64 (route dev 'veth-web')",
      'OVERLAP',
      "address6 '2001:db8::99': its network 2001:db8::98/126 overlaps 2001:db8::/64 (route dev 'eth0')",
      'OVERLAP',
      "--gateway6 'fd00:46::1/64': the space is to have no IPv6",
      'CONFLICTING_VALUES',
      'address add fd00:46::1/64',
      'address add fd00:46::2/64',
      'address6: "fd00:45::3"',
      'gateway6: "fd00:45::2/64"',
      'fd00:45::7/64',
      'fd00:47::2/126',
      'default via fd00:47::1',
      'PREFIX::ac8:2/126',
      'healthy',
    ])
  })
})

/** Counts connections that begin, by who says it, and which size of segments is said. */
const sizes = ['1240', '1260', '1440', '1460'] as const
const countRules = (said: string): string =>
  ['syn', 'syn | ack']
    .flatMap(flags => [
      ...sizes.map(size => [flags, `tcp option maxseg size ${size}`, size] as const),
      [flags, '', 'another'] as const,
    ])
    .map(
      ([flags, match, size]) =>
        `tcp flags & (syn | ack) == ${flags} ${match} counter accept comment "${said} ${flags} ${size}"`,
    )
    .join('\n')
const watch = `
cat >/run/watch <<'END'
table inet watch {
  chain out { type filter hook output priority 0
    ${countRules('sent')}
  }
  chain in { type filter hook input priority 0
    ${countRules('got')}
  }
}
END
`

describe('the cable', () => {
  for (const mtu of [1400, 9000])
    test(`carries what the uplink carries: ${mtu} bytes`, () => {
      const output = expectOnNewHost(`
        ip link set eth0 mtu ${mtu}; ip -n host2 link set eth0 mtu ${mtu}
        ip address add 2001:db8::32/64 dev eth0 nodad
        ip -n host2 address add 2001:db8::15/64 dev eth0 nodad
        natspace up -q web
        mtu() { sed 's/.* mtu \\([0-9]*\\) .*/\\1/'; }
        ip -o link show veth-web | mtu; ip -n web -o link show eth0 | mtu
        for to in 192.168.1.15 2001:db8::15; do
          overhead=28; case $to in *:*) overhead=48;; esac
          ip netns exec web ping -M do -c1 -W2 -s $((${mtu} - overhead)) $to >/dev/null && echo $to
          ip netns exec web ping -M do -c1 -W1 -s $((${mtu} - overhead + 1)) $to >/dev/null 2>&1 || echo no more
        done`)
      expect(output).toBe(`${mtu}\n${mtu}\n192.168.1.15\nno more\n2001:db8::15\nno more\n`)
    })

  test('lets connections know in both directions what a smaller link further on carries', () => {
    // The route of the host to host2 is smaller than any link, as after a message that says so.
    const { output } = reachOnNewHost(
      `
      dual_stack
      ${web}
      ip route add 192.168.1.15/32 dev eth0 mtu 1300
      ip -6 route add 2001:db8::15/128 dev eth0 mtu 1300
      ${watch}
      for where in host2 web; do
        ip netns exec $where nft -f /run/watch
      done
      reach all
      for where in host2 web; do ip netns exec $where nft list table inet watch | sed "s/^/$where /"; done`,
      {
        all: {
          servers: [
            { where: 'web', protocol: 'tcp', family: 4, port: 80 },
            { where: 'web', protocol: 'tcp', family: 6, port: 80 },
            { where: 'host2', protocol: 'tcp', family: 4, port: 7000 },
            { where: 'host2', protocol: 'tcp', family: 6, port: 7000 },
          ],
          probes: [
            { id: 1, where: 'host2', protocol: 'tcp', to: '192.168.1.32', port: 8080, again: true },
            { id: 2, where: 'host2', protocol: 'tcp', to: '2001:db8::32', port: 8080, again: true },
            { id: 3, where: 'web', protocol: 'tcp', to: '192.168.1.15', port: 7000, again: true },
            { id: 4, where: 'web', protocol: 'tcp', to: '2001:db8::15', port: 7000, again: true },
          ],
        },
      },
    )
    // Each sends what its own link carries, with 40 bytes of headers, or 60 of IPv6.
    const lines = (where: string) =>
      ['syn', 'syn | ack'].flatMap(flags => [
        ...['1440', '1460'].map(size => `${where} sent ${flags} ${size}`),
        ...['1240', '1260'].map(size => `${where} got ${flags} ${size}`),
      ])
    const found = [...output.matchAll(/^(\w+) .*packets [1-9].*comment "(.*)"$/gm)].map(
      match => `${match[1]} ${match[2]}`,
    )
    expect(found.toSorted()).toEqual([...lines('host2'), ...lines('web')].toSorted())
  })
})

test('--source: the outside sees that address of the host, in both families', () => {
  const probes = everyProbe([
    { where: 'web', to: '192.168.1.15', port: 7000, again: true },
    { where: 'web', to: '2001:db8::15', port: 7000, again: true },
    { where: 'other', to: '192.168.1.15', port: 7000, again: true },
    { where: 'host2', to: '192.168.1.32', port: 8080, again: true },
    { where: 'host2', to: '2001:db8::32', port: 8080, again: true },
  ])
  const { reports } = reachOnNewHost(
    `
    dual_stack
    ip address add 192.168.1.33/24 dev eth0
    ip address add 2001:db8::33/64 dev eth0 nodad preferred_lft 0
    ${web} --source 192.168.1.33 --source 2001:db8::33
    natspace up -q other
    reach all`,
    { all: { servers: [...everyServer('web', 80), ...everyServer('host2', 7000)], probes } },
  )
  expect(peersOf(probes, reports.all.answers)).toEqual(
    expected([
      '192.168.1.15: 192.168.1.33',
      '2001:db8::15: 2001:db8::33',
      '192.168.1.15: 192.168.1.32',
      '192.168.1.32: 192.168.1.15',
      '2001:db8::32: 2001:db8::15',
    ]),
  )
})

/** Linux 6.17 and later. */
const canForce = existsSync('/proc/sys/net/ipv6/conf/default/force_forwarding')

/**
 * Where the kernel has no force_forwarding: its folder of defaults, in which natspace looks for it, without that file. As
 * the links still have theirs, the cable is born with what it would be given; the uplink is not.
 */
const likeOlderKernel = `
sysctl -qw net.ipv6.conf.default.force_forwarding=1
mkdir /run/default
for leaf in /proc/sys/net/ipv6/conf/default/*; do
  test \${leaf##*/} = force_forwarding || cat $leaf >/run/default/\${leaf##*/} 2>/dev/null || true
done
mount --bind /run/default /proc/sys/net/ipv6/conf/default
`

describe('the route that a router advertised to this host', () => {
  const without = { kernel: 'a kernel without', during: 'all 1, eth0 0, accept_ra 2' }
  const kernels = canForce
    ? [
        { kernel: 'a kernel with force_forwarding', prepare: '', during: 'all 0, eth0 1, accept_ra 1' },
        { ...without, prepare: likeOlderKernel },
      ]
    : [{ ...without, prepare: '' }]
  for (const { kernel, prepare, during } of kernels)
    test(`survives up and down, and goes on being renewed: ${kernel}`, () => {
      const probes = everyProbe([{ where: 'web', to: '2001:db8:a::15', port: 7000, again: true }])
      const { output, reports } = reachOnNewHost(
        `
        until_settled; until_settled '-n host2'
        # The time left is rounded, and a second may pass meanwhile.
        routes() {
          ip -6 route show default | sed "s/^/$1: /; s/via fe80[0-9a-f:]*/via fe80/; s/expires \\([0-9]*\\)[0-9]sec/expires \\1.sec/"
        }
        switches() {
          echo "$1: all $(sysctl -n net.ipv6.conf.all.forwarding), eth0 $(cat /proc/sys/net/ipv6/conf/eth0/force_forwarding 2>/dev/null || echo 0), accept_ra $(sysctl -n net.ipv6.conf.eth0.accept_ra)"
        }
        advertised() {
          advertise eth0 $2 2001:db8:a::
          for attempt in $(seq 200); do ip -6 route show default | grep -q "expires $3" && break; sleep 0.01; done
          routes $1
        }
        ip -n host2 address add 2001:db8:a::15/64 dev eth0 nodad
        ${prepare}
        advertised before 1805 180
        until_settled
        natspace up -q web
        routes up; switches up
        advertised during 2405 240
        reach all
        natspace down -q web
        routes down; switches down
        advertised after 3005 300`,
        { all: { servers: everyServer('host2', 7000), probes } },
      )
      const route = 'default via fe80 dev eth0 proto ra metric 1024 expires'
      const rest = 'hoplimit 64 pref medium'
      expect(output.trim().split('\n')).toEqual([
        `before: ${route} 180.sec ${rest}`,
        `up: ${route} 180.sec ${rest}`,
        `up: ${during}`,
        `during: ${route} 240.sec ${rest}`,
        `down: ${route} 240.sec ${rest}`,
        'down: all 0, eth0 0, accept_ra 1',
        `after: ${route} 300.sec ${rest}`,
      ])
      // By the address that the host made itself of the router's prefix.
      const seen = protocols.map((_, index) => reports.all.answers[index + 1]?.peer)
      expect(seen.map(peer => peer?.replace(/^2001:db8:a:.*$/, 'of the prefix'))).toEqual(
        protocols.map(() => 'of the prefix'),
      )
    })
})
