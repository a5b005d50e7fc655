/** The reference experiment's packets as `natspace trace --json` tells them, beside tcpdump, nft and conntrack on the same ones. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { ArticleStage, host2, myspace } from '../support/random-flows/article-stage.ts'
import { differences } from '../support/random-flows/compare.ts'
import { type EventLine, linesOf, storyOfLines, type TraceLines } from '../support/random-flows/json-story.ts'
import { type Judged, judge } from '../support/random-flows/judge.ts'
import { judgeVisit } from '../support/random-flows/judge-visit.ts'
import { type NftPacket, ruleTexts } from '../support/random-flows/nft-trace.ts'
import { endsText, type Frame } from '../support/random-flows/pcap.ts'
import { type Evidence, whyNoCapture } from '../support/random-flows/watchers.ts'
import { requireSandbox, run } from '../support/sandbox.ts'
import { eventually } from '../support/second-opinions.ts'
import { findTool, testUnless } from '../support/tools.ts'

requireSandbox()

const missing = ['ip', 'nft', 'conntrack', 'nc', 'nsenter', 'stdbuf'].filter(
  name => findTool(name) === undefined,
)
const test = testUnless(
  missing.length > 0 ? `needs ${missing.join(', ')}` : whyNoCapture(),
  'run `npm test` as root',
)

let stage: ArticleStage
beforeAll(() => {
  stage = new ArticleStage()
})
afterAll(() => stage[Symbol.dispose]())

/** Texts of all rules as nft prints them, by place. */
const texts = () =>
  new Map([
    ['host', ruleTexts(run('nft', ['-a', 'list', 'ruleset']))],
    ['myspace', new Map<string, string>()],
  ])

const frameText = (frame: Frame | undefined): string => (frame === undefined ? 'nothing' : endsText(frame))

/** What a capture shows of the packets with these two addresses, one way or the other. */
const captured = (seen: Evidence, point: string, one: string, other: string): string[] =>
  (seen.frames.get(point) ?? [])
    .filter(({ source, destination }) =>
      [`${one} ${other}`, `${other} ${one}`].includes(`${source} ${destination}`),
    )
    .map(frameText)

/** What became different on the way, each with where and by what. */
const changesOf = ({ events }: TraceLines, packet: EventLine['packet']): string[] =>
  events.flatMap(({ packet: own, interface: link, hook, kind, chain, before, after }) =>
    own !== packet || before === null
      ? []
      : [
          `${link} ${hook}, ${chain ?? kind}: ${Object.keys(before)
            .map(field => `${field} ${before[field]} -> ${after?.[field]}`)
            .join(', ')}`,
        ],
  )

/** The events of a packet at a hook, and at a point where it is passed more than once. */
const at = (
  { events }: TraceLines,
  packet: EventLine['packet'],
  hook: EventLine['hook'],
  place: 'host' | 'inside' = 'host',
): EventLine[] =>
  events.filter(
    event =>
      event.packet === packet && event.hook === hook && (event.point === 'inside') === (place === 'inside'),
  )

/** The way through a namespace as nft printed it: the links of a packet at a chain of natspace. */
const linksAt = (packet: NftPacket | undefined, chain: string) => {
  const { input, output } =
    packet?.visits.find(visit => visit.table === 'natspace' && visit.chain === chain)?.header ?? {}
  return { input, output }
}

let lines: TraceLines
let seen: Evidence
let judged: Judged

/** The echo of the experiment, once for all tests that look at it. */
const trace = () => {
  if (lines !== undefined) return
  stage.watchers.take()
  lines = linesOf(stage.natspace('trace --json myspace --to 192.168.1.15 --source-port 29610'))
  seen = stage.watchers.take()
  const target = { family: 4, protocol: 'icmp', address: '192.168.1.15' } as const
  judged = judge({ space: 'flows-plain', target, sourcePort: 29_610 }, '192.168.45.3', myspace, seen)
}

describe('captures at three points', () => {
  test('every field of every event, point and tuple is what the second opinions saw', () => {
    trace()
    expect(differences(storyOfLines('myspace', lines), judged, texts())).toEqual([])
    expect(lines.end).toMatchObject({ outcome: 'answered', refused: false, notes: [] })
  })

  for (const [row, point, inside] of [
    ['host2 eth0, the LAN', `${host2} eth0`, '192.168.1.32'],
    ['host1 eth0', 'host eth0', '192.168.1.32'],
    ['host1 veth1', 'host veth1', '192.168.45.3'],
    ['veth2 in the space', 'myspace veth2', '192.168.45.3'],
  ] as const)
    test(`${row}: the request, and the reply, with the same identifier`, () => {
      trace()
      expect(captured(seen, point, inside, '192.168.1.15')).toEqual([
        `1 ${inside} > 192.168.1.15 id 29610`,
        `1 192.168.1.15 > ${inside} id 29610`,
      ])
      const name = { 'host eth0': 'uplink', 'host veth1': 'cable', 'myspace veth2': 'inside' }[
        point as string
      ]
      // The other computer is not looked into: what leaves by the uplink is what comes there.
      const told = lines.end.points.find(item => item.point === (name ?? 'uplink'))
      expect(told).toMatchObject({
        interface: name === undefined ? 'eth0' : point.split(' ')[1],
        request: { source: inside, destination: '192.168.1.15', icmpType: 8, icmpId: 29_610 },
        reply: { source: '192.168.1.15', destination: inside, icmpType: 0, icmpId: 29_610 },
      })
    })
})

describe('the walk of one packet through host1', () => {
  test('1. prerouting: nothing to do', () => {
    trace()
    const events = at(lines, 'request', 'prerouting')
    expect(events.length).toBeGreaterThan(0)
    for (const event of events)
      expect(event).toMatchObject({ point: 'cable', interface: 'veth1', before: null })
  })

  test('2. the routing decision: not local, so forward', () => {
    trace()
    const [decision, ...more] = at(lines, 'request', 'routing')
    expect(more).toEqual([])
    expect(decision).toMatchObject({ kind: 'routing', rule: '192.168.1.0/24 dev eth0 (table main)' })
    expect(run('ip', 'route get 192.168.1.15 from 192.168.45.3 iif veth1'.split(' '))).toContain(' dev eth0 ')
    // A packet that is forwarded loses one of its hops.
    expect([decision?.before, decision?.after]).toEqual([{ ttl: 64 }, { ttl: 63 }])
    expect(judged.captured.uplink.request?.ttl).toBe(63)
  })

  test('3. forward: in by veth1, out by eth0, accepted', () => {
    trace()
    const [forward, ...more] = at(lines, 'request', 'forward')
    expect(more).toEqual([])
    expect(forward).toMatchObject({ chain: 'inet natspace forward', owner: 'natspace', verdict: 'accept' })
    expect(linksAt(judged.walked.request.host, 'forward')).toEqual({ input: 'veth1', output: 'eth0' })
  })

  test('4. postrouting: the source becomes that of host1', () => {
    trace()
    expect(changesOf(lines, 'request')).toEqual([
      'veth1 routing, routing: ttl 64 -> 63',
      'eth0 postrouting, inet natspace postrouting: source 192.168.45.3 -> 192.168.1.32',
    ])
    const translating = at(lines, 'request', 'postrouting').find(({ before }) => before !== null)
    expect(translating).toMatchObject({ rule: 'masquerade', decidedBy: 'rule', stage: 'srcnat + 10' })
  })

  test('5. out by eth0', () => {
    trace()
    expect(judged.walked.request.host?.last.output).toBe('eth0')
    expect(lines.end.points.find(({ point }) => point === 'uplink')?.interface).toBe('eth0')
  })

  test('the answer: back to the space without a rule, as connection tracking remembers', () => {
    trace()
    expect(changesOf(lines, 'reply')).toEqual([
      'eth0 prerouting, conntrack: destination 192.168.1.32 -> 192.168.45.3',
      'eth0 routing, routing: ttl 64 -> 63',
    ])
    expect(at(lines, 'reply', 'routing').map(({ rule }) => rule)).toEqual([
      '192.168.45.0/24 dev veth1 (table main)',
    ])
    expect(linksAt(judged.walked.reply.host, 'forward')).toEqual({ input: 'eth0', output: 'veth1' })
    expect(judged.connection).toMatchObject({
      original: { source: '192.168.45.3', destination: '192.168.1.15', id: 29_610 },
      reply: { source: '192.168.1.15', destination: '192.168.1.32', id: 29_610 },
    })
    expect(lines.end.connection).toMatchObject({
      original: { source: '192.168.45.3', destination: '192.168.1.15', icmp: { id: 29_610 } },
      reply: { source: '192.168.1.15', destination: '192.168.1.32', icmp: { id: 29_610 } },
    })
  })
})

describe('inbound, to the published port', () => {
  const visit = {
    source: '192.168.1.15',
    target: { family: 4, protocol: 'tcp', address: '192.168.1.32', port: 8080 },
    sourcePort: 40_808,
  } as const
  let inbound: TraceLines
  let walked: Judged

  test('every field is what the second opinions saw', async () => {
    await stage.serve()
    const file = '/run/article-inbound'
    const tracing = stage.start('trace --json myspace --from 192.168.1.15 --limit 1', file)
    const ended = new Promise(resolve => tracing.once('exit', resolve))
    await eventually('the trace', () => run('nft', ['list', 'tables']).includes('natspace-trace-'))
    await eventually('the trace of the space', () =>
      run('nsenter', ['--net=/run/netns/myspace', 'nft', 'list', 'tables']).includes('natspace-trace-'),
    )
    stage.watchers.take()
    run('nsenter', [
      `--net=/run/netns/${host2}`,
      ...`nc -z -w 2 -s 192.168.1.15 -p ${visit.sourcePort} 192.168.1.32 8080`.split(' '),
    ])
    await ended
    const seen = stage.watchers.take()
    inbound = linesOf(readFileSync(file, 'utf8'))
    walked = judgeVisit(visit, myspace, seen)
    expect(differences(storyOfLines('myspace', inbound), walked, texts())).toEqual([])
    expect(inbound.end).toMatchObject({ outcome: 'answered', refused: false })
  })

  test('1. in by eth0 for 192.168.1.32:8080', () => {
    expect(walked.walked.request.host?.header).toMatchObject({
      input: 'eth0',
      destination: '192.168.1.32',
      destinationPort: 8080,
    })
    expect(inbound.end.points.find(({ point }) => point === 'uplink')).toMatchObject({
      interface: 'eth0',
      request: { source: '192.168.1.15', destination: '192.168.1.32', destinationPort: 8080 },
    })
  })

  test('2. prerouting: the destination becomes 192.168.45.3:80; 5. postrouting: the masquerade does not apply', () => {
    expect(changesOf(inbound, 'request')).toEqual([
      'eth0 prerouting, inet natspace prerouting: destination 192.168.1.32 -> 192.168.45.3, destinationPort 8080 -> 80',
      'eth0 routing, routing: ttl 64 -> 63',
    ])
    const postrouting = at(inbound, 'request', 'postrouting')
    expect(postrouting.flatMap(({ rules }) => rules).some(({ text }) => text.includes('masquerade'))).toBe(
      false,
    )
  })

  test('3. the routing decision: not local any more; 4. the route leads to veth1', () => {
    expect(at(inbound, 'request', 'routing').map(({ rule }) => rule)).toEqual([
      '192.168.45.0/24 dev veth1 (table main)',
    ])
    expect(run('ip', 'route get 192.168.45.3 from 192.168.1.15 iif eth0'.split(' '))).toContain(' dev veth1 ')
    expect(at(inbound, 'request', 'forward')).toMatchObject([
      { chain: 'inet natspace forward', verdict: 'accept' },
    ])
    expect(linksAt(walked.walked.request.host, 'forward')).toEqual({ input: 'eth0', output: 'veth1' })
  })

  test('6. through the cable; 7. the server on port 80 receives it, and its answer is translated back', () => {
    for (const point of ['cable', 'inside'] as const) {
      const row = inbound.end.points.find(item => item.point === point)
      expect(row?.request).toMatchObject({
        source: '192.168.1.15',
        destination: '192.168.45.3',
        destinationPort: 80,
      })
      expect(walked.captured[point].request).toMatchObject({
        destination: '192.168.45.3',
        destinationPort: 80,
      })
    }
    expect(at(inbound, 'request', 'routing', 'inside').map(({ rule }) => rule)).toEqual([
      'local 192.168.45.3/32 (table local)',
    ])
    expect(changesOf(inbound, 'reply')).toContain(
      'eth0 postrouting, conntrack: source 192.168.45.3 -> 192.168.1.32, sourcePort 80 -> 8080',
    )
    // SYN and ACK, from the address and port that were asked.
    expect(walked.captured.uplink.reply).toMatchObject({
      source: '192.168.1.32',
      sourcePort: 8080,
      tcpFlags: 0x12,
    })
  })
})
