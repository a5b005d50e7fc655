import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { formatIp } from '../../linux/net/ip.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { compileFilter, decodePacket, layerOf } from '../../linux/packet/index.ts'
import type { Story } from '../trace/story.ts'
import type { PacketHeader } from '../walk/packet-header.ts'
import { frameOf, matchesFilter } from './header-filter.ts'

const address = (family: 4 | 6) =>
  fc
    .uint8Array({ minLength: family === 4 ? 4 : 16, maxLength: family === 4 ? 4 : 16 })
    .map(bytes => formatIp(bytes))
const port = fc.integer({ min: 0, max: 65_535 })

const transport = (family: 4 | 6): fc.Arbitrary<Partial<PacketHeader>> =>
  fc.oneof(
    fc.record({
      protocol: fc.constant(PROTOCOL_NUMBER.tcp),
      sourcePort: port,
      destinationPort: port,
      tcpFlags: fc.integer({ min: 0, max: 255 }),
    }),
    fc.record({ protocol: fc.constant(PROTOCOL_NUMBER.udp), sourcePort: port, destinationPort: port }),
    fc.record({
      protocol: fc.constant(family === 4 ? PROTOCOL_NUMBER.icmp : PROTOCOL_NUMBER.icmpv6),
      icmpType: fc.constantFrom(...(family === 4 ? [0, 8] : [128, 129])),
      icmpCode: fc.constant(0),
      icmpId: port,
      icmpSequence: port,
    }),
  )

const headers: fc.Arbitrary<PacketHeader> = fc.constantFrom(4 as const, 6 as const).chain(family =>
  fc
    .record({
      source: address(family),
      destination: address(family),
      ttl: fc.integer({ min: 0, max: 255 }),
      dscp: fc.integer({ min: 0, max: 63 }),
      length: fc.integer({ min: 60, max: 1500 }),
      more: transport(family),
    })
    .map(({ more, ...rest }) => ({ family, ...rest, ...more })),
)

test('headers become a frame that says the same', () => {
  fc.assert(
    fc.property(headers, header => {
      const packet = decodePacket(frameOf(header), { link: 'ethernet', length: 14 + header.length })
      const ip = layerOf(packet, 'ipv4') ?? layerOf(packet, 'ipv6')
      expect(ip).toMatchObject({ source: header.source, destination: header.destination })
      expect(ip?.type === 'ipv4' ? [ip.ttl, ip.dscp] : [ip?.hopLimit, (ip?.trafficClass ?? 0) >> 2]).toEqual([
        header.ttl,
        header.dscp,
      ])
      const ports = layerOf(packet, 'tcp') ?? layerOf(packet, 'udp')
      expect([ports?.sourcePort, ports?.destinationPort]).toEqual([header.sourcePort, header.destinationPort])
      const icmp = layerOf(packet, 'icmp') ?? layerOf(packet, 'icmpv6')
      expect([icmp?.icmpType, icmp?.query?.id]).toEqual([header.icmpType, header.icmpId])
    }),
  )
})

const header: PacketHeader = {
  family: 4,
  source: '10.0.0.2',
  destination: '192.0.2.1',
  protocol: 6,
  sourcePort: 4000,
  destinationPort: 443,
  tcpFlags: 2,
  ttl: 64,
  dscp: 0,
  length: 60,
}
const story = (more: Partial<Story> = {}): Story =>
  ({
    isOld: false,
    points: [
      { point: 'inside', interface: 'eth0', request: { header, changed: [] }, reply: undefined },
      {
        point: 'uplink',
        interface: 'eth1',
        request: { header: { ...header, source: '192.0.2.9' }, changed: ['source'] },
        reply: { header: { ...header, source: '192.0.2.1', destination: '192.0.2.9' }, changed: [] },
      },
    ],
    ...more,
  }) as Story

test('a flow counts when its first packet is selected at any point', () => {
  const selects = (text: string, more?: Partial<Story>) => matchesFilter(compileFilter(text), story(more))
  expect(selects('tcp port 443 and src host 10.0.0.2')).toBe(true)
  expect(selects('src host 192.0.2.9')).toBe(true)
  expect(selects('tcp[tcpflags] == tcp-syn')).toBe(true)
  expect(selects('greater 60')).toBe(true)
  expect(selects('greater 75')).toBe(false)
  expect(selects('dst host 192.0.2.9')).toBe(false)
  expect(selects('udp')).toBe(false)
  // Of a connection that was there before its answer may be all there is.
  const points = story().points.map(point => ({ ...point, request: undefined }))
  expect(selects('dst host 192.0.2.9', { isOld: true, points })).toBe(true)
})
