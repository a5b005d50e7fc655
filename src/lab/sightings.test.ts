import { expect, test } from 'bun:test'
import type { PacketHeader } from '../insight/walk/packet-header.ts'
import type { SeenPacket } from './captures.ts'
import { isInOrder, isOnePacket, rowObject, rowsOf, sinceText } from './sightings.ts'

const points = [
  { place: 'host1', interface: 'veth1' },
  { place: 'host1', interface: 'eth0' },
] as const

const echo = (icmpType: number, source: string, destination: string, ipId = 7): PacketHeader => ({
  family: 4,
  source,
  destination,
  protocol: 1,
  icmpType,
  icmpCode: 0,
  icmpId: 29610,
  ttl: 64,
  dscp: 0,
  ipId,
  length: 84,
})
const packet = (point: number, time: bigint, header: PacketHeader): SeenPacket => ({
  point,
  time,
  direction: 'in',
  header,
  bytes: new Uint8Array(),
})
const rows = (packets: readonly SeenPacket[]) =>
  rowsOf(
    points,
    packets,
    header => header.icmpType === 8,
    header => header.icmpType === 0,
  )

const whole = [
  packet(0, 1000n, echo(8, '192.168.45.3', '192.168.1.15')),
  packet(1, 13_000n, echo(8, '192.168.1.32', '192.168.1.15')),
  packet(0, 40_000n, echo(0, '192.168.1.15', '192.168.45.3', 9)),
  packet(1, 30_000n, echo(0, '192.168.1.15', '192.168.1.32', 9)),
]

test('a change is marked where it had happened, of the request downwards and of the reply upwards', () => {
  expect(rows(whole).map(({ request, reply }) => [request?.changed, reply?.changed])).toEqual([
    [[], ['destination']],
    [['source'], []],
  ])
})

test('what a point did not see is left empty, and a later point is compared with the last that saw it', () => {
  const [first, second] = rows(whole.slice(1))
  expect(first?.request).toBeUndefined()
  expect(second?.request?.changed).toEqual([])
  expect(rowObject(first as NonNullable<typeof first>)).toMatchObject({ place: 'host1', request: null })
})

test('one packet has one identification everywhere, and is never seen earlier than before', () => {
  const requests = rows(whole).map(({ request }) => request)
  expect(isOnePacket(requests)).toBe(true)
  expect(isInOrder(requests)).toBe(true)
  expect(isInOrder(requests.toReversed())).toBe(false)
  expect(isOnePacket([...requests, rows(whole)[0]?.reply])).toBe(false)
  expect(isOnePacket([])).toBe(false)
  expect([isOnePacket([undefined]), isInOrder([requests[0], undefined])]).toEqual([false, false])
  expect(requests.map(request => sinceText(requests[0]?.time, request?.time ?? 0n))).toEqual(['+0', '+12'])
})
