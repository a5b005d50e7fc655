import { describe, expect, test } from 'bun:test'
import type { ResolvedSpace } from '../spec/types.ts'
import { articleSpace } from './article-space.ts'
import { iptablesNoRouterGuard, iptablesOf, iptablesRouterGuard, iptablesShared } from './iptables.ts'

const commands = (lines: readonly string[]) => lines.filter(line => !line.startsWith('#'))
const rulesOf = (rest: Partial<ResolvedSpace> = {}) => commands(iptablesOf([{ ...articleSpace, ...rest }]))
const ipv6 = { gateway: 'fd00::1', address: 'fd00::2', prefixLength: 126, network: 'fd00::/126' }
const port = (first: number, last = first) => ({ first, last })

/** What they do is tried on the real kernel in test/kernel/plan-reach.test.ts. */
describe('the rules of a space', () => {
  test('are the steps of the article, and the guard', () => {
    const rules = rulesOf()
    for (const rule of [
      'raw -I NATSPACE-GUARD -i veth1 -g NATSPACE-ON-veth1',
      "raw -A NATSPACE-GUARD '!' -i lo -d 192.168.45.3 -j DROP",
      'filter -I INPUT -i veth1 -j NATSPACE-HOST',
      "filter -A NATSPACE-ON-veth1 '!' -o eth0 -j NATSPACE-PINNED",
      'nat -A NATSPACE-SOURCE -s 192.168.45.3 -p tcp -j MASQUERADE --to-ports 32768-60999 --random-fully',
      'nat -A NATSPACE-SOURCE -s 192.168.45.3 -j MASQUERADE',
      'filter -A NATSPACE-ACCEPT -i veth1 -j ACCEPT',
      'filter -A NATSPACE-ACCEPT -o veth1 -j ACCEPT',
      'nat -A NATSPACE-PUBLISH -p tcp --dport 8080 -j DNAT --to-destination 192.168.45.3:80',
    ])
      expect(rules).toContain(`iptables -t ${rule}`)
    expect(rules.filter(rule => rule.startsWith('ip6tables'))).toEqual([])
  })

  test('are those of ip6tables too where the space has IPv6', () => {
    const rules = rulesOf({ ipv6, source: { ipv6: '2001:db8::1' } })
    expect(rules).toContain('ip6tables -t raw -A NATSPACE-ON-veth1 -s fd00::2 -j RETURN')
    expect(rules).toContain(
      "ip6tables -t nat -A NATSPACE-PUBLISH -p tcp --dport 8080 -j DNAT --to-destination '[fd00::2]:80'",
    )
    expect(rules).toContain(
      "ip6tables -t nat -A NATSPACE-SOURCE -s fd00::2 -p udp -j SNAT --to-source '[2001:db8::1]:32768-60999' --random-fully",
    )
    expect(rules).toContain('ip6tables -t nat -A NATSPACE-ON-veth1 -s ::1 -j MASQUERADE')
  })

  test('an internal space begins nothing, is not translated, and asks this host for echo alone', () => {
    const rules = rulesOf({ internal: true })
    expect(rules.filter(rule => rule.includes('-A NATSPACE-SOURCE'))).toEqual([])
    expect(rules.filter(rule => rule.includes('filter -A NATSPACE-ON-veth1'))).toEqual([
      'iptables -t filter -A NATSPACE-ON-veth1 -j REJECT --reject-with icmp-admin-prohibited',
    ])
    expect(rules).toContain('iptables -t filter -I INPUT -i veth1 -j NATSPACE-ECHO')
    expect(rules).toContain('iptables -t nat -A NATSPACE-ON-veth1 -j MASQUERADE')
  })

  test('a policy is a list of what goes on, and a refusal', () => {
    const { uplink: _, ...anywhere } = articleSpace
    const rules = commands(
      iptablesOf([
        {
          ...anywhere,
          host: 'all',
          connect: [{ name: 'db', hostInterface: 'veth-db', address: '10.2.0.2' }],
          egress: [
            { network: '10.0.0.0/8' },
            { port: port(53), protocol: 'udp' },
            { port: port(8000, 8010) },
            { network: '2001:db8::/32' },
          ],
        },
      ]),
    )
    expect(rules.filter(rule => rule.includes('filter -A NATSPACE-ON-veth1'))).toEqual(
      [
        '-o veth-db -j RETURN',
        '-j NATSPACE-METADATA',
        '-d 10.0.0.0/8 -j RETURN',
        '-p udp --dport 53 -j RETURN',
        '-p tcp --dport 8000:8010 -j RETURN',
        '-p udp --dport 8000:8010 -j RETURN',
        '-p sctp --dport 8000:8010 -j RETURN',
        '-j REJECT --reject-with icmp-admin-prohibited',
      ].map(match => `iptables -t filter -A NATSPACE-ON-veth1 ${match}`),
    )
    expect(rules.filter(rule => rule.includes('INPUT'))).toEqual([])
    expect(rules).toContain('iptables -t filter -I NATSPACE-CONNECTED -i veth1 -o veth-db -j RETURN')
  })

  test('ranges that keep their numbers are one rule, shifted ones one a port', () => {
    const publish = [
      { protocol: 'udp' as const, hostPort: port(9000, 9010), port: port(9000, 9010) },
      {
        protocol: 'tcp' as const,
        hostAddress: '127.0.0.1',
        hostPort: port(7000, 7001),
        port: port(6000, 6001),
      },
    ]
    expect(rulesOf({ publish, ipv6 }).filter(rule => rule.includes('DNAT --to'))).toEqual([
      'iptables -t nat -A NATSPACE-PUBLISH -p udp --dport 9000:9010 -j DNAT --to-destination 192.168.45.3',
      'iptables -t nat -A NATSPACE-PUBLISH -d 127.0.0.1 -p tcp --dport 7000 -j DNAT --to-destination 192.168.45.3:6000',
      'iptables -t nat -A NATSPACE-PUBLISH -d 127.0.0.1 -p tcp --dport 7001 -j DNAT --to-destination 192.168.45.3:6001',
      'ip6tables -t nat -A NATSPACE-PUBLISH -p udp --dport 9000:9010 -j DNAT --to-destination fd00::2',
    ])
  })

  test('names of chains are no longer than iptables takes them', () => {
    const names = commands([
      ...iptablesShared([{ ...articleSpace, ipv6 }], 'add'),
      ...iptablesOf([{ ...articleSpace, hostInterface: 'a'.repeat(15) }]),
    ]).flatMap(line => / -N (.*)$/.exec(line)?.[1] ?? [])
    expect(names.length).toBeGreaterThan(20)
    expect(Math.max(...names.map(name => name.length))).toBeLessThanOrEqual(28)
  })
})

test('removing takes away every rule in a chain of others, and every chain of our own', () => {
  const space = { ...articleSpace, ipv6 }
  const [added, removed] = (['add', 'remove'] as const).map(action =>
    commands([...iptablesShared([space], action), ...iptablesOf([space], action)]).map(line => line.trim()),
  )
  const matching = (lines: readonly string[] | undefined, pattern: RegExp, as: string) =>
    (lines ?? [])
      .filter(line => pattern.test(line))
      .map(line => line.replace(/ -[AIDNX] /, ` ${as} `))
      .toSorted()
  expect(matching(removed, / -X /, '-N')).toEqual(matching(added, / -N /, '-N'))
  const others = / -[AID] (PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) /
  expect(matching(removed, others, '-D')).toEqual(matching(added, others, '-D'))
})

test('the router guard is for each family by itself; a bridge goes on, and what forwarded before', () => {
  const none = { links: [], forwarding: [], bridges: [] }
  expect(iptablesRouterGuard(4, none)).toEqual([])
  const guarded = { links: ['eth0', 'br0'], forwarding: ['eth0'], bridges: ['br0'] }
  expect(commands(iptablesRouterGuard(6, guarded))).toEqual(
    [
      '-A NATSPACE-OLD-LINKS -o eth0 -j DROP',
      '-A NATSPACE-OLD-LINKS -o br0 -j DROP',
      '-I NATSPACE-OLD-LINKS -i br0 -o br0 -j RETURN',
      '-A NATSPACE-ROUTER -i br0 -j NATSPACE-OLD-LINKS',
    ].map(rule => `ip6tables -t filter ${rule}`),
  )
  expect(iptablesNoRouterGuard([4])).toEqual([
    'iptables -t filter -F NATSPACE-ROUTER',
    'iptables -t filter -F NATSPACE-OLD-LINKS',
  ])
})
