import { expect, test } from 'bun:test'
import type { TimedPacket } from '../trace/observation.ts'
import type { PacketHeader } from '../walk/packet-header.ts'
import { errorFlow } from './error-flow.ts'
import type { OpenFlow } from './open-flow.ts'

const header = (fields: Partial<PacketHeader>): PacketHeader => ({
  family: 4,
  source: '10.0.0.2',
  destination: '192.0.2.1',
  protocol: 17,
  ttl: 64,
  dscp: 0,
  length: 40,
  ...fields,
})
const packet = (arrived: PacketHeader): TimedPacket =>
  ({ id: 1, time: 0, hasGap: false, hooks: [{ arrived }], end: { type: 'sent' } }) as unknown as TimedPacket
const flow = (ipId: number, answers: PacketHeader[] = []): OpenFlow => {
  const request = packet(header({ ipId }))
  const tuple = { source: '10.0.0.2', destination: '192.0.2.1', protocol: 17 }
  const inside = [request, ...answers.map(packet)]
  return { tuple, original: tuple, entry: undefined, inside, host: [request] } as unknown as OpenFlow
}
const error = (quotedMark: number, ipId = 700): PacketHeader =>
  header({
    source: '192.0.2.1',
    destination: '10.0.0.2',
    protocol: 1,
    icmpType: 3,
    icmpCode: 3,
    ipId,
    quotedMark,
    quotedProtocol: 17,
  })

test('an error goes to the flow whose packet it quotes', () => {
  const flows = [flow(11), flow(12)]
  expect(errorFlow(flows, 'inside', error(11))).toBe(flows[0])
  expect(errorFlow(flows, 'inside', error(12))).toBe(flows[1])
})

test('one that quotes none of them is of no flow that is open', () => {
  expect(errorFlow([flow(11), flow(12)], 'host', error(13))).toBeUndefined()
  // Answers often bear no mark, which says nothing.
  const answer = header({ source: '192.0.2.1', destination: '10.0.0.2', ipId: 0 })
  expect(errorFlow([flow(11, [answer])], 'host', error(13))).toBeUndefined()
})

test('of several whose packets are marked alike it goes to one that has none yet', () => {
  const flows = [flow(11, [error(11)]), flow(11)]
  expect(errorFlow(flows, 'inside', error(11))).toBe(flows[1])
})

test('where packets bear no mark, the way and the order tell', () => {
  const told = flow(0)
  const later = flow(0)
  expect(errorFlow([told, later], 'host', error(0))).toBe(later)
  const passedOn = { ...flow(0), host: [packet(error(0, 701))] } as OpenFlow
  expect(errorFlow([passedOn, later], 'inside', error(0, 701))).toBe(passedOn)
})
