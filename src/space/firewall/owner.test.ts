import { describe, expect, test } from 'bun:test'
import { firewallNamed } from '../../../test/golden/nftables/firewalls.ts'
import {
  accept,
  type Chain,
  compile,
  counter,
  jump,
  type RuleState,
  rule,
  type Table,
} from '../../linux/nftables/index.ts'
import { ownerOfChain, ownerOfRule, ownerOfTable, ownersOfTable } from './owner.ts'

const chainOf = (name: string, rules: RuleState[] = []): Chain => ({ name, handle: 1n, rules })

const ruleOf = (comment: string | undefined, target?: string): RuleState => ({
  handle: 1n,
  instructions: compile(rule([counter(), target === undefined ? accept() : jump(target)]), 'ip'),
  ...(comment === undefined ? {} : { comment }),
})

const tableOf = (family: Table['family'], name: string, chains: string[]): Table => ({
  family,
  name,
  handle: 1n,
  flags: [],
  sets: [],
  objects: [],
  flowtables: [],
  chains: chains.map(chain => chainOf(chain)),
})

describe('whose table it is', () => {
  test.each([
    ['ip', 'filter', ['FORWARD', 'DOCKER-USER', 'DOCKER'], 'docker'],
    ['ip6', 'docker-bridges', ['filter-FORWARD'], 'docker'],
    ['ip', 'filter', ['FORWARD', 'ufw-before-forward'], 'ufw'],
    ['ip6', 'filter', ['FORWARD', 'ufw6-before-forward'], 'ufw'],
    ['inet', 'firewalld', ['filter_FORWARD'], 'firewalld'],
    ['ip', 'filter', ['FORWARD', 'FORWARD_ZONES'], 'firewalld'],
    ['ip', 'filter', ['FORWARD', 'LIBVIRT_FWO'], 'libvirt'],
    ['ip', 'libvirt_network', ['forward'], 'libvirt'],
    ['inet', 'incus', ['fwd.incusbr0'], 'incus'],
    ['inet', 'lxd', ['fwd.lxdbr0'], 'lxd'],
    ['ip', 'filter', ['FORWARD', 'ts-forward'], 'tailscale'],
    ['ip', 'nat', ['POSTROUTING', 'NETAVARK-1D8721804F16F'], 'netavark'],
    ['inet', 'netavark', ['FORWARD'], 'netavark'],
    ['ip', 'nat', ['POSTROUTING', 'CNI-a1b2c3', 'CNI-HOSTPORT-DNAT'], 'cni'],
    ['ip', 'nat', ['PREROUTING', 'KUBE-SERVICES'], 'kube-proxy'],
    ['ip', 'kube-proxy', ['services'], 'kube-proxy'],
    ['ip', 'filter', ['FORWARD', 'KUBE-FORWARD', 'KUBE-ROUTER-FORWARD'], 'kube-router'],
    ['ip', 'filter', ['FORWARD', 'FLANNEL-FWD'], 'flannel'],
    ['ip', 'filter', ['FORWARD', 'cali-FORWARD'], 'calico'],
    ['ip', 'filter', ['FORWARD', 'CILIUM_FORWARD'], 'cilium'],
    ['ip', 'filter', ['INPUT', 'f2b-sshd'], 'fail2ban'],
    ['inet', 'f2b-table', ['f2b-chain'], 'fail2ban'],
    ['ip', 'wg-quick-wg0', ['preraw'], 'wg-quick'],
    ['ip', 'filter', ['FORWARD'], 'iptables'],
    ['ip', 'filter', ['forward'], 'nftables'],
    ['inet', 'filter', ['FORWARD'], 'nftables'],
    ['inet', 'natspace', ['forward'], 'natspace'],
  ] as const)('%s %s with %p: %s', (family, name, chains, program) => {
    expect(ownerOfTable(tableOf(family, name, [...chains])).program).toBe(program)
  })

  test('of a table that several share, all are told', () => {
    const shared = tableOf('ip', 'filter', ['FORWARD', 'ufw-user-forward', 'DOCKER', 'ts-forward'])
    expect(ownersOfTable(shared).map(({ program }) => program)).toEqual(['docker', 'ufw', 'tailscale'])
  })
})

describe('whose rule it is', () => {
  const shared = tableOf('ip', 'filter', ['FORWARD', 'DOCKER-USER', 'ufw-user-forward'])
  const inForward = (item: RuleState) => ownerOfRule(shared, chainOf('FORWARD'), item).program

  test('tells its comment first, then its chain, then where it leads', () => {
    expect(inForward(ruleOf('natspace:myspace'))).toBe('natspace')
    expect(inForward(ruleOf('cali:abcd', 'DOCKER-USER'))).toBe('calico')
    expect(inForward(ruleOf('just so', 'ufw-user-forward'))).toBe('ufw')
    expect(ownerOfRule(shared, chainOf('ufw-user-forward'), ruleOf(undefined)).program).toBe('ufw')
  })

  test('one without a sign was written by hand, whoever else uses the table', () => {
    expect(inForward(ruleOf(undefined))).toBe('iptables')
    expect(ownerOfChain(shared, chainOf('FORWARD')).program).toBe('docker')
  })

  test('a comment that iptables keeps in a match is read too', () => {
    const ruleset = firewallNamed('a last rule that rejects')
    const [table] = ruleset.tables
    const chain = table?.chains[0] as Chain
    expect(chain.rules.map(item => ownerOfRule(table as Table, chain, item).program)).toEqual([
      'iptables',
      'iptables',
      'iptables',
    ])
  })
})
