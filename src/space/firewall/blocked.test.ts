import { describe, expect, test } from 'bun:test'
import { firewallNamed } from '../../../test/golden/nftables/firewalls.ts'
import type { Ruleset } from '../../linux/nftables/index.ts'
import { forwardVerdicts } from './blocked.ts'
import { type FlowSource, flowsOf } from './flows.ts'

/** The article's space behind firewalls that other programs made. */

const space: FlowSource = {
  hostInterface: 'veth1',
  uplink: 'eth0',
  addresses: { 4: '192.168.45.3' },
  published: [{ protocol: 'tcp', hostPort: 8080, port: 80 }],
}

const blocked = (ruleset: Ruleset, source: FlowSource = space) =>
  forwardVerdicts(ruleset, flowsOf(source)).map(
    ({ flow, family, table, chain, by, text, owner, verdict }) =>
      `${flow.kind}: ${verdict} by ${family} ${table} ${chain}${by.chain === chain ? '' : ` > ${by.chain}`}: ${text} (${owner.name})`,
  )

test('the flows of a space: out and back, in and back, of each family', () => {
  const both = flowsOf({ ...space, addresses: { 4: '192.168.45.3', 6: 'fd00::3' } })
  expect(
    both.map(({ kind, packet }) => `${kind} ${packet.family} ${packet.iifname} ${packet.oifname}`),
  ).toEqual([
    'outbound 4 veth1 eth0',
    'reply 4 eth0 veth1',
    'published 4 eth0 veth1',
    'published-reply 4 veth1 eth0',
    'outbound 6 veth1 eth0',
    'reply 6 eth0 veth1',
    'published 6 eth0 veth1',
    'published-reply 6 veth1 eth0',
  ])
})

describe('what blocks them', () => {
  test('Docker: the policy that it sets, in every direction', () => {
    expect(blocked(firewallNamed('docker'))).toEqual([
      'outbound: drop by ip filter FORWARD: policy drop (Docker)',
      'reply: drop by ip filter FORWARD: policy drop (Docker)',
      'published: drop by ip filter FORWARD: policy drop (Docker)',
      'published-reply: drop by ip filter FORWARD: policy drop (Docker)',
    ])
  })

  test('ufw: what begins, and not what it lets in by a rule of its user', () => {
    expect(blocked(firewallNamed('ufw'))).toEqual(['outbound: drop by ip filter FORWARD: policy drop (ufw)'])
  })

  test('a last rule that rejects; another family has another chain', () => {
    expect(
      blocked(firewallNamed('a last rule that rejects'), {
        ...space,
        addresses: { 4: '192.168.45.3', 6: 'fd00::3' },
        published: [],
      }),
    ).toEqual([
      'outbound: reject by ip filter FORWARD: reject (iptables)',
      'outbound: drop by ip6 filter FORWARD: policy drop (iptables)',
      'reply: drop by ip6 filter FORWARD: policy drop (iptables)',
    ])
  })

  test('firewalld: what no zone accepts', () => {
    expect(blocked(firewallNamed('firewalld'))).toEqual([
      'outbound: reject by inet firewalld filter_FORWARD: reject with icmpx admin-prohibited (firewalld)',
    ])
  })

  test('a chain that depends on a rate says so, and what it does otherwise', () => {
    const ruleset = firewallNamed('many owners')
    const found = forwardVerdicts(ruleset, flowsOf({ ...space, published: [] }))
    expect(
      found.map(({ verdict, stopsOtherwise, owner, maybe }) => [
        verdict,
        stopsOtherwise,
        owner.program,
        maybe.length,
      ]),
    ).toEqual([
      ['drop', true, 'nftables', 0],
      ['unknown', true, 'nftables', 1],
    ])
  })

  test('rules of bridges that are not ours do not matter', () => {
    const ruleset = firewallNamed('many owners')
    const others = { ...ruleset, tables: ruleset.tables.filter(({ name }) => name !== 'mine') }
    expect(blocked(others)).toEqual([])
    expect(blocked(others, { ...space, hostInterface: 'docker0' })).toEqual([
      'reply: drop by ip docker-bridges filter-FORWARD: oifname "docker0" drop comment "UNPUBLISHED PORT DROP" (Docker)',
      'published: drop by ip docker-bridges filter-FORWARD: oifname "docker0" drop comment "UNPUBLISHED PORT DROP" (Docker)',
    ])
  })

  test('natspace is not among the others', () => {
    const ruleset = firewallNamed('docker')
    const renamed = { ...ruleset, tables: ruleset.tables.map(table => ({ ...table, name: 'natspace' })) }
    expect(blocked(renamed)).toEqual([])
  })
})
