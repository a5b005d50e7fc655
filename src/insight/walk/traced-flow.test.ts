import { describe, expect, test } from 'bun:test'
import { statementText } from '../../linux/nftables/text/statement-text.ts'
import { type TracedFlow, tellingEnds, traceConditions } from './traced-flow.ts'

const texts = (flow: TracedFlow) =>
  traceConditions(flow).map(statements =>
    statements.map(statement => statementText({ family: 'inet', sets: [] }, statement)).join(' '),
  )

describe('the ends that tell a flow', () => {
  test('are those with a port, where the protocol has ports', () => {
    const source = { address: '10.0.0.1', port: 4000 }
    const destination = { address: '10.0.0.2', port: 80 }
    expect(tellingEnds({ family: 4, protocol: 6, source, destination })).toEqual([destination, source])
    expect(tellingEnds({ family: 4, protocol: 6, source: { address: '10.0.0.1' }, destination })).toEqual([
      destination,
    ])
    expect(tellingEnds({ family: 4, protocol: 6, destination: { port: 80 } })).toEqual([{ port: 80 }])
  })

  test('are the destination, else the source, where no port is known or there is none', () => {
    const source = { address: '10.0.0.1' }
    const destination = { address: '10.0.0.2' }
    expect(tellingEnds({ family: 4, protocol: 17, source, destination })).toEqual([destination])
    expect(tellingEnds({ family: 4, protocol: 1, source, destination })).toEqual([destination])
    expect(tellingEnds({ family: 4, protocol: 1, source })).toEqual([source])
    expect(tellingEnds({ family: 4, protocol: 1, destination: { port: 80 } })).toEqual([])
    expect(tellingEnds({ family: 4 })).toEqual([])
  })
})

describe('the conditions of tracing', () => {
  test('are an end in either role, and errors that quote it', () => {
    expect(texts({ family: 4, protocol: 17, destination: { address: '10.0.0.2', port: 53 } })).toEqual([
      'meta nfproto ipv4 meta l4proto udp ip saddr 10.0.0.2 th sport 53',
      'meta nfproto ipv4 meta l4proto udp ip daddr 10.0.0.2 th dport 53',
      'icmp type 3-12 @th,160,32 0xa000002 @th,136,8 0x11 @th,224,16 0x35',
      'icmp type 3-12 @th,192,32 0xa000002 @th,136,8 0x11 @th,240,16 0x35',
    ])
    expect(texts({ family: 6, protocol: 58, source: { address: 'fd00::1' } })).toEqual([
      'meta nfproto ipv6 meta l4proto ipv6-icmp ip6 saddr fd00::1',
      'meta nfproto ipv6 meta l4proto ipv6-icmp ip6 daddr fd00::1',
      'icmpv6 type 1-4 @th,128,128 0xfd000000000000000000000000000001 @th,112,8 0x3a',
      'icmpv6 type 1-4 @th,256,128 0xfd000000000000000000000000000001 @th,112,8 0x3a',
    ])
  })

  test('are the protocol alone where nothing else is known', () => {
    expect(texts({ family: 4, protocol: 6 })).toEqual(['meta nfproto ipv4 meta l4proto tcp'])
    expect(texts({ family: 6 })).toEqual(['meta nfproto ipv6'])
  })
})
