import { expect, test } from 'bun:test'
import type { PublishedStatus } from '../space/reconcile/types.ts'
import { reachLines } from './reach-text.ts'

const all = { host: 'yes', lan: 'yes', spaces: 'yes' } as const
const ufw = { chain: 'ip filter FORWARD', rule: 'policy drop', owner: 'ufw' }

const cases: [PublishedStatus, string[]][] = [
  [{ publish: '8080:80', reach: all, blockedBy: [] }, ['8080:80  from this host, the LAN and other spaces']],
  [
    { publish: '127.0.0.1:8080:80', reach: { host: 'yes', lan: 'no', spaces: 'no' }, blockedBy: [] },
    ['127.0.0.1:8080:80  from this host only'],
  ],
  [
    { publish: '10.200.0.1:80', reach: { host: 'yes', lan: 'no', spaces: 'yes' }, blockedBy: [] },
    ['10.200.0.1:80  from this host and other spaces'],
  ],
  [
    {
      publish: '80',
      reach: { host: 'yes', lan: 'blocked', spaces: 'blocked' },
      blockedBy: [{ ...ufw, from: ['lan', 'spaces'], families: [4] }],
    },
    [
      '80  from this host',
      '    not from the LAN and other spaces: chain ip filter FORWARD (ufw), policy drop',
    ],
  ],
  [
    {
      publish: '80',
      reach: { host: 'yes', lan: 'partly', spaces: 'yes' },
      blockedBy: [{ ...ufw, chain: 'ip6 filter FORWARD', from: ['lan'], families: [6] }],
    },
    [
      '80  from this host, the LAN and other spaces',
      '    not from the LAN by IPv6: chain ip6 filter FORWARD (ufw), policy drop',
    ],
  ],
  [
    {
      publish: '192.0.2.1:80',
      reach: { host: 'no', lan: 'no', spaces: 'no' },
      blockedBy: [],
      missing: '192.0.2.1',
    },
    ['192.0.2.1:80  from nowhere: this host has no address 192.0.2.1'],
  ],
]

for (const [status, lines] of cases)
  test(lines[0] ?? '', () => {
    expect(reachLines([status])).toEqual(lines)
  })

test('several stand in columns', () => {
  const lines = reachLines(cases.slice(0, 2).map(([status]) => status))
  expect(lines.map(line => line.indexOf('from'))).toEqual([19, 19])
})
