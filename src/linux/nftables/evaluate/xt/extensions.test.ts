import { describe, expect, test } from 'bun:test'
import { firewallNamed } from '../../../../../test/golden/nftables/firewalls.ts'
import type { RuleState } from '../../index.ts'
import { evaluateHook, type Packet } from '../index.ts'

/** The first comment of a rule that iptables made. */
const commentOf = ({ instructions }: RuleState): string => {
  for (const item of instructions)
    if (item.name === 'match' && item.data.name === 'comment')
      return new TextDecoder().decode(item.data.info).split('\0')[0] ?? ''
  return ''
}

const matches = firewallNamed('matches of iptables')
const rules = matches.tables[0]?.chains.find(({ name }) => name === 'FORWARD')?.rules ?? []

/** The comments of the rules that apply to a packet, and of those that may. */
const applying = (packet: Packet) => {
  const [step] = evaluateHook(matches, { hook: 'forward' }, packet).steps
  const named = (match: unknown) =>
    (step?.visits ?? []).flatMap(visit =>
      visit.match === match ? commentOf(rules[visit.by.rule.index] as RuleState) : [],
    )
  return { surely: named(true), perhaps: named('unknown') }
}

const packet: Packet = {
  family: 4,
  iifname: 'veth1',
  oifname: 'eth0',
  source: '10.0.0.3',
  destination: '192.0.2.1',
  protocol: 6,
  sourcePort: 40_000,
  destinationPort: 85,
  tcpFlags: 2,
  length: 60,
  ctState: 'new',
  ctStatus: { dnat: true, snat: false },
  ctOriginal: { source: '10.0.0.3', destination: '192.0.2.9', destinationPort: 8080 },
  mark: 5,
  ctMark: 2,
  fib: ({ packet: { destination } }) => (destination === '192.0.2.1' ? 'unicast' : 'local'),
}

describe('matches of iptables', () => {
  test('of a new connection', () => {
    expect(applying(packet)).toEqual({
      surely: [
        'comment',
        'inverted state',
        'original source',
        'original port',
        'old state',
        'syn',
        'multiport',
        'not local',
        'mark',
        'range',
        'length',
      ],
      perhaps: ['bridge port', 'rate'],
    })
  })

  test('of an answer by UDP', () => {
    const { tcpFlags: _flags, ...rest } = packet
    const answer: Packet = {
      ...rest,
      protocol: 17,
      source: '172.16.0.1',
      destination: '10.9.9.9',
      ctState: 'established',
      ctDirection: 'reply',
      ctStatus: { dnat: false, snat: true },
      mark: 4,
      ctMark: 1,
      length: 100,
    }
    expect(applying(answer)).toEqual({
      surely: ['snat', 'original source', 'direction', 'local', 'connmark'],
      perhaps: ['status', 'bridge port', 'rate'],
    })
  })

  test('of a packet that is not tracked', () => {
    const { surely } = applying({ ...packet, ctState: 'untracked' })
    expect(surely).toContain('untracked')
    expect(surely).not.toContain('original source')
    expect(surely).not.toContain('comment')
  })

  test('of a packet of which only the family is known', () => {
    const { surely, perhaps } = applying({ family: 4 })
    expect(surely).toEqual([])
    expect(perhaps.toSorted()).toEqual(rules.map(commentOf).toSorted())
  })
})

describe('targets of iptables', () => {
  const targets = firewallNamed('targets of iptables')
  const tcp = (destinationPort: number, family: 4 | 6 = 4): Packet => ({
    family,
    protocol: 6,
    destination: family === 4 ? '192.168.1.32' : 'fd09::1',
    destinationPort,
    ctState: 'new',
  })
  const natOf = (hook: 'prerouting' | 'postrouting', of: Packet) => {
    const { nat, after } = evaluateHook(targets, { hook, types: ['nat'] }, of)
    const { by: _by, ...action } = nat ?? { by: undefined }
    return { action, to: `${after.destination} ${after.destinationPort}` }
  }

  test.each([
    [tcp(1), { kind: 'dnat', address: '10.0.0.1', port: 80 }, '10.0.0.1 80'],
    [tcp(2), { kind: 'dnat', address: '10.0.0.1' }, '10.0.0.1 2'],
    [tcp(3), { kind: 'dnat', ports: { first: 80, last: 90 } }, 'undefined undefined'],
    [tcp(4), { kind: 'redirect', port: 3128 }, 'undefined 3128'],
    [tcp(1, 6), { kind: 'dnat', address: 'fd00::1', port: 80 }, 'fd00::1 80'],
    [tcp(4, 6), { kind: 'redirect', port: 3128 }, 'undefined 3128'],
    [tcp(9), {}, '192.168.1.32 9'],
  ])('translate destinations: %o', (of, action, to) => {
    expect(natOf('prerouting', of)).toEqual({ action, to } as never)
  })

  test('translate sources', () => {
    expect(natOf('postrouting', tcp(1)).action).toEqual({ kind: 'snat', address: '10.9.9.9' } as never)
    expect(natOf('postrouting', tcp(2)).action).toEqual({ kind: 'masquerade' } as never)
  })

  test('set marks bit by bit, and pass on what they only look at', () => {
    const { verdict, after } = evaluateHook(targets, { hook: 'forward' }, { ...tcp(1), mark: 0xf0 })
    expect({ verdict, mark: after.mark, ctMark: after.ctMark }).toEqual({
      verdict: 'accept',
      mark: 0xf5,
      ctMark: 0xf5,
    })
  })

  test('leave it to a program, or take away the tracking', () => {
    const udp: Packet = { family: 4, protocol: 17, ctState: 'new' }
    expect(evaluateHook(targets, { hook: 'forward' }, udp).verdict).toBe('unknown')
    expect(evaluateHook(targets, { hook: 'prerouting' }, udp).after.ctState).toBe('untracked')
  })
})
