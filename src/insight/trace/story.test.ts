import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { recordedTrace } from '../../../test/support/recorded-trace.ts'
import { didSomething } from './events.ts'
import { icmpErrorWords } from './icmp-words.ts'
import type { TimedPacket, TraceObservation } from './observation.ts'
import type { Sighting } from './points.ts'
import { type Story, storyOf } from './story.ts'

const ends = (sighting: Sighting | undefined): string => {
  if (sighting === undefined) return '-'
  const { source, sourcePort, destination, destinationPort, icmpId } = sighting.header
  const port = (number: number | undefined) => (number === undefined ? '' : `:${number}`)
  return `${source}${port(sourcePort)} > ${destination}${port(destinationPort)} ${icmpId ?? ''}`.trim()
}
const requestOf = ({ points }: Story) => points.map(({ request }) => ends(request))
const replyOf = ({ points }: Story) => points.map(({ reply }) => ends(reply))

describe('an echo that is answered', () => {
  const story = storyOf(recordedTrace('answered'))

  test('is seen at three points, and what changed is marked where it had become different', () => {
    expect(requestOf(story)).toEqual([
      '192.168.45.3 > 192.168.1.15 29610',
      '192.168.45.3 > 192.168.1.15 29610',
      '192.168.1.32 > 192.168.1.15 29610',
    ])
    expect(replyOf(story)).toEqual([
      '192.168.1.15 > 192.168.45.3 29610',
      '192.168.1.15 > 192.168.45.3 29610',
      '192.168.1.15 > 192.168.1.32 29610',
    ])
    expect(story.points.map(({ request, reply }) => [request?.changed, reply?.changed])).toEqual([
      [[], []],
      [[], ['destination']],
      [['source'], []],
    ])
  })

  test('has its events in the order of the kernel, conntrack behind raw and before the translation', () => {
    const stages = story.events.map(({ packet, hook, stage, kind }) => `${packet} ${hook} ${stage ?? kind}`)
    expect(stages).toEqual([
      'request routing routing',
      'request prerouting raw',
      'request prerouting conntrack',
      'request prerouting dstnat + 10',
      'request routing routing',
      'request forward filter',
      'request postrouting srcnat + 10',
      'request postrouting 120',
      'reply prerouting raw',
      'reply prerouting conntrack',
      'reply routing routing',
      'reply forward filter',
      'reply postrouting 120',
      'reply routing routing',
    ])
    expect(story.end).toMatchObject({ outcome: 'answered', evidence: [] })
    expect(story.notes).toEqual([])
  })

  test('shows briefly only what was done, and tells what chains of natspace are for', () => {
    const done = story.events.filter(event => event.kind === 'chain' && didSomething(event))
    expect(done.map(({ hook, rule }) => `${hook} ${rule}`)).toEqual([
      'forward accept',
      'postrouting masquerade',
      'forward ct state established,related accept',
    ])
    for (const { kind, about } of story.events) expect(about !== undefined).toBe(kind === 'chain')
  })

  test('is told apart from what others send to the same host', () => {
    const seen = recordedTrace('answered')
    const other = (packet: TimedPacket): TimedPacket =>
      JSON.parse(JSON.stringify(packet).replaceAll('"icmpId":29610', '"icmpId":7'))
    const busy: TraceObservation = {
      ...seen,
      inside: [...seen.inside.map(other), ...seen.inside],
      host: [...seen.host.map(other), ...seen.host],
    }
    expect(storyOf(busy)).toEqual(story)
  })
})

describe('the end', () => {
  test('of a connection that a reset refused', () => {
    const { end, connection } = storyOf(recordedTrace('refused'))
    expect(end.outcome).toBe('refused')
    expect(end.reason).toContain('192.168.1.15 refused the connection by a reset (RST)')
    expect(connection?.translations.map(({ field }) => field)).toEqual(['source', 'sourcePort'])
  })

  test('of a packet that a policy of others dropped', () => {
    const story = storyOf(recordedTrace('policy'))
    expect(story.end).toMatchObject({
      outcome: 'dropped',
      at: {
        packet: 'request',
        point: 'cable',
        hook: 'forward',
        chain: 'ip filter FORWARD',
        owner: 'iptables',
      },
      reason: 'it was stopped by the policy of ip filter FORWARD (iptables)',
    })
    expect(story.events.at(-1)).toMatchObject({ verdict: 'drop', decidedBy: 'policy' })
    expect(requestOf(story)[2]).toBe('-')
    expect(story.connection).toBeUndefined()
  })

  test('of a packet that left untranslated', () => {
    const { end, notes } = storyOf(recordedTrace('untranslated'))
    expect(end).toMatchObject({ outcome: 'delivered', at: { point: 'uplink', interface: 'eth0' } })
    expect(notes[0]).toStartWith(
      'no translation happened: it left by eth0 with its inside source 192.168.45.3',
    )
  })

  test('of one that the host does not forward', () => {
    const seen = recordedTrace('unforwarded')
    const { end, events } = storyOf(seen)
    expect(end).toMatchObject({ outcome: 'dropped', at: { hook: 'routing', point: 'cable' } })
    expect(end.reason).toEndWith('net.ipv4.ip_forward is 0')
    expect(events.at(-1)).toMatchObject({ hook: 'routing', verdict: 'drop' })
    // With forwarding on there is nothing certain: what the kernel and its counters say is evidence.
    const { decisions, ...rest } = seen
    const forwarding = Object.fromEntries(Object.keys(seen.settings).map(key => [key, '1']))
    const found = recordedTrace('answered').decisions
    const unknown = storyOf({ ...rest, decisions: found, settings: forwarding }).end
    expect(unknown.outcome).toBe('lost')
    expect(unknown.evidence.join('\n')).toContain('counter Ip.InAddrErrors +1')
  })

  test('where events were lost is not guessed', () => {
    const seen = recordedTrace('unforwarded')
    const host = seen.host.map(
      (packet): TimedPacket => ({ ...packet, end: { type: 'unknown' }, hasGap: true }),
    )
    const { end, notes } = storyOf({ ...seen, host, hasGap: true })
    expect(end.outcome).toBe('lost')
    expect(end.reason).toContain('events of the kernel were lost')
    expect(notes).toHaveLength(1)
  })

  test('at a hook that tells no more is that of iptables-legacy where it is there', () => {
    const seen = recordedTrace('unforwarded')
    const host = seen.host.map((packet): TimedPacket => {
      const hooks = packet.hooks.map(passage => ({ ...passage, left: undefined }))
      return { ...packet, hooks, end: { type: 'unknown' } }
    })
    const { end } = storyOf({ ...seen, host, legacy: { 4: ['filter'], 6: [] } })
    expect(end.reason).toContain('as iptables-legacy')
    expect(end.evidence[0]).toBe('iptables-legacy has tables, whose rules tell no events: filter')
  })

  test('is told whatever is missing of an observation', () => {
    const names = ['answered', 'refused', 'policy', 'untranslated', 'unforwarded'] as const
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.nat(3),
        fc.nat(3),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (name, inside, host, isTracked, isAnswered, isRouted) => {
          const seen = recordedTrace(name)
          const story = storyOf({
            ...seen,
            inside: seen.inside.slice(0, inside),
            host: seen.host.slice(0, host),
            entry: isTracked ? seen.entry : undefined,
            answer: isAnswered ? { type: 'answered', milliseconds: 1 } : { type: 'none' },
            decisions: isRouted ? seen.decisions : [],
          })
          expect(story.end.reason).not.toBe('')
          expect(story.end.outcome === 'answered').toBe(isAnswered)
        },
      ),
    )
  })
})

test('errors of ICMP have words, and unknown ones their numbers', () => {
  expect(icmpErrorWords(4, 3, 1)).toBe('host unreachable')
  expect(icmpErrorWords(4, 11, 0)).toBe('time to live exceeded')
  expect(icmpErrorWords(6, 1, 4)).toBe('port unreachable')
  expect(icmpErrorWords(6, 2, 0)).toBe('packet too big')
  expect(icmpErrorWords(4, 3, 77)).toBe('ICMP type 3 code 77')
})
