import { expect, test } from 'bun:test'
import { articleSpace } from './article-space.ts'
import { iptablesOf, iptablesRouterGuard } from './iptables.ts'

const commands = (lines: readonly string[]) => lines.filter(line => !line.startsWith('#'))

test('the steps of the article are among the rules', () => {
  const rules = commands(iptablesOf(articleSpace))
  expect(rules).toContain(
    'iptables -t nat -A POSTROUTING -s 192.168.45.3 -o eth0 -j MASQUERADE --random-fully',
  )
  expect(rules).toContain('iptables -t filter -A FORWARD -i veth1 -j ACCEPT')
  expect(rules).toContain(
    'iptables -t filter -A FORWARD -o veth1 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
  )
  for (const chain of ['PREROUTING', 'OUTPUT'])
    expect(rules).toContain(
      `iptables -t nat -A ${chain} -p tcp -m addrtype --dst-type LOCAL -m tcp --dport 8080 -j DNAT --to-destination 192.168.45.3:80`,
    )
})

test('an internal space has no way out, and none is translated', () => {
  const rules = commands(iptablesOf({ ...articleSpace, internal: true, publish: [] }))
  expect(rules.filter(rule => rule.includes('-t nat'))).toEqual([])
  expect(rules).toContain('iptables -t filter -A FORWARD -i veth1 -m conntrack --ctdir ORIGINAL -j DROP')
})

test('ranges that keep their numbers are one rule, shifted ones one a port, the more specific first', () => {
  const publish = [
    { protocol: 'udp' as const, hostPort: { first: 9000, last: 9010 }, port: { first: 9000, last: 9010 } },
    {
      protocol: 'tcp' as const,
      hostAddress: '127.0.0.1',
      hostPort: { first: 7000, last: 7001 },
      port: { first: 6000, last: 6001 },
    },
  ]
  const rules = commands(iptablesOf({ ...articleSpace, publish })).filter(rule =>
    rule.includes('-A PREROUTING -p'),
  )
  expect(rules).toEqual([
    'iptables -t nat -A PREROUTING -p tcp -d 127.0.0.1 -m addrtype --dst-type LOCAL -m tcp --dport 7000 -j DNAT --to-destination 192.168.45.3:6000',
    'iptables -t nat -A PREROUTING -p tcp -d 127.0.0.1 -m addrtype --dst-type LOCAL -m tcp --dport 7001 -j DNAT --to-destination 192.168.45.3:6001',
    'iptables -t nat -A PREROUTING -p udp -m addrtype --dst-type LOCAL -m udp --dport 9000:9010 -j DNAT --to-destination 192.168.45.3',
  ])
})

test('removing is adding backwards', () => {
  const added = commands(iptablesOf(articleSpace))
  const removed = commands(iptablesOf(articleSpace, 'remove'))
  expect(removed.toReversed().map(rule => rule.replace(' -D ', ' -A '))).toEqual(added)
  expect(iptablesRouterGuard([])).toEqual([])
  expect(iptablesRouterGuard(['eth0'], 'remove').at(-1)).toBe('iptables -X NATSPACE-ROUTER')
})
