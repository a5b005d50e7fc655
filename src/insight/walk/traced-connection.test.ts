import { expect, test } from 'bun:test'
import type { Statement } from '../../linux/nftables/index.ts'
import { statementText } from '../../linux/nftables/text/statement-text.ts'
import { marks } from './trace-rate.ts'
import { connectionConditions } from './traced-connection.ts'

const texts = (conditions: readonly (readonly Statement[])[]) =>
  conditions.map(statements =>
    statements.map(statement => statementText({ family: 'inet', sets: [] }, statement)).join(' '),
  )

test('a connection is told by both its ends in either tuple, or by the one that is known in each role', () => {
  const source = { address: '10.0.0.1', port: 4000 }
  const destination = { address: '10.0.0.2' }
  expect(texts(connectionConditions({ family: 4, protocol: 6, source, destination }))).toEqual([
    'ct protocol tcp ct original ip saddr 10.0.0.1 ct original proto-src 4000 ct original ip daddr 10.0.0.2',
    'ct protocol tcp ct reply ip saddr 10.0.0.2 ct reply ip daddr 10.0.0.1 ct reply proto-dst 4000',
  ])
  expect(texts(connectionConditions({ family: 6, source: { address: 'fd00::1' } }))).toEqual([
    'ct original ip6 saddr fd00::1',
    'ct original ip6 daddr fd00::1',
    'ct reply ip6 saddr fd00::1',
    'ct reply ip6 daddr fd00::1',
  ])
  expect(texts(connectionConditions({ family: 4 }))).toEqual(['meta nfproto ipv4'])
})

test('beginnings and ends are marked before all else, and what is left out is counted', () => {
  const rate = { ends: 10, beginnings: 20, others: 30 }
  const limits = (options: { byConnection: boolean; isTracked: boolean }) =>
    texts(marks(rate, options).map(({ statements }) => statements)).map(text =>
      text.replace(/ packets meta nftrace set 1 return$/, ''),
    )
  expect(limits({ byConnection: true, isTracked: true })).toEqual([
    'meta l4proto tcp tcp flags fin,syn,rst limit rate 10/second burst 10',
    'ct state new,related,invalid,untracked limit rate 20/second burst 20',
    'meta l4proto != tcp ct status & assured == 0x0 limit rate 20/second burst 20',
    'limit rate 30/second burst 30',
    'meta l4proto tcp tcp flags fin,syn,rst counter packets 0 bytes 0 return',
    'ct state new,related,invalid,untracked counter packets 0 bytes 0 return',
    'counter packets 0 bytes 0',
  ])
  // What is left out in front of connection tracking is seen behind it.
  expect(limits({ byConnection: true, isTracked: false })).toEqual([
    'meta l4proto tcp tcp flags fin,syn,rst limit rate 10/second burst 10',
    'limit rate 30/second burst 30',
  ])
  expect(limits({ byConnection: false, isTracked: false })).toEqual([
    'meta l4proto tcp tcp flags fin,syn,rst limit rate 10/second burst 10',
    'meta l4proto != tcp limit rate 20/second burst 20',
    'limit rate 30/second burst 30',
    'meta l4proto tcp tcp flags fin,syn,rst counter packets 0 bytes 0 return',
    'counter packets 0 bytes 0',
  ])
  const [all, ...more] = marks(undefined, { byConnection: true, isTracked: true })
  expect([texts([all?.statements ?? []]), more]).toEqual([['meta nftrace set 1'], []])
})
