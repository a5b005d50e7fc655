/** The reference experiment's packets as `natspace trace --json` tells them, beside tcpdump, nft and conntrack on the same ones. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ArticleStage, host2, myspace } from '../support/random-flows/article-stage.ts'
import { differences } from '../support/random-flows/compare.ts'
import { type EventLine, linesOf, storyOfLines, type TraceLines } from '../support/random-flows/json-story.ts'
import { type Judged, judge } from '../support/random-flows/judge.ts'
import { judgeVisit } from '../support/random-flows/judge-visit.ts'
import { ruleTexts } from '../support/random-flows/nft-trace.ts'
import { endsText, type Frame } from '../support/random-flows/pcap.ts'
import { type Evidence, whyNoCapture } from '../support/random-flows/watchers.ts'
import { requireSandbox, run } from '../support/sandbox.ts'
import { eventually } from '../support/second-opinions.ts'
import { findTool, testUnless } from '../support/tools.ts'

requireSandbox()

const missing = ['ip', 'nft', 'conntrack', 'nc', 'nsenter', 'stdbuf'].filter(name => findTool(name) === undefined)
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

/** The events of the host, each as a line: where, what decided, and what became different. */
const walk = ({ events }: TraceLines, packet: EventLine['packet']): string[] =>
  events
    .filter(event => event.packet === packet && event.point !== 'inside')
    .map(({ interface: link, hook, kind, chain, rule, verdict, before, after }) => {
      const changes = Object.keys(before ?? {}).map(field => `${field} ${before?.[field]} -> ${after?.[field]}`)
      return [`${link} ${hook}`, chain ?? kind, rule, verdict, ...changes].filter(Boolean).join(', ')
    })

describe('captures at three points', () => {
  let lines: TraceLines
  let seen: Evidence
  let judged: Judged
  const traced = () => {
    if (lines !== undefined) return
    stage.watchers.take()
    lines = linesOf(stage.natspace('trace --json myspace --to 192.168.1.15 --source-port 29610'))
    seen = stage.watchers.take()
    const target = { family: 4, protocol: 'icmp', address: '192.168.1.15' } as const
    judged = judge({ space: 'flows-plain', target, sourcePort: 29_610 }, '192.168.45.3', myspace, seen)
  }

  test('every field of every event, point and tuple is what the second opinions saw', () => {
    traced()
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
      traced()
      expect(captured(seen, point, inside, '192.168.1.15')).toEqual([
        `1 ${inside} > 192.168.1.15 id 29610`,
        `1 192.168.1.15 > ${inside} id 29610`,
      ])
      const name = { 'host eth0': 'uplink', 'host veth1': 'cable', 'myspace veth2': 'inside' }[point as string]
      // The other computer is not looked into: what leaves by the uplink is what comes there.
      const told = lines.end.points.find(item => item.point === (name ?? 'uplink'))
      expect(told).toMatchObject({
        interface: name === undefined ? 'eth0' : point.split(' ')[1],
        request: { source: inside, destination: '192.168.1.15', icmpType: 8, icmpId: 29_610 },
        reply: { source: '192.168.1.15', destination: inside, icmpType: 0, icmpId: 29_610 },
      })
    })

  test('the walk of the packet through host1, and of its answer back', () => {
    traced()
    expect(walk(lines, 'request')).toEqual([
      'veth1 prerouting, inet natspace guard, iifname . ip saddr @source4 return, accept',
      'veth1 prerouting, conntrack, a new connection',
      'veth1 prerouting, inet natspace prerouting, accept',
      'veth1 routing, routing, 192.168.1.0/24 dev eth0 (table main), ttl 64 -> 63',
      'veth1 forward, inet natspace forward, accept, accept',
      'eth0 postrouting, inet natspace postrouting, masquerade, accept, source 192.168.45.3 -> 192.168.1.32',
      'eth0 postrouting, inet natspace claims, accept',
    ])
  })
})
