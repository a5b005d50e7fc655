/** Addresses and reach of containers (CNI): of both families, several, given by other plugins; who reaches whom as who. */
import { describe, expect } from 'bun:test'
import { existsSync } from 'node:fs'
import { expectOnNewHost } from '../support/host.ts'
import type { Probe, Server } from '../support/reach/exchange.ts'
import { reachOnNewHost } from '../support/reach/on-host.ts'
import { requireTool, testUnless } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl', 'ping', 'diff', 'strace')

/** Commands for the scripts below. */
const helpers = `
sysctl -qw net.ipv6.conf.default.accept_dad=0
# network NAME MEMBERS: a configuration with more members of JSON.
network() { echo "{\\"cniVersion\\":\\"\${version-1.0.0}\\",\\"name\\":\\"$1\\",\\"type\\":\\"natspace\\"$2}"; }
# cni COMMAND CONTAINER CONFIGURATION: one request; prints what the plugin prints, and its status where that is not 0.
cni() {
  echo "$3" | env CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=\${interface-eth0} \\
    CNI_ARGS=$arguments CNI_PATH=\${path-/nowhere} $executable || echo "status $?"
}
container() { for name in "$@"; do ip netns add $name; ip -n $name link set lo up; done; }
# inside NAME: addresses and routes, without what IPv6 has for each link.
inside() {
  ip -n $1 -o address show scope global | sed 's/^[0-9]*: *\\([^ ]*\\) *inet6* \\([^ ]*\\).*/\\1 \\2/'
  for family in 4 6; do ip -n $1 -$family route | grep -v fe80 | sed 's/ *$//; s/ pref medium//' || true; done
}
pings() { ip netns exec $1 ping -qc1 -W2 $2 >/run/ping && echo "$1 reaches $2" || echo "$1 does not reach $2"; }
`
const onHost = (script: string): string => expectOnNewHost(`${helpers}\n${script}`)
const lines = (output: string, pattern: RegExp): string[] =>
  output.split('\n').filter(line => pattern.test(line))
/** The JSON objects that a script printed, which begin and end at the left margin. */
const objects = (output: string): Record<string, unknown>[] =>
  [...output.matchAll(/^\{$[\s\S]*?^\}$/gm)].map(match => JSON.parse(match[0]))

const both =
  ',"ipam":{"type":"host-local","ranges":[[{"subnet":"fd10:88::/64"}],[{"subnet":"10.88.0.0/16"}]],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}'

/** TCP to port 80 of each target, from each place; what is to answer is asked twice. */
const probesOf = (targets: readonly [where: string, to: string, port: number][]): Probe[] =>
  targets.map(([where, to, port], index) => ({
    id: index + 1,
    ...(where === '' ? {} : { where }),
    protocol: 'tcp' as const,
    to,
    port,
    again: true,
  }))
const serversIn = (...places: string[]): Server[] =>
  places.flatMap(where =>
    ([4, 6] as const).map(family => ({ where, protocol: 'tcp' as const, family, port: 80 })),
  )

/** Who reaches whom, and as who: `c1 > 192.168.1.15: 10.88.0.2`. */
const reachIn = (
  script: string,
  servers: readonly Server[],
  targets: readonly [where: string, to: string, port: number][],
): string[] => {
  const probes = probesOf(targets)
  const { reports } = reachOnNewHost(`${helpers}\n${script}\nreach all`, { all: { servers, probes } })
  return probes.map(
    ({ id, where = 'host', to }) => `${where} > ${to}: ${reports.all.answers[id]?.peer ?? 'nothing'}`,
  )
}

describe('addresses', () => {
  test('of both families with the length of their subnet, and the way to it by the gateway', () => {
    const output = onHost(`
      ip address add 2001:db8::32/64 dev eth0 nodad; ip -n host2 address add 2001:db8::15/64 dev eth0 nodad
      container c1
      snapshot >/run/before
      result=$(cni ADD c1 "$(network net '${both}')")
      echo "$result"
      inside c1
      pings c1 192.168.1.15; pings c1 2001:db8::15; pings c1 fd10:88::1
      cni CHECK c1 "$(network net "${both.replaceAll('"', '\\"')},\\"prevResult\\":$result")"
      name=$(natspace ls | grep -o 'cni-c1-[0-9a-z]*')
      for to in 192.168.1.15 2001:db8::15; do
        natspace doctor -q $name --to $to >/run/doctor && echo 'doctor content' || cat /run/doctor
      done
      natspace status -q >/run/status && echo healthy
      natspace status $name --json | grep -o '"fd10:88::2/64"\\|"10.88.0.2/16"'
      cni DEL c1 "$(network net)"
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(objects(output)[0]).toMatchObject({
      ips: [
        { address: 'fd10:88::2/64', gateway: 'fd10:88::1', interface: 1 },
        { address: '10.88.0.2/16', gateway: '10.88.0.1', interface: 1 },
      ],
    })
    expect(lines(output.replace(/^\{$[\s\S]*?^\}$/gm, ''), /./)).toEqual([
      'eth0 10.88.0.2/16',
      'eth0 fd10:88::2/64',
      'default via 10.88.0.1 dev eth0',
      '10.88.0.0/16 via 10.88.0.1 dev eth0 src 10.88.0.2',
      '10.88.0.1 dev eth0 scope link src 10.88.0.2',
      'fd10:88::1 dev eth0 src fd10:88::2 metric 1024',
      'fd10:88::/64 via fd10:88::1 dev eth0 src fd10:88::2 metric 1024',
      'default via fd10:88::1 dev eth0 metric 1024',
      ...['192.168.1.15', '2001:db8::15', 'fd10:88::1'].map(to => `c1 reaches ${to}`),
      ...['doctor content', 'doctor content', 'healthy', '"10.88.0.2/16"', '"fd10:88::2/64"', 'EQUAL'],
    ])
  })

  test('several of each family, routes with all that they may say; gateways go with the last who has them', () => {
    const fixed = (host: number) =>
      `,"ipam":{"type":"static","addresses":[{"address":"10.10.0.${host}/24","gateway":"10.10.0.254"},{"address":"10.11.0.${host}/24"},{"address":"fd10::${host}/64"},{"address":"fd11::${host}/64"}],"routes":[{"dst":"0.0.0.0/0","mtu":1400,"advmss":1300,"priority":7},{"dst":"10.20.0.0/16","gw":"10.11.0.1"},{"dst":"10.30.0.0/16","scope":253},{"dst":"10.40.0.0/16","table":100},{"dst":"fd20::/64","gw":"fd11::1","priority":9}]}`
    const output = onHost(`
      container c1 c2
      snapshot >/run/before
      version=1.1.0 cni ADD c1 "$(version=1.1.0 network net '${fixed(5)}')"
      cni ADD c2 "$(network net '${fixed(6)}')" >/run/result
      inside c1; ip -n c1 route show table 100
      pings c2 10.11.0.5
      pings c1 10.11.0.1
      natspace status -q >/run/status && echo healthy || cat /run/status
      cni DEL c2 "$(network net)"
      pings c1 10.11.0.1; pings c1 fd11::1
      nft list set inet natspace inside6 | grep -o 'fd1[01]::[0-9a-f]*' | sort | tr '\\n' ' '; echo
      natspace status -q >/run/status && echo healthy
      cni DEL c1 "$(network net)"
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(objects(output)[0]?.routes).toEqual([
      { dst: '0.0.0.0/0', gw: '10.10.0.254', mtu: 1400, advmss: 1300, priority: 7 },
      { dst: '10.20.0.0/16', gw: '10.11.0.1' },
      { dst: '10.30.0.0/16', scope: 253 },
      { dst: '10.40.0.0/16', gw: '10.10.0.254', table: 100 },
      { dst: 'fd20::/64', gw: 'fd11::1', priority: 9 },
    ])
    const found = lines(output.replace(/^\{$[\s\S]*?^\}$/gm, ''), /./)
    for (const line of [
      'eth0 10.10.0.5/24',
      'eth0 10.11.0.5/24',
      'eth0 fd10::5/64',
      'eth0 fd11::5/64',
      'default via 10.10.0.254 dev eth0 metric 7 mtu 1400 advmss 1300',
      '10.20.0.0/16 via 10.11.0.1 dev eth0',
      '10.30.0.0/16 dev eth0 scope link',
      'fd20::/64 via fd11::1 dev eth0 metric 9',
      '10.11.0.0/24 via 10.11.0.1 dev eth0 src 10.11.0.5',
    ])
      expect(found).toContain(line)
    expect(found.slice(-9).map(line => line.trim())).toEqual([
      '10.40.0.0/16 via 10.10.0.254 dev eth0',
      'c2 reaches 10.11.0.5',
      'c1 reaches 10.11.0.1',
      'healthy',
      'c1 reaches 10.11.0.1',
      'c1 reaches fd11::1',
      'fd10::1 fd10::5 fd11::1 fd11::5',
      'healthy',
      'EQUAL',
    ])
  })

  test('of IPv6 alone: out as this host, in by a published port, and no trace of IPv4', () => {
    const alone =
      ',"ipam":{"subnet":"fd10:88::/64"},"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80}]}'
    const seen = reachIn(
      `
      dual_stack
      container c1
      snapshot >/run/before
      cni ADD c1 "$(network net '${alone}')" >/run/result
      inside c1 >/run/inside
      grep -q 'eth0 fd10:88::2/64' /run/inside
      ! grep 10. /run/inside
      test "$(cat /proc/sys/net/ipv4/ip_forward)" = 0
      natspace status -q >/run/status
      natspace ls >/run/ls; grep -q 'fd10:88::2' /run/ls`,
      serversIn('c1', 'host2'),
      [
        ['c1', '2001:db8::15', 80],
        ['host2', '2001:db8::32', 8080],
        ['', '2001:db8::32', 8080],
        ['host2', '192.168.1.32', 8080],
      ],
    )
    expect(seen).toEqual([
      'c1 > 2001:db8::15: 2001:db8::32',
      'host2 > 2001:db8::32: 2001:db8::15',
      expect.stringMatching(/^host > 2001:db8::32: (fd10:88::1|2001:db8::32)$/),
      'host2 > 192.168.1.32: nothing',
    ])
  })

  test('are never given twice, of either family, and are asked for by four ways', () => {
    const output = onHost(`
      names=$(for n in $(seq 8); do echo c$n; done)
      container $names asked
      snapshot >/run/before
      for name in $names; do cni ADD $name "$(network net '${both}')" >/run/result-$name & done; wait
      cat /run/result-*
      ips='${both},"runtimeConfig":{"ips":["10.88.9.9/16"]},"args":{"cni":{"ips":["fd10:88::99"]}}'
      cni ADD asked "$(network net "$ips")"
      container second
      cni ADD second "$(network net "$ips")"
      arguments='IP=10.88.9.10,fd10:88::9a' cni ADD second "$(network net '${both}')"
      natspace status -q >/run/status && echo healthy
      for name in $names asked second; do cni DEL $name "$(network net)" & done; wait
      ip netns del second
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    const results = objects(output)
    const given = results.flatMap(({ ips }) => ((ips ?? []) as { address: string }[]).map(ip => ip.address))
    expect({ given: new Set(given).size, results }).toMatchObject({ given: 20 })
    expect(
      results.slice(8).map(({ code, ips }) => code ?? (ips as { address: string }[])[1]?.address),
    ).toEqual(['10.88.9.9/16', 102, '10.88.9.10/16'])
    expect(lines(output, /healthy|EQUAL/)).toEqual(['healthy', 'EQUAL'])
  })

  test('what others have is refused, and a container whose ports change keeps all of its addresses', () => {
    const several =
      ',"ipam":{"type":"static","addresses":[{"address":"10.10.0.5/24"},{"address":"10.11.0.5/24"},{"address":"fd10::5/64"},{"address":"fd11::5/64"}]},"noMasquerade":["10.244.0.0/16"]'
    const of = (subnet: string) => `,"ipam":{"ranges":[[{"subnet":"10.88.0.0/24"}],[{"subnet":"${subnet}"}]]}`
    const output = onHost(`
      ip address add 2001:db8::32/64 dev eth0 nodad
      container c1 c2
      snapshot >/run/before
      cni ADD c2 "$(network net '${of('2001:db8::/64')}')"
      cni ADD c2 "$(network net '${of('192.168.1.0/24')}')"
      cni ADD c1 "$(network net '${several}')" >/run/result
      inside c1 >/run/first; nft list table inet natspace | sed 's/counter .*//' >/run/first-table
      name=$(natspace ls | grep -o 'cni-c1-[0-9a-z]*')
      natspace publish -q $name 8080:80
      nft list map inet natspace publish6 | grep -o 'fd1.::5 . 80'
      natspace status -q >/run/status && echo healthy
      natspace unpublish -q $name 8080
      inside c1 >/run/second; nft list table inet natspace | sed 's/counter .*//' >/run/second-table
      diff /run/first /run/second && diff /run/first-table /run/second-table && echo UNCHANGED
      cni DEL c1 "$(network net)"
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(objects(output).map(({ code, details }) => [code, String(details).slice(0, 13)])).toEqual(
      Array(2).fill([100, 'code OVERLAP;']),
    )
    expect(lines(output, /fd1|healthy|UNCHANGED|EQUAL/)).toEqual([
      'fd10::5 . 80',
      'healthy',
      'UNCHANGED',
      'EQUAL',
    ])
  })

  test('natspace gc leaves what belongs to containers of another state folder', () => {
    const output = onHost(`
      container c1
      own() { NATSPACE_STATE=/run/other "$@"; }
      own cni ADD c1 "$(network net ',"ipam":{"type":"static","addresses":[{"address":"10.10.0.5/24"},{"address":"10.11.0.5/24"},{"address":"fd10::5/64"},{"address":"fd11::5/64"}]},"noMasquerade":["10.244.0.0/16","10.245.0.7/32","fd20::/48"]')" >/run/result
      natspace up -q web; natspace down -q web
      nft list table inet natspace >/run/before
      natspace gc -q; natspace up -q web; natspace gc -q; natspace down -q web
      nft list table inet natspace >/run/after
      diff /run/before /run/after && echo UNCHANGED
      own natspace status -q >/run/status && echo healthy || cat /run/status`)
    expect(lines(output, /./)).toEqual(['UNCHANGED', 'healthy'])
  })

  test('a container whose record is lost leaves nothing beside one that stays', () => {
    const several =
      ',"ipam":{"type":"static","addresses":[{"address":"10.10.0.5/24"},{"address":"10.11.0.5/24"},{"address":"fd10::5/64"},{"address":"fd11::5/64"}]},"noMasquerade":["10.244.0.0/16","10.245.0.7/32","fd20::/48"],"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80}]}'
    const output = onHost(`
      container c1 c2
      cni ADD c2 "$(network net ',"ipam":{"type":"static","addresses":[{"address":"10.10.0.6/24"},{"address":"fd11::6/64"}]}')" >/run/result
      elements() { nft list table inet natspace | grep -v 'elements = { }'; }
      elements >/run/before
      cni ADD c1 "$(network net '${several}')" >/run/result
      rm /run/natspace/spaces/cni-c1-*
      cni DEL c1 "$(network net)"
      elements >/run/after
      diff /run/before /run/after && echo EQUAL
      natspace status -q >/run/status && echo healthy
      pings c2 10.10.0.1; pings c2 fd11::1`)
    expect(lines(output, /./)).toEqual(['EQUAL', 'healthy', 'c2 reaches 10.10.0.1', 'c2 reaches fd11::1'])
  })

  test('CHECK finds what is missing of each, and mends nothing', () => {
    const output = onHost(`
      container c1
      configuration='${both},"noMasquerade":["10.244.0.0/16"]'
      result=$(cni ADD c1 "$(network net "$configuration")")
      check() { cni CHECK c1 "$(network net "$configuration,\\"prevResult\\":$result")"; }
      cable=$(ip -br link | grep -o '^veth-[0-9a-z]*')
      check; echo right
      try() { echo "# $1"; eval "$1"; check; eval "$2"; check && echo mended; }
      try 'ip -n c1 -6 route delete fd10:88::/64' 'ip -n c1 -6 route add fd10:88::/64 via fd10:88::1 dev eth0 src fd10:88::2'
      try 'ip route delete 10.88.0.2' "ip route add 10.88.0.2 dev $cable"
      try "ip link set $cable group 7" "ip link set $cable group $(ip -j -d link show $cable | grep -o '"group":"[^"]*"' | cut -d'"' -f4)"
      try 'nft delete element inet natspace outbound6 { fd10:88::2 }' 'nft add element inet natspace outbound6 { fd10:88::2 }'
      try 'nft delete element inet natspace accepted4 { 10.88.0.2 . 10.244.0.0/16 }' 'nft add element inet natspace accepted4 { 10.88.0.2 . 10.244.0.0/16 }'
      try 'nft delete element inet natspace untranslated4 { 10.88.0.2 . 10.244.0.0/16 }' 'nft add element inet natspace untranslated4 { 10.88.0.2 . 10.244.0.0/16 }'
      echo '# the result'
      result=$(echo "$result" | sed 's/fd10:88::2/fd10:88::3/'); check`)
    const parts = output.split(/^# /m)
    expect(lines(parts[0] ?? '', /./)).toEqual(['right'])
    expect(parts.slice(1).map(part => objects(part).map(({ code }) => code))).toEqual(Array(7).fill([104]))
    expect(lines(output, /mended/).length).toBe(6)
  })
})

describe('reach', () => {
  test('containers of one network reach each other as who they are; others, and those that are isolated, do not', () => {
    const of = (subnet: string, more = '') =>
      `,"ipam":{"ranges":[[{"subnet":"10.${subnet}.0.0/24"}],[{"subnet":"fd10:${subnet}::/64"}]]}${more}`
    const seen = reachIn(
      `
      dual_stack
      container a1 a2 b1 i1 i2 s1 s2
      snapshot >/run/before
      for name in a1 a2; do cni ADD $name "$(network a '${of('88')}')" >/run/result; done
      cni ADD b1 "$(network b '${of('89')}')" >/run/result
      for name in i1 i2; do cni ADD $name "$(network i '${of('90', ',"isolated":true')}')" >/run/result; done
      for name in s1 s2; do cni ADD $name "$(network s '${of('91', ',"internal":true')}')" >/run/result; done
      natspace up -q web --gateway 10.88.9.1/24 --address 10.88.9.2
      natspace status -q >/run/status`,
      serversIn('a1', 'a2', 'b1', 'i2', 's2', 'web'),
      [
        ['a1', '10.88.0.3', 80],
        ['a1', 'fd10:88::3', 80],
        ['a1', '10.89.0.2', 80],
        ['a1', 'fd10:89::2', 80],
        ['b1', '10.88.0.2', 80],
        ['i1', '10.90.0.3', 80],
        ['i1', 'fd10:90::3', 80],
        ['a1', '10.90.0.3', 80],
        ['a1', '10.88.9.2', 80],
        ['web', '10.88.0.2', 80],
        ['s1', '10.91.0.3', 80],
        ['a1', '10.91.0.3', 80],
        ['host2', '10.88.0.2', 80],
      ],
    )
    expect(seen).toEqual([
      'a1 > 10.88.0.3: 10.88.0.2',
      'a1 > fd10:88::3: fd10:88::2',
      'a1 > 10.89.0.2: nothing',
      'a1 > fd10:89::2: nothing',
      'b1 > 10.88.0.2: nothing',
      'i1 > 10.90.0.3: nothing',
      'i1 > fd10:90::3: nothing',
      'a1 > 10.90.0.3: nothing',
      'a1 > 10.88.9.2: nothing',
      'web > 10.88.0.2: nothing',
      // Whoever is shut in can answer nobody but its gateway, and so is asked by that.
      's1 > 10.91.0.3: 10.91.0.1',
      'a1 > 10.91.0.3: nothing',
      'host2 > 10.88.0.2: nothing',
    ])
  })

  const beside = `
      dual_stack
      ip -n host2 route add 10.88.0.0/24 via 192.168.1.32; ip -n host2 route add fd10:88::/64 via 2001:db8::32
      # A network whose place is elsewhere, and one of which only a part is written down.
      ip -n host2 address add 10.99.0.1/32 dev lo; ip -n host2 address add 10.77.0.1/32 dev lo
      ip link add other type veth peer name other-end; ip link set other up; ip link set other-end up; ip route add 10.99.0.0/16 dev other
      ip route add 10.77.0.0/16 via 192.168.1.15`
  const own =
    ',"ipam":{"ranges":[[{"subnet":"10.88.0.0/24"}],[{"subnet":"fd10:88::/64"}]]},"noMasquerade":["192.168.1.0/24","10.99.0.0/16","2001:db8::/64","192.168.0.0/16","10.88.0.0/16"]'

  test('networks that know the way see the address of a container, and reach it; nobody else does, whatever it claims', () => {
    const seen = reachIn(
      `${beside}
      container c1 c2 plain
      cni ADD c1 "$(network net '${own}')" >/run/result
      cni ADD c2 "$(network net '${own}')" >/run/result
      # In a network that c1 accepts, but neither its own nor outside; and one that is translated.
      cni ADD plain "$(network plain ',"ipam":{"subnet":"10.88.7.0/24"}')" >/run/result
      natspace status -q >/run/status`,
      serversIn('c1', 'plain', 'host2'),
      [
        ['c1', '192.168.1.15', 80],
        ['c1', '2001:db8::15', 80],
        ['plain', '192.168.1.15', 80],
        ['host2', '10.88.0.2', 80],
        ['host2', 'fd10:88::2', 80],
        ['plain', '10.88.0.2', 80],
        ['host2', '10.88.7.2', 80],
        ['c1', '10.77.0.1', 80],
      ],
    )
    expect(seen).toEqual([
      'c1 > 192.168.1.15: 10.88.0.2',
      'c1 > 2001:db8::15: fd10:88::2',
      'plain > 192.168.1.15: 192.168.1.32',
      'host2 > 10.88.0.2: 192.168.1.15',
      'host2 > fd10:88::2: 2001:db8::15',
      'plain > 10.88.0.2: nothing',
      'host2 > 10.88.7.2: nothing',
      'c1 > 10.77.0.1: 192.168.1.32',
    ])
  })

  test('whoever claims an address of an accepted network that has its place elsewhere is dropped', () => {
    const probes: Probe[] = ['192.168.1.15', '10.99.0.1', '10.77.0.1'].map((from, index) => ({
      ...{ id: index + 1, where: 'host2', protocol: 'udp' as const, to: '10.88.0.2', port: 80 },
      ...{ from, again: from === '192.168.1.15' },
    }))
    const { reports } = reachOnNewHost(
      `${helpers}${beside}
      sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
      container c1
      cni ADD c1 "$(network net '${own}')" >/run/result
      reach all`,
      { all: { servers: [{ where: 'c1', protocol: 'udp', family: 4, port: 80 }], probes } },
    )
    expect(reports.all.arrived).toEqual([1])
  })

  test('ipMasq false keeps the source for everybody, and lets nobody begin; accept says who may', () => {
    const of = (more: string) => `,"ipam":{"subnet":"10.88.0.0/24"}${more}`
    const seen = reachIn(
      `${beside}
      container c1 c2 c3
      cni ADD c1 "$(network net '${of(',"ipMasq":false')}')" >/run/result
      cni ADD c2 "$(network net '${of(',"noMasquerade":["192.168.1.0/24"],"accept":[]')}')" >/run/result
      cni ADD c3 "$(network net '${of(',"accept":["192.168.1.15/32"]')}')" >/run/result`,
      serversIn('c1', 'c2', 'c3', 'host2'),
      [
        ['c1', '192.168.1.15', 80],
        ['c1', '10.77.0.1', 80],
        ['host2', '10.88.0.2', 80],
        ['c2', '192.168.1.15', 80],
        ['host2', '10.88.0.3', 80],
        ['c3', '192.168.1.15', 80],
        ['host2', '10.88.0.4', 80],
      ],
    )
    expect(seen).toEqual([
      'c1 > 192.168.1.15: 10.88.0.2',
      'c1 > 10.77.0.1: 10.88.0.2',
      'host2 > 10.88.0.2: nothing',
      'c2 > 192.168.1.15: 10.88.0.3',
      'host2 > 10.88.0.3: nothing',
      'c3 > 192.168.1.15: 192.168.1.32',
      'host2 > 10.88.0.4: 192.168.1.15',
    ])
  })

  test('a firewall of others that drops what is let in is told of, and opened where that is asked for', () => {
    const seen = (more: string) =>
      reachIn(
        `${beside}
      iptables -P FORWARD DROP
      iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
      iptables -A FORWARD -s 10.88.0.0/24 ! -d 10.88.0.0/24 -j ACCEPT
      container c1 c2
      for name in c1 c2; do cni ADD $name "$(network net '${own}${more}')" >/run/result 2>/run/warnings; done
      ${more === '' ? 'grep -q FORWARD /run/warnings' : '! grep . /run/warnings'}`,
        serversIn('c1', 'c2'),
        [
          ['host2', '10.88.0.2', 80],
          ['c1', '10.88.0.3', 80],
        ],
      )
    expect(seen('')).toEqual(['host2 > 10.88.0.2: nothing', 'c1 > 10.88.0.3: nothing'])
    expect(seen(',"fixFirewall":true')).toEqual([
      'host2 > 10.88.0.2: 192.168.1.15',
      'c1 > 10.88.0.3: 10.88.0.2',
    ])
  })

  test('published ports of IPv6 lead to the container, from outside, this host, a sibling and itself', () => {
    const ports =
      ',"ipam":{"ranges":[[{"subnet":"fd10:88::/64"}],[{"subnet":"10.88.0.0/24"}]]},"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80},{"hostPort":8081,"containerPort":80,"hostIP":"2001:db8::32"}]}'
    const seen = reachIn(
      `
      dual_stack
      container c1 c2
      cni ADD c1 "$(network net '${ports}')" >/run/result
      cni ADD c2 "$(network net ',"ipam":{"ranges":[[{"subnet":"fd10:88::/64"}],[{"subnet":"10.88.0.0/24"}]]}')" >/run/result`,
      serversIn('c1'),
      [
        ['host2', '2001:db8::32', 8080],
        ['host2', '2001:db8::32', 8081],
        ['host2', '192.168.1.32', 8080],
        ['host2', '192.168.1.32', 8081],
        ['', '::1', 8080],
        ['c2', '2001:db8::32', 8080],
        ['c1', '2001:db8::32', 8080],
      ],
    )
    expect(seen).toEqual([
      'host2 > 2001:db8::32: 2001:db8::15',
      'host2 > 2001:db8::32: 2001:db8::15',
      'host2 > 192.168.1.32: 192.168.1.15',
      'host2 > 192.168.1.32: nothing',
      expect.stringMatching(/^host > ::1: (fd10:88::1|2001:db8::32)$/),
      'c2 > 2001:db8::32: fd10:88::3',
      'c1 > 2001:db8::32: fd10:88::1',
    ])
  })
})

const plugins = ['/opt/cni/bin', '/usr/lib/cni'].find(folder => existsSync(`${folder}/host-local`))
const delegateTest = testUnless(
  plugins === undefined ? 'needs the reference plugins of CNI' : undefined,
  'run `npm test` as root, which installs them, or install containernetworking-plugins',
)

describe('addresses that another plugin gives', () => {
  const lease = (more = '') =>
    `,"ipam":{"type":"host-local","delegate":true,"dataDir":"/run/leases","ranges":[[{"subnet":"10.88.0.0/24"}],[{"subnet":"fd10:88::/64"}]],"routes":[{"dst":"0.0.0.0/0"}]}${more}`

  delegateTest('host-local gives them and has them back, whatever becomes of the rest', () => {
    const output = onHost(`
      path=/nowhere:${plugins}
      leases() { ls -A /run/leases/net | grep -v 'last\\|lock' | tr '\\n' ' '; echo leases; }
      container c1 c2
      natspace up -q -p 8080:80 web
      snapshot >/run/before
      result=$(cni ADD c1 "$(network net '${lease()}')")
      echo "$result"
      leases
      inside c1; pings c1 192.168.1.15
      cni CHECK c1 "$(network net '${lease()}'",\\"prevResult\\":$result")" && echo right
      cni ADD c1 "$(network net '${lease()}')"
      leases
      cni ADD c2 "$(network net '${lease(',"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80}]}')}')"
      leases
      mkdir /run/kept; mv /run/leases/net/*:* /run/leases/net/10.* /run/kept
      cni CHECK c1 "$(network net '${lease()}'",\\"prevResult\\":$result")"
      mv /run/kept/* /run/leases/net
      cni DEL c1 "$(network net '${lease()}')"
      cni DEL c1 "$(network net '${lease()}')"
      leases
      rm -r /run/leases
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    const [made, ...failures] = objects(output)
    expect(made?.ips).toMatchObject([{ address: '10.88.0.2/24' }, { address: 'fd10:88::2/64' }])
    expect(failures.map(({ code }) => code)).toEqual([101, 100, 107])
    const rest = output.replace(/^\{$[\s\S]*?^\}$/gm, '')
    expect(lines(rest, /leases|reaches|right|EQUAL|^default/).map(line => line.trim())).toEqual([
      '10.88.0.2 fd10:88::2 leases',
      'default via 10.88.0.1 dev eth0',
      'c1 reaches 192.168.1.15',
      'right',
      '10.88.0.2 fd10:88::2 leases',
      '10.88.0.2 fd10:88::2 leases',
      'leases',
      'EQUAL',
    ])
  })

  delegateTest('static, and resolvers of a plugin of our own; those of the configuration come first', () => {
    const own = {
      cniVersion: '1.0.0',
      ips: [{ address: '10.50.0.9/24', gateway: '10.50.0.1' }],
      routes: [{ dst: '10.60.0.0/16' }],
      dns: { nameservers: ['192.0.2.1'], search: ['example.org'] },
    }
    const output = onHost(`
      path=/run/plugins:${plugins}
      container c1 c2
      mkdir /run/plugins
      cat >/run/plugins/own.ipam_1 <<'END'
#!/bin/sh
cat >/dev/null; echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS" >>/run/asked
[ "$CNI_COMMAND" = ADD ] && cat /run/answer || true
END
      chmod +x /run/plugins/own.ipam_1
      echo '${JSON.stringify(own)}' >/run/answer
      snapshot >/run/before
      cni ADD c1 "$(network net ',"ipam":{"type":"static","delegate":true,"addresses":[{"address":"10.40.0.5/24","gateway":"10.40.0.1"}]}')"
      cni ADD c2 "$(network net ',"dns":{"nameservers":["192.0.2.2"]},"ipam":{"type":"own.ipam_1"}')"
      ip -n c2 route | sed 's/ *$//'
      valid=',"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"},{"containerID":"c2","ifname":"eth0"}]'
      for command in STATUS GC; do
        version=1.1.0 cni $command - "$(version=1.1.0 network net ",\\"ipam\\":{\\"type\\":\\"own.ipam_1\\"}$valid")"
      done
      cni DEL c1 "$(network net ',"ipam":{"type":"static","delegate":true}')"
      cni DEL c2 "$(network net ',"ipam":{"type":"own.ipam_1"}')"
      cat /run/asked
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    const [first, second] = objects(output)
    expect(first).toMatchObject({ ips: [{ address: '10.40.0.5/24' }], routes: [] })
    expect(second).toMatchObject({
      ips: [{ address: '10.50.0.9/24' }],
      dns: { nameservers: ['192.0.2.2'], search: ['example.org'] },
    })
    expect(lines(output.replace(/^\{$[\s\S]*?^\}$/gm, ''), /./)).toEqual([
      '10.50.0.0/24 via 10.50.0.1 dev eth0 src 10.50.0.9',
      '10.50.0.1 dev eth0 scope link src 10.50.0.9',
      '10.60.0.0/16 via 10.50.0.1 dev eth0',
      'ADD c2 eth0 /run/netns/c2',
      'STATUS - eth0 /run/netns/-',
      'GC - eth0 /run/netns/-',
      'DEL c2 eth0 /run/netns/c2',
      'EQUAL',
    ])
  })

  test('what cannot be used is given back, and whatever fails changes nothing', () => {
    const answers = [
      'no JSON',
      '[]',
      '{}',
      '{"ips":[]}',
      '{"ips":[{"address":"10.50.0.9"}]}',
      '{"ips":[{"address":"10.50.0.9/32"}]}',
      '{"ips":[{"address":"10.50.0.9/24","gateway":"x"}]}',
      '{"ips":[{"address":"10.50.0.9/24"}],"routes":[{"dst":"10.1.2.3/8"}]}',
      '{"ips":[{"address":"192.168.1.99/24"}]}',
    ]
    const output = onHost(`
      path=/run/plugins
      container c1
      mkdir /run/plugins
      printf '%s\\n' '#!/bin/sh' 'cat >/dev/null; echo "$CNI_COMMAND" >>/run/asked' \\
        'case $CNI_COMMAND in ADD) cat /run/answer; exit $(cat /run/status);; esac' >/run/plugins/own
      chmod +x /run/plugins/own; echo 0 >/run/status
      snapshot >/run/before
      own=$(network net ',"ipam":{"type":"own"}')
      ${answers.map(answer => `echo '${answer}' >/run/answer; cni ADD c1 "$own"`).join('\n')}
      tr '\\n' ' ' </run/asked; echo asked; rm /run/asked
      echo 1 >/run/status
      echo '{"code":11,"msg":"busy","details":"later"}' >/run/answer; cni ADD c1 "$own"
      echo '{"code":999,"msg":"full"}' >/run/answer; cni ADD c1 "$own"
      echo 'no JSON' >/run/answer; cni ADD c1 "$own"
      tr '\\n' ' ' </run/asked; echo asked
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    const codes = objects(output).map(({ code }) => code)
    expect(codes).toEqual([...Array(8).fill(107), 100, 11, 107, 107])
    expect(lines(output, /asked|EQUAL/)).toEqual([
      `${'ADD DEL '.repeat(9)}asked`,
      'ADD ADD ADD asked',
      'EQUAL',
    ])
  })

  test('S12: a plugin is taken by its name alone, out of the folders that the runtime names', () => {
    const output = onHost(`
      path=/run/plugins:relative
      container c1
      mkdir -p /run/plugins/folder /run/relative; cd /run; : >/run/plugins/plain
      printf '%s\\n' '#!/bin/sh' 'echo run >>/run/asked' | tee /run/own >/run/plugins/own
      cp /run/own /run/relative/other; chmod +x /run/own /run/plugins/own /run/relative/other
      for type in missing folder plain other ../own ../plugins/own /run/plugins/own . .. 'own;own' 'own own' 'own\\\\u0000'; do
        cni ADD c1 "$(network net ",\\"ipam\\":{\\"type\\":\\"$type\\"}")"
      done
      cni DEL c1 "$(network net ',"ipam":{"type":"../plugins/own"}')" && echo gone
      cat /run/asked || echo 'nothing was run'`)
    expect(objects(output).map(({ code }) => code)).toEqual(Array(12).fill(7))
    expect(lines(output, /^run|gone|nothing/)).toEqual(['gone', 'nothing was run'])
  })

  delegateTest('an ADD that is killed at any moment leaves no address that DEL does not give back', () => {
    const output = onHost(`
      path=${plugins}
      export CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 CNI_PATH=$path
      container c1
      snapshot >/run/before
      for call in sendto rename wait4,waitid; do
        for nth in 1 2 3 4 5 6 7 8; do
          network net '${lease()}' |
            strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$nth $executable >/run/result 2>&1 &&
            status=0 || status=$?
          cni DEL c1 "$(network net '${lease()}')"
          ls /run/leases/net | grep -v 'last\\|lock' || true
          [ $status = 0 ] && break
          [ $status = 137 ] || { echo "ended with $status"; cat /run/result; }
          echo killed
        done
      done
      rm -rf /run/leases
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    const found = lines(output, /./)
    expect(found.filter(line => line !== 'killed')).toEqual(['EQUAL'])
    expect(found.length).toBeGreaterThan(4)
  })
})
