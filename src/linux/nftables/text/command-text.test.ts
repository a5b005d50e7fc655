import { describe, expect, test } from 'bun:test'
import type { NftCommand } from '../batch/command.ts'
import { concat, fib, ip, mapLookup, meta, rt, tcp, tcpOption, th } from '../syntax/operand.ts'
import { inSet, notInSet, range, wildcard } from '../syntax/pattern.ts'
import { accept, dnat, drop, jump, limit, log, match, reject, rule, set } from '../syntax/statement.ts'
import { commandText } from './command-text.ts'
import { priorityText } from './priority-text.ts'

const where = { family: 'inet', table: 'natspace' } as const
const publish4 = {
  name: 'publish4',
  key: ['inet_proto', 'inet_service'],
  data: ['ipv4_addr', 'inet_service'],
}
const pool4 = { name: 'pool4', key: ['ipv4_addr'], flags: { interval: true }, autoMerge: true }
const portMap = mapLookup(concat(meta('l4proto'), th('dport')), publish4)

const texts: [string, NftCommand][] = [
  ['add table inet natspace', { type: 'table.add', ...where }],
  [
    'create table inet natspace { comment "x"; flags dormant; }',
    { type: 'table.create', ...where, comment: 'x', flags: ['dormant'] },
  ],
  ['delete table inet natspace', { type: 'table.delete', ...where }],
  ['flush table inet natspace', { type: 'table.flush', ...where }],
  ['add chain inet natspace c', { type: 'chain.add', ...where, chain: { name: 'c' } }],
  [
    'add chain inet natspace guard { type filter hook prerouting priority raw; policy accept; }',
    { type: 'chain.add', ...where, chain: { name: 'guard', hook: 'prerouting', priority: -300 } },
  ],
  ['delete chain inet natspace c', { type: 'chain.delete', ...where, chain: 'c' }],
  ['flush chain inet natspace c', { type: 'chain.flush', ...where, chain: 'c' }],
  [
    'add set inet natspace pool4 { type ipv4_addr; flags interval; auto-merge; }',
    { type: 'set.add', ...where, set: pool4 },
  ],
  [
    'add map inet natspace publish4 { type inet_proto . inet_service : ipv4_addr . inet_service; }',
    { type: 'set.add', ...where, set: publish4 },
  ],
  ['flush set inet natspace pool4', { type: 'set.flush', ...where, set: 'pool4' }],
  [
    'add element inet natspace publish4 { tcp . 8080 : 192.168.45.3 . 80 }',
    {
      type: 'element.add',
      ...where,
      set: publish4,
      elements: [{ key: ['tcp', 8080], data: ['192.168.45.3', 80] }],
    },
  ],
  [
    'delete element inet natspace pool4 { 10.0.0.0/8, 192.168.0.1-192.168.0.7 }',
    {
      type: 'element.delete',
      ...where,
      set: pool4,
      elements: [{ key: ['10.0.0.0/8'] }, { key: [{ first: '192.168.0.1', last: '192.168.0.7' }] }],
    },
  ],
  [
    'add rule inet natspace c meta nfproto ipv4 fib daddr type local dnat ip to meta l4proto . th dport map @publish4',
    {
      type: 'rule.add',
      ...where,
      chain: 'c',
      rule: rule([
        match(meta('nfproto'), 'ipv4'),
        match(fib(['daddr'], 'type'), 'local'),
        dnat('ip', portMap),
      ]),
    },
  ],
  [
    'insert rule inet natspace c handle 7 iifname @spaces oifname != @spaces drop comment "mine"',
    {
      type: 'rule.insert',
      ...where,
      chain: 'c',
      position: 7n,
      rule: rule(
        [match(meta('iifname'), inSet('spaces')), match(meta('oifname'), notInSet('spaces')), drop()],
        'mine',
      ),
    },
  ],
  [
    'replace rule inet natspace c handle 7 tcp flags syn tcp option maxseg size set rt mtu',
    {
      type: 'rule.replace',
      ...where,
      chain: 'c',
      handle: 7n,
      rule: rule([match(tcp('flags'), 'syn'), set(tcpOption('maxseg', 'size'), rt('mtu'))]),
    },
  ],
  ['delete rule inet natspace c handle 7', { type: 'rule.delete', ...where, chain: 'c', handle: 7n }],
  [
    'add rule inet natspace c iifname "veth*" tcp dport 80-90 limit rate 10/minute log prefix "x: " jump d',
    {
      type: 'rule.add',
      ...where,
      chain: 'c',
      rule: rule([
        match(meta('iifname'), wildcard('veth')),
        match(tcp('dport'), range(80, 90)),
        limit(10, 'minute'),
        log({ prefix: 'x: ' }),
        jump('d'),
      ]),
    },
  ],
  [
    'add rule inet natspace c ip saddr 10.0.0.0/8 meta mark set 0x00000010 reject with icmpx admin-prohibited',
    {
      type: 'rule.add',
      ...where,
      chain: 'c',
      rule: rule([
        match(ip('saddr'), '10.0.0.0/8'),
        set(meta('mark'), 16),
        reject('icmpx', 'admin-prohibited'),
      ]),
    },
  ],
  [
    'add rule inet natspace c tcp dport != 80 reject with tcp reset accept',
    {
      type: 'rule.add',
      ...where,
      chain: 'c',
      rule: rule([match(tcp('dport'), 80, '!='), reject('tcp reset'), accept()]),
    },
  ],
]

describe('a command as text', () => {
  for (const [text, command] of texts)
    test(text, () => {
      expect(commandText(command)).toBe(`nft ${text}`)
    })
})

describe('priorities', () => {
  const cases: [Parameters<typeof priorityText>, string][] = [
    [['inet', 'prerouting', -300], 'raw'],
    [['inet', 'prerouting', -90], 'dstnat + 10'],
    [['inet', 'output', -90], '-90'],
    [['ip', 'postrouting', 110], 'srcnat + 10'],
    [['ip', 'input', -5], 'filter - 5'],
    [['ip6', 'forward', 50], 'security'],
    [['inet', 'forward', 11], '11'],
    [['bridge', 'prerouting', -300], 'dstnat'],
    [['bridge', 'forward', -200], 'filter'],
    [['bridge', 'input', 0], '0'],
    [['netdev', 'ingress', -3], 'filter - 3'],
    [['arp', 'input', 0], 'filter'],
  ]
  for (const [parameters, text] of cases)
    test(`${parameters.join(' ')} is ${text}`, () => {
      expect(priorityText(...parameters)).toBe(text)
    })
})
