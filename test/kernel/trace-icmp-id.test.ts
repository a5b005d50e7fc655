/** Two spaces that ask the same host with the same identifier at the same time: RFC 5508 section 3.1, beside conntrack and tcpdump. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { spawn } from 'node:child_process'
import type { FlowTuple } from '../../src/linux/conntrack/index.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { differences } from '../support/random-flows/compare.ts'
import { type EventLine, linesOf, storyOfLines } from '../support/random-flows/json-story.ts'
import { judge } from '../support/random-flows/judge.ts'
import { ruleTexts } from '../support/random-flows/nft-trace.ts'
import { endsText } from '../support/random-flows/pcap.ts'
import { addresses, FlowStage, type SpaceName } from '../support/random-flows/stage.ts'
import { whyNoCapture } from '../support/random-flows/watchers.ts'
import { requireSandbox, run } from '../support/sandbox.ts'
import { findTool, testUnless } from '../support/tools.ts'

requireSandbox()

const missing = ['ip', 'nft', 'conntrack', 'ping', 'nsenter', 'stdbuf'].filter(
  name => findTool(name) === undefined,
)
const test = testUnless(
  missing.length > 0 ? `needs ${missing.join(', ')}` : whyNoCapture(),
  'run `npm test` as root',
)

const kernel = new LinuxKernel()
let stage: FlowStage
beforeAll(() => {
  stage = new FlowStage(kernel)
})
afterAll(() => {
  stage[Symbol.dispose]()
  kernel[Symbol.dispose]()
})

const identifier = 4242
const first: SpaceName = 'flows-peer'
const second: SpaceName = 'flows-plain'

/** A ping of so many requests; how many answers came, as it prints at its end. */
const ping = (space: SpaceName, address: string, count: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const words = `--net=/run/netns/${space} ping -n -q -e ${identifier} -i 0.05 -W 5 -c ${count} ${address}`
    const child = spawn('nsenter', words.split(' '), { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', bytes => {
      output += bytes
    })
    child.once('error', reject)
    child.once('close', () => resolve(output))
  })

/** The entries of `conntrack -L` for one host: who asks, with which identifier, and with which the answers come. */
const listed = (family: 4 | 6, host: string) =>
  run('conntrack', ['-L', '-f', `ipv${family}`, '-p', family === 4 ? 'icmp' : 'icmpv6', '-d', host])
    .split('\n')
    .flatMap(line => {
      const [, source, id, answered] = /src=(\S+) .*?\bid=(\d+) .*?src=.*?\bid=(\d+)/.exec(line) ?? []
      return source === undefined ? [] : [{ source, id: Number(id), answered: Number(answered) }]
    })

const idsOf = (tuples: { original: FlowTuple; reply: FlowTuple } | null | undefined) => [
  tuples?.original.icmp?.id,
  tuples?.reply.icmp?.id,
]

const changes = (events: readonly EventLine[], packet: EventLine['packet']) =>
  events.flatMap(({ packet: own, hook, kind, before, after }) =>
    own === packet && before?.icmpId !== undefined
      ? [{ hook, kind, before: before.icmpId, after: after?.icmpId }]
      : [],
  )

for (const family of [4, 6] as const)
  describe(`IPv${family}`, () => {
    const { host2, host, second: other } = addresses[family]

    test('two pings of two spaces are both answered, and outside they are told apart', async () => {
      stage.watchers.take()
      const count = 5
      const outputs = await Promise.all([ping(first, host2, count), ping(second, host2, count)])
      // Where both choose an identifier at the same moment, connection tracking gives up the later packet.
      for (const output of outputs) expect(output).toMatch(/^5 packets transmitted, [45] received/m)
      const entries = listed(family, host2).filter(({ id }) => id === identifier)
      expect(entries.length).toBe(2)
      const [one, two] = entries.map(({ answered }) => answered)
      expect(one).not.toBe(two)
      const seen = stage.watchers.take()
      const outside = (seen.frames.get('host eth0') ?? []).filter(({ id }) => id !== undefined)
      for (const id of [one, two]) {
        const echoes = outside.filter(frame => frame.id === id)
        expect(echoes.filter(({ source }) => source === host).length).toBeGreaterThanOrEqual(count - 1)
        expect(echoes.filter(({ source }) => source === host2).length).toBeGreaterThanOrEqual(count - 1)
      }
    })

    test('trace shows the changed one at each point, in the events and in the connection', async () => {
      // What has been translated to another identifier before would be again: the first of the two is to have its own.
      run('conntrack', ['-F'])
      const pinging = ping(first, other, 20)
      for (let attempt = 0; !listed(family, other).some(({ id }) => id === identifier); attempt++) {
        if (attempt > 1000) throw new Error('the ping does not begin')
        await new Promise(resolve => setTimeout(resolve, 10))
      }
      stage.watchers.take()
      const lines = linesOf(
        stage.natspace(`trace --json ${second} --to ${other} --source-port ${identifier}`),
      )
      expect(await pinging).toContain('20 packets transmitted, 20 received')
      const space = stage.space(second)
      const entry = listed(family, other).find(
        ({ source }) => source === (family === 4 ? space.address : space.ipv6?.address),
      )
      const changed = entry?.answered ?? 0
      expect(entry?.id).toBe(identifier)
      expect(changed).not.toBe(identifier)
      expect(lines.end).toMatchObject({ outcome: 'answered', refused: false })
      expect(
        lines.end.points.map(({ point, request, reply }) => [point, request?.icmpId, reply?.icmpId]),
      ).toEqual([
        ['inside', identifier, identifier],
        ['cable', identifier, identifier],
        ['uplink', changed, changed],
      ])
      expect(changes(lines.events, 'request')).toEqual([
        { hook: 'postrouting', kind: 'chain', before: identifier, after: changed },
      ])
      expect(changes(lines.events, 'reply')).toEqual([
        { hook: 'prerouting', kind: 'conntrack', before: changed, after: identifier },
      ])
      expect(idsOf(lines.end.connection)).toEqual([identifier, changed])

      const seen = stage.watchers.take()
      const target = { family, protocol: 'icmp', address: other } as const
      const source = lines.end.connection?.original.source ?? ''
      const judged = judge({ space: second, target, sourcePort: identifier }, source, space, seen)
      expect(judged.captured.uplink.request && endsText(judged.captured.uplink.request)).toBe(
        `${family === 4 ? 1 : 58} ${host} > ${other} id ${changed}`,
      )
      const texts = new Map([
        ['host', ruleTexts(run('nft', ['-a', 'list', 'ruleset']))],
        [second, new Map<string, string>()],
      ])
      expect(differences(storyOfLines(second, lines), judged, texts)).toEqual([])
    })
  })
