import { storyOf } from '../../../src/insight/trace/story.ts'
import type { PipelineChain, PipelineHook, Walk } from '../../../src/server/protocol.ts'
import { type RecordedTrace, recordedTrace } from '../../../test/support/recorded-trace.ts'
import { article } from '../topology/fixture.test-support.ts'
import { headersText } from './headers.ts'

/** Walks of what was once traced on the article's host, as the server would tell them. */

const chain = (
  name: string,
  type: PipelineChain['type'],
  priority: number,
  stage: string,
  rules: string[],
  more: Partial<PipelineChain> = {},
): PipelineChain => ({
  family: 'inet',
  table: 'natspace',
  name,
  type,
  priority,
  stage,
  policy: 'accept',
  owner: 'natspace',
  rules: rules.map(text => ({ text })),
  leadsTo: [],
  ...more,
})

const host: PipelineHook[] = [
  {
    hook: 'prerouting',
    chains: [
      chain('guard', 'filter', -300, 'raw', ['iifname @spaces jump from_space', 'ip daddr @inside4 drop'], {
        leadsTo: [
          { name: 'from_space', rules: [{ text: 'iifname . ip saddr @source4 return' }, { text: 'drop' }] },
        ],
      }),
      chain('PREROUTING', 'nat', -100, 'dstnat', ['fib daddr type local counter jump DOCKER'], {
        family: 'ip',
        table: 'nat',
        owner: 'docker',
        leadsTo: [{ name: 'DOCKER', rules: [{ text: 'iifname "docker0" return' }] }],
      }),
      chain('prerouting', 'nat', -90, 'dstnat + 10', ['fib daddr type local jump publish'], {
        leadsTo: [
          {
            name: 'publish',
            rules: [{ text: 'meta nfproto ipv4 dnat ip to meta l4proto . th dport map @publish4' }],
          },
        ],
      }),
    ],
  },
  { hook: 'input', chains: [chain('input', 'filter', 0, 'filter', ['iifname @spaces jump to_host'])] },
  {
    hook: 'forward',
    chains: [
      chain('FORWARD', 'filter', 0, 'filter', [], {
        family: 'ip',
        table: 'filter',
        owner: 'iptables',
        policy: 'drop',
      }),
      chain(
        'forward',
        'filter',
        0,
        'filter',
        ['iifname @spaces goto outward', 'oifname @spaces goto to_space'],
        {
          leadsTo: [
            { name: 'outward', rules: [{ text: 'ct direction original jump leaving' }, { text: 'accept' }] },
            { name: 'leaving', rules: [{ text: 'iifname . oifname @via iifname != @limited return' }] },
            { name: 'to_space', rules: [{ text: 'ct state established,related accept' }, { text: 'drop' }] },
          ],
        },
      ),
    ],
  },
  { hook: 'output', chains: [chain('redirects', 'filter', 0, 'filter', [])] },
  {
    hook: 'postrouting',
    chains: [
      chain('postrouting', 'nat', 110, 'srcnat + 10', ['iifname @spaces jump translate'], {
        leadsTo: [{ name: 'translate', rules: [{ text: 'masquerade' }] }],
      }),
      chain('claims', 'filter', 120, '120', [
        'ct state new iifname @spaces oifname != @spaces goto claimed_ports',
      ]),
    ],
  },
]

const inside: PipelineHook[] = (['prerouting', 'input', 'forward', 'output', 'postrouting'] as const).map(
  hook => ({
    hook,
    chains: [],
  }),
)

/** A walk as it comes over the wire: without undefined fields. */
export const exampleWalk = (name: RecordedTrace): Walk => {
  const story = storyOf(recordedTrace(name))
  const { end, points, space, direction, protocol } = story
  const walk: Walk = {
    format: 'natspace-walk',
    protocolVersion: 1,
    id: `example-${name}`,
    time: Math.round(story.begunAt * 1000),
    space,
    direction,
    protocol,
    title: `${story.tuple.source} → ${story.tuple.destination}`,
    outcome: end.outcome,
    reason: end.reason,
    story,
    pipelines: { inside, host },
    topology: article,
    captures: points.map(point => ({
      place: point.point === 'inside' ? space : 'host1',
      interface: point.interface ?? '',
      lines: [point.request, point.reply].flatMap(sighting =>
        sighting === undefined ? [] : headersText(sighting.header),
      ),
    })),
    ...(name === 'policy'
      ? {
          fault: {
            code: 'FW-FORWARD',
            title: 'A firewall of this host drops forwarded packets',
            why: 'Its FORWARD chain drops by policy what no rule accepts, and no rule accepts the packets of the space.',
            what: 'the policy of ip filter FORWARD is drop',
            evidence: ['ip filter FORWARD: policy drop'],
            fix: { commands: ['natspace up myspace --fix-firewall'], undo: ['natspace down myspace'] },
          },
        }
      : {}),
  }
  return JSON.parse(JSON.stringify(walk))
}
