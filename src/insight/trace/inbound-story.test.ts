import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { recordedTrace } from '../../../test/support/recorded-trace.ts'
import type { PacketEnd } from '../walk/steps.ts'
import { didSomething } from './events.ts'
import type { TimedPacket, TraceObservation } from './observation.ts'
import type { StoryEnd } from './outcome.ts'
import { type Story, storyOf } from './story.ts'

const ends = ({ points }: Story, packet: 'request' | 'reply') =>
  points.map(({ [packet]: sighting }) => {
    const { source, sourcePort, destination, destinationPort } = sighting?.header ?? {}
    return `${source}:${sourcePort} > ${destination}:${destinationPort} ${sighting?.changed.join(' ')}`.trim()
  })

describe('a visit at a published port', () => {
  const story = storyOf(recordedTrace('published'))

  test('is seen at three points; what changed is marked along its way, which leads inwards', () => {
    expect(ends(story, 'request')).toEqual([
      '192.168.1.15:29610 > 192.168.45.3:80',
      '192.168.1.15:29610 > 192.168.45.3:80 destination destinationPort',
      '192.168.1.15:29610 > 192.168.1.32:8080',
    ])
    expect(ends(story, 'reply')).toEqual([
      '192.168.45.3:80 > 192.168.1.15:29610',
      '192.168.45.3:80 > 192.168.1.15:29610',
      '192.168.1.32:8080 > 192.168.1.15:29610 source sourcePort',
    ])
    expect(story.points.map(({ interface: name }) => name)).toEqual(['veth2', 'veth1', 'eth0'])
  })

  test('has its events in the order of its way: the host, the space, and back', () => {
    const routes = story.events.filter(({ kind }) => kind === 'routing')
    expect(routes.map(({ packet, interface: name, rule }) => `${packet} ${name} ${rule}`)).toEqual([
      'request eth0 192.168.45.0/24 dev veth1 (table main)',
      'request veth2 local 192.168.45.3/32 (table local)',
      'reply veth2 default via 192.168.45.2 dev veth2 (table main)',
      'reply veth1 192.168.1.0/24 dev eth0 (table main)',
    ])
    const changing = story.events.filter(({ kind, changes }) => kind !== 'routing' && changes.length > 0)
    expect(changing.map(({ packet, hook, kind }) => `${packet} ${hook} ${kind}`)).toEqual([
      'request prerouting chain',
      'reply postrouting conntrack',
    ])
    const rule = story.events.find(event => event.kind === 'chain' && didSomething(event))?.rule
    expect(rule).toContain('@publish4')
  })

  test('ends with the answer, at the uplink', () => {
    expect(story).toMatchObject({ direction: 'in', isOld: false, notes: [], protocol: 'tcp' })
    expect(story.end).toMatchObject({
      outcome: 'answered',
      at: { packet: 'reply', point: 'uplink', interface: 'eth0' },
      reason: 'myspace accepted the connection to its port 80',
    })
    expect(story.connection?.translations.map(({ field }) => field)).toEqual([
      'destination',
      'destinationPort',
    ])
  })
})

test('a visit that a policy of others drops ends there, and where nothing is published at the host itself', () => {
  expect(storyOf(recordedTrace('published-policy')).end).toMatchObject({
    outcome: 'dropped',
    at: { packet: 'request', point: 'uplink', hook: 'forward', chain: 'ip filter FORWARD' },
    reason: 'it was stopped by the policy of ip filter FORWARD (iptables)',
  })
  expect(storyOf(recordedTrace('unpublished')).end).toMatchObject({
    outcome: 'refused',
    at: { packet: 'request', hook: 'input' },
    evidence: ['nothing leads from 192.168.1.32:8090/tcp to myspace: no port is published there'],
  })
})

describe('the end of a visit', () => {
  type Change = (packet: TimedPacket) => TimedPacket | undefined
  const cut = (
    change: { inside?: Change; host?: Change },
    more: Partial<TraceObservation> = {},
  ): StoryEnd => {
    const seen = recordedTrace('published')
    const keep = (packets: TimedPacket[], by: Change = packet => packet) =>
      packets.flatMap(packet => by(packet) ?? [])
    return storyOf({
      ...seen,
      answer: { type: 'none' },
      inside: keep(seen.inside, change.inside),
      host: keep(seen.host, change.host),
      ...more,
    }).end
  }
  const isRequest = ({ hooks }: TimedPacket) => hooks[0]?.arrived?.source === '192.168.1.15'
  const vanished: PacketEnd = { type: 'vanished', behind: 'prerouting' }
  const only =
    (change: Change): Change =>
    packet =>
      isRequest(packet) ? change(packet) : undefined
  const nothing: Change = () => undefined

  test('is told wherever it is: on the cable, in the space, and on the way back', () => {
    const table: [string, StoryEnd][] = [
      ['lost request cable', cut({ host: only(packet => packet), inside: nothing })],
      ['delivered request inside', cut({ host: only(packet => packet), inside: only(packet => packet) })],
      [
        'lost request inside',
        cut({ host: only(packet => packet), inside: only(packet => ({ ...packet, end: vanished })) }),
      ],
      ['lost reply inside', cut({ host: only(packet => packet) })],
      [
        'lost reply cable',
        cut({ host: packet => (isRequest(packet) ? packet : { ...packet, end: vanished }) }),
      ],
      ['lost request uplink', cut({ host: only(packet => ({ ...packet, end: vanished })), inside: nothing })],
    ]
    for (const [expected, { outcome, at }] of table)
      expect(`${outcome} ${at.packet} ${at.point}`).toBe(expected)
  })

  test('by a link that is down, by a neighbour that is none, by a setting', () => {
    const noInside = { host: only(packet => packet), inside: nothing }
    expect(cut(noInside, { links: [{ at: 'inside', interface: 'veth2', state: 'down' }] }).reason).toBe(
      'veth2 in the space is down, so nothing comes into the space',
    )
    expect(
      cut(noInside, { silent: [{ at: 'host', interface: 'veth1', address: '192.168.45.3' }] }).reason,
    ).toBe('nobody in the space answers for 192.168.45.3: it has not that address')
    const settings = { 'net.ipv4.ip_forward': '0', 'net.ipv4.conf.eth0.forwarding': '0' }
    const off = cut(
      { host: only(packet => ({ ...packet, end: vanished })), inside: nothing },
      { settings, decisions: [] },
    )
    expect(off).toMatchObject({
      outcome: 'dropped',
      at: { hook: 'routing', point: 'uplink' },
      reason: 'this host does not forward what comes in by eth0: net.ipv4.ip_forward is 0',
    })
  })

  test('is told whatever is missing of an observation', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('published' as const, 'published-policy' as const, 'unpublished' as const),
        fc.nat(4),
        fc.nat(4),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (name, inside, host, isTracked, isAnswered, isOld) => {
          const seen = recordedTrace(name)
          const story = storyOf({
            ...seen,
            isOld,
            inside: seen.inside.slice(0, inside),
            host: seen.host.slice(0, host),
            entry: isTracked ? seen.entry : undefined,
            answer: isAnswered ? { type: 'answered', milliseconds: 1 } : { type: 'none' },
          })
          expect(story.end.reason).not.toBe('')
          expect(story.end.outcome === 'answered').toBe(isAnswered)
        },
      ),
    )
  })
})
