import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { PacketHeader } from '../../insight/walk/packet-header.ts'
import { NatspaceError } from '../../space/errors.ts'
import type { Walk } from '../protocol.ts'
import { Moment } from './moment.ts'
import { Sampler } from './sampler.ts'
import { headerLine } from './walk/header-line.ts'
import { WalkRing } from './walk/walk-ring.ts'
import { WorkQueue } from './work.ts'

const header = (rest: Partial<PacketHeader>): PacketHeader => ({
  family: 4,
  source: '192.168.45.3',
  destination: '192.168.1.15',
  ttl: 64,
  dscp: 0,
  length: 84,
  ...rest,
})

test.each([
  [
    { protocol: 1, icmpType: 8, icmpCode: 0, icmpId: 29610, icmpSequence: 1 },
    'IP 192.168.45.3 > 192.168.1.15: ICMP echo request, id 29610, seq 1',
  ],
  [{ protocol: 1, icmpType: 0, icmpId: 7 }, 'IP 192.168.45.3 > 192.168.1.15: ICMP echo reply, id 7'],
  [{ protocol: 1, icmpType: 3, icmpCode: 3 }, 'IP 192.168.45.3 > 192.168.1.15: ICMP port unreachable'],
  [
    { protocol: 6, sourcePort: 40000, destinationPort: 80, tcpFlags: 2 },
    'IP 192.168.45.3.40000 > 192.168.1.15.80: Flags [S]',
  ],
  [
    { protocol: 6, sourcePort: 80, destinationPort: 40000, tcpFlags: 18 },
    'IP 192.168.45.3.80 > 192.168.1.15.40000: Flags [S.]',
  ],
  [{ protocol: 17, sourcePort: 40000, destinationPort: 53 }, 'IP 192.168.45.3.40000 > 192.168.1.15.53: UDP'],
  [
    {
      family: 6 as const,
      source: 'fd00::2',
      destination: '2001:db8::1',
      protocol: 58,
      icmpType: 128,
      icmpId: 9,
    },
    'IP6 fd00::2 > 2001:db8::1: ICMP6 echo request, id 9',
  ],
  [{ protocol: 132, sourcePort: 1, destinationPort: 2 }, 'IP 192.168.45.3.1 > 192.168.1.15.2: protocol 132'],
  [{}, 'IP 192.168.45.3 > 192.168.1.15: fragment'],
])('%j is told as tcpdump does', (rest, expected) => {
  expect(headerLine(header(rest))).toBe(expected)
})

const walk = (id: string): Walk => ({ id, title: id }) as Walk

test('the last 200 walks are kept, the newest first, and each has an id of its own', () => {
  const ring = new WalkRing()
  for (let number = 0; number < 1000; number++) ring.add(walk(ring.nextId()))
  expect(ring.size).toBe(200)
  expect(ring.summaries().map(({ id }) => id)).toEqual(
    Array.from({ length: 200 }, (_, index) => `walk-${1000 - index}`),
  )
  expect(ring.get('walk-801').title).toBe('walk-801')
  for (const id of ['walk-800', 'walk-1001', '__proto__'])
    expect(() => ring.get(id)).toThrow(expect.objectContaining({ code: 'NO_SUCH_WALK' }))
})

test('of any stream of flows at most 20 in a second are shown, and what was not answered has room of its own', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ pause: fc.nat(40), isPlain: fc.boolean() }), { maxLength: 500 }),
      flows => {
        const sampler = new Sampler(0)
        const shown: number[] = []
        let now = 0
        for (const { pause, isPlain } of flows) {
          now += pause
          if (sampler.takes(isPlain, now)) shown.push(now)
        }
        expect(sampler.seen).toBe(flows.length)
        expect(sampler.shown).toBe(shown.length)
        // What was saved up and what is added meanwhile.
        expect(shown.length).toBeLessThanOrEqual(20 + (now * 20) / 1000 + 1)
      },
    ),
  )
  const sampler = new Sampler(0)
  for (let number = 0; number < 10_000; number++) sampler.takes(true, 0)
  expect(sampler.shown).toBe(15)
  expect([1, 2, 3, 4, 5, 6].map(() => sampler.takes(false, 0))).toEqual([true, true, true, true, true, false])
  expect(sampler.takes(true, 10_000)).toBe(true)
})

test('many signs are one look: when it is quiet, at the latest after a while, and half of the time at most', () => {
  const moment = new Moment(30, 120)
  expect(moment.isDue(0)).toBe(false)
  moment.sign(100)
  expect(moment.isDue(129)).toBe(false)
  expect(moment.isDue(130)).toBe(true)
  for (let now = 110; now < 220; now += 10) {
    moment.sign(now)
    expect(moment.isDue(now)).toBe(false)
  }
  moment.sign(220)
  expect(moment.isDue(220)).toBe(true)
  moment.looked(220, 320)
  expect(moment.isDue(1000)).toBe(false)
  moment.sign(330)
  expect(moment.isDue(400)).toBe(false)
  expect(moment.isDue(420)).toBe(true)
})

test('work is done one after another, whatever becomes of it, and no more waits than there is room for', async () => {
  const queue = new WorkQueue()
  const done: string[] = []
  const work = (name: string, fails = false) =>
    queue.run(async () => {
      done.push(`${name} begins`)
      await new Promise(resolve => setImmediate(resolve))
      done.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    })
  const results = await Promise.allSettled([work('a'), work('b', true), work('c')])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(done).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])

  const many = await Promise.allSettled(Array.from({ length: 30 }, () => work('x')))
  const refused = many.flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
  expect(refused).toHaveLength(14)
  expect(refused.every(reason => reason instanceof NatspaceError && reason.code === 'BUSY')).toBe(true)
  await queue.idle()
  expect(await work('again')).toBe('again')
})
