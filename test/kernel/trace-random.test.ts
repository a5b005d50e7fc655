/** Flows and rules made at random: what natspace tells of each, beside tcpdump, nft and conntrack on the same packets. */
import { expect } from 'bun:test'
import { observeProbe } from '../../src/insight/trace/observe.ts'
import { type Story, storyOf } from '../../src/insight/trace/story.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { differences } from '../support/random-flows/compare.ts'
import { type Flow, randomFlow } from '../support/random-flows/flows.ts'
import { judge } from '../support/random-flows/judge.ts'
import { randomScenario, Staged } from '../support/random-flows/scenario.ts'
import { FlowStage } from '../support/random-flows/stage.ts'
import { Random } from '../support/random-ruleset.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const test = requireTool('ip', 'nft', 'iptables-nft', 'conntrack', 'sysctl', 'nsenter')

/** To repeat or to vary a run: seeds, how many flows, and how many of them one ruleset gets. */
const number = (name: string, usual: number): number => Number(process.env[name] ?? usual)
const seed = number('NATSPACE_TEST_SEED', 1)
const count = number('NATSPACE_TEST_FLOWS', 100)
const perScenario = number('NATSPACE_TEST_FLOWS_PER_RULESET', 25)
const from = number('NATSPACE_TEST_FROM', 0)
const timeout = number('NATSPACE_TEST_TIMEOUT', 250)

type Done = { flow: Flow; source: string; story: Story }

test(
  `seed ${seed}: ${count} flows`,
  async () => {
    using kernel = new LinuxKernel()
    using stage = new FlowStage(kernel)
    const tally = new Map<string, number>()
    const found: string[] = []
    for (let round = from; (round - from) * perScenario < count; round++) {
      const random = new Random(seed * 10_000 + round)
      const scenario = randomScenario(random, `others-${round}`, stage)
      using staged = new Staged(scenario)
      stage.watchers.take()
      const done: Done[] = []
      for (let index = 0; index < Math.min(perScenario, count - (round - from) * perScenario); index++) {
        const flow = randomFlow(random, stage)
        const { space, target, sourcePort } = flow
        const payload = target.protocol === 'udp' ? { payload: new TextEncoder().encode('natspace') } : {}
        const seen = await observeProbe(kernel, stage.space(space), target, { timeout, sourcePort, ...payload })
        if (seen === undefined) throw new Error('it was ended')
        done.push({ flow, source: seen.tuple.source, story: storyOf(seen) })
      }
      const evidence = stage.watchers.take()
      for (const { flow, source, story } of done) {
        const judged = judge(flow, source, stage.space(flow.space), evidence)
        const key = `${story.end.outcome} ${judged.guilty === undefined ? judged.where : `${judged.guilty.place} rule`}`
        tally.set(key, (tally.get(key) ?? 0) + 1)
        const wrong = differences(story, judged, staged.texts)
        if (wrong.length > 0 && process.env.NATSPACE_TEST_SHOW)
          console.info(JSON.stringify({ target: flow.target, wrong, events: story.events, walked: judged.walked, captured: judged.captured, end: story.end }, null, 1))
        if (wrong.length > 0)
          found.push(
            `round ${round}, ${flow.space} ${JSON.stringify(flow.target)} ${flow.sourcePort}:\n  ${wrong.join('\n  ')}`,
          )
      }
    }
    console.info([...tally].toSorted().map(([key, times]) => `${times} ${key}`).join('\n'))
    expect(found.join('\n')).toBe('')
  },
  600_000,
)
