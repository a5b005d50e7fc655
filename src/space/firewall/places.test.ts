import { expect, test } from 'bun:test'
import { firewallNamed } from '../../../test/golden/nftables/firewalls.ts'
import type { Decider } from '../../linux/nftables/evaluate/index.ts'
import { placeOf } from './places.ts'

/** The texts of all rules of a chain. */
const texts = (name: string, table: string, chain: string, family: 'ip' | 'ip6' = 'ip'): string[] => {
  const ruleset = firewallNamed(name)
  const found = ruleset.tables
    .find(item => item.name === table && item.family === family)
    ?.chains.find(item => item.name === chain)
  return (found?.rules ?? []).map(({ handle }, index) => {
    const by: Decider = { family, table, chain, chainHandle: found?.handle ?? 0n, rule: { handle, index } }
    return placeOf(ruleset, by).text
  })
}

test('what iptables made is put into words', () => {
  expect(texts('docker', 'nat', 'PREROUTING')).toEqual(['fib daddr type local jump DOCKER'])
  expect(texts('docker', 'nat', 'DOCKER')).toEqual([
    'iifname != "docker0" tcp dport 8080 dnat to 172.17.0.2:80',
    'iifname != "docker0" ip daddr 192.168.1.32 tcp dport 9000 dnat to 172.17.0.3:9000',
  ])
  expect(texts('docker', 'filter', 'DOCKER-CT')).toEqual([
    'oifname "docker0" ct state established,related accept',
  ])
  expect(texts('a last rule that rejects', 'filter', 'FORWARD')).toEqual([
    'ct state established,related accept',
    'iifname "tailscale0" comment "by hand" accept',
    'reject',
  ])
  expect(
    texts('targets of iptables', 'nat', 'PREROUTING').map(text => text.replace(/^tcp dport \d /, '')),
  ).toEqual([
    'dnat to 10.0.0.1:80',
    'dnat to 10.0.0.1',
    'dnat to 10.0.0.1-10.0.0.9:80-90',
    'redirect to :3128',
  ])
  expect(texts('targets of iptables', 'nat', 'PREROUTING', 'ip6')[0]).toBe('tcp dport 1 dnat to [fd00::1]:80')
  expect(texts('targets of iptables', 'nat', 'POSTROUTING')).toEqual([
    'tcp dport 1 snat to 10.9.9.9',
    'tcp dport 2 masquerade',
  ])
})

test('what has no words is named', () => {
  const shown = texts('matches of iptables', 'filter', 'FORWARD')
  expect(shown[0]).toBe('comment "comment" ct state new,dnat')
  expect(shown[1]).toBe('comment "inverted state" ct state != established,related')
  expect(shown).toContain('comment "direction" xt match "conntrack"')
  expect(shown).toContain('tcp comment "multiport" dport { 22, 80-90 }'.replace(/^tcp /, 'meta l4proto tcp '))
  expect(shown).toContain('comment "bridge port" xt match "physdev"')
})

test('a reference into another ruleset is refused', () => {
  const by = { family: 'ip', table: 'nat', chain: 'NONE', chainHandle: 1n, rule: 'policy' } as const
  expect(() => placeOf(firewallNamed('docker'), by)).toThrow(RangeError)
})
