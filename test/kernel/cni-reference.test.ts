/** The same list through the reference plugins and through natspace in their place: what the container has is the same. */
import { describe, expect } from 'bun:test'
import { type Example, examples } from '../support/cni-examples.ts'
import { onCniHost, requirePlugins } from '../support/cni-script.ts'

const test = requirePlugins('ptp', 'host-local', 'portmap', 'bandwidth', 'tuning', 'firewall')

type Json = Record<string, unknown>

/** What is seen of a container, in lines of JSON or words, each under a name. */
const look = `
sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0
ip -n host2 address add 2001:db8::15/64 dev eth0 nodad; ip address add 2001:db8::32/64 dev eth0 nodad
fact() { echo "@$1"; shift; "$@" || true; }
pings() { ip netns exec $1 ping -qc1 -W2 $2 >/run/ping && echo yes || echo no; }
# sees ADDRESS: as who c1 comes to host2.
sees() {
  timeout 20 ip netns exec host2 nc -lnv 9000 >/run/got 2>/run/seen & waiting=$!
  for attempt in $(seq 1000); do ip netns exec host2 ss -Hltn 'sport = :9000' | grep -q . && break; sleep 0.01; done
  echo x | timeout 10 ip netns exec c1 nc -N -w2 $1 9000 || true
  kill $waiting 2>/run/kill || true; wait $waiting || true
  sed -n 's/^Connection received on \\([^ ]*\\) .*/\\1/p' /run/seen
}
look() {
  fact address ip -n c1 -j address show dev eth0
  fact route4 ip -n c1 -j -4 route; fact route6 ip -n c1 -j -6 route
  fact link ip -n c1 -j -d link show dev eth0
  fact settings ip netns exec c1 sysctl -n net.core.somaxconn net.ipv4.conf.eth0.arp_filter
}
`

/** Who reaches a published port. */
const published = `
fact published asks host2 192.168.1.32 8080 c1 80
fact local asks - 192.168.1.32 8080 c1 80
fact loopback asks - 127.0.0.1 8080 c1 80
fact sibling asks c2 192.168.1.32 8080 c1 80
fact itself asks c1 192.168.1.32 8080 c1 80
fact direct asks c2 $(ip -n c1 -4 -o address show dev eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/') 80 c1 80
`

/** One example on a host: two containers, everything that is asked about them, and away with them. */
const scriptOf = ({ wishes = {} }: Example, plugins: readonly object[]): string => `
${look}
container c1 c2
list /run/list '${JSON.stringify(plugins).slice(1, -1)}'
wish /run/wishes '${JSON.stringify(wishes)}'
wish /run/none '{}'
fact result chain ADD c1 /run/list /run/wishes
chain ADD c2 /run/list /run/none >/run/second
look
second=$(ip -n c2 -4 -o address show dev eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/')
fact outbound pings c1 192.168.1.15
fact outbound6 pings c1 2001:db8::15
fact source sees 192.168.1.15
fact neighbour pings c1 $second
fact gateway pings c1 $(ip -n c1 -4 route | sed -n 's/.*via \\([0-9.]*\\).*/\\1/p' | head -1)
${'portMappings' in wishes ? published : ''}
echo @limits
{ tc qdisc show; tc -n c1 qdisc show; } | sed -n 's/.*tbf.*\\(rate [^ ]* burst [^ ]*\\).*/\\1/p' | sort -u
echo @checked; chain CHECK c1 /run/list /run/wishes && echo right
echo @gone; for c in c1 c2; do chain DEL $c /run/list && echo gone; done; ip -n c1 -br link
`

/** What is compared, without names and numbers that differ from one run to the next. */
const factsOf = (output: string): Record<string, unknown> => {
  const parts = new Map(
    output
      .split(/^@/m)
      .slice(1)
      .map(part => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trim()]),
  )
  const json = (name: string): Json[] => JSON.parse(parts.get(name) || '[]') as Json[]
  const routesOf = (name: string) =>
    json(name)
      .filter(({ dst, protocol }) => !`${dst}`.startsWith('fe80') && protocol !== 'ra')
      .map(({ dst, gateway, dev, scope, metric, prefsrc }) => ({ dst, gateway, dev, scope, metric, prefsrc }))
      .toSorted((one, other) => (`${one.dst}` < `${other.dst}` ? -1 : 1))
  const result = JSON.parse(parts.get('result') || '{}') as Json
  const [link = {}] = json('link')
  const plain = Object.fromEntries(
    [...parts].filter(([name]) => !/^(address|route[46]|link|result)$/.test(name)),
  )
  return {
    ...plain,
    addresses: json('address')
      .flatMap(({ addr_info }) => addr_info as Json[])
      .filter(({ scope }) => scope === 'global')
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    route4: routesOf('route4'),
    route6: routesOf('route6'),
    mtu: link.mtu,
    promiscuity: link.promiscuity,
    flags: (link.flags as string[] | undefined)?.toSorted(),
    result: {
      version: result.cniVersion,
      ips: result.ips,
      dns: result.dns,
      sandboxes: (result.interfaces as Json[] | undefined)?.map(
        ({ name, sandbox }) => sandbox && [name, sandbox],
      ),
    },
  }
}

/** The reference plugin keeps its addresses below /var/lib unless it is told where: on this host it is. */
const kept = (plugin: object): object =>
  'ipam' in plugin ? { ...plugin, ipam: { ...(plugin.ipam as object), dataDir: '/run/leases' } } : plugin

/** CHECK of the reference plugins is not compared: it fails where they have just been asked for IFNAME, or for both families. */
const without = (facts: Json, name: string): Json =>
  Object.fromEntries(Object.entries(facts).filter(([key]) => key !== name))

describe('with natspace in the place of the reference plugins', () => {
  for (const example of examples)
    test(`${example.name}: addresses, routes and reach are the same`, () => {
      const { checked, ...natspace } = factsOf(onCniHost(scriptOf(example, [example.natspace])))
      expect(natspace).toEqual(
        without(factsOf(onCniHost(scriptOf(example, example.reference.map(kept)))), 'checked'),
      )
      expect(checked).toBe('right')
    }, 120_000)
})
