/** One round: flows and visits under one scenario, each told by natspace and judged by the second opinions. */
import { observeFlows } from '../../../src/insight/follow/observe-flows.ts'
import { compare } from '../../../src/insight/predict/compare.ts'
import { predictFlow, predictInbound } from '../../../src/insight/predict/predict.ts'
import type { Prediction } from '../../../src/insight/predict/prediction.ts'
import { observeProbe } from '../../../src/insight/trace/observe.ts'
import { type Story, storyOf } from '../../../src/insight/trace/story.ts'
import type { Kernel } from '../../../src/linux/kernel.ts'
import { SystemError } from '../../../src/linux/sys/errno.ts'
import { Socket } from '../../../src/linux/sys/socket.ts'
import type { Random } from '../random-ruleset.ts'
import { at } from '../walk-stage.ts'
import { differences } from './compare.ts'
import { type Flow, randomFlow, randomVisit, type Visit } from './flows.ts'
import { type Judged, judge } from './judge.ts'
import { judgeVisit } from './judge-visit.ts'
import { randomScenario, Staged } from './scenario.ts'
import { type FlowStage, host2, published } from './stage.ts'
import type { Evidence } from './watchers.ts'

const content = new TextEncoder().encode('natspace')

/** A flow, its story, and what was predicted of it. A visit of which nothing came to the host has no story. */
type Told = {
  text: string
  story: Story | undefined
  prediction: Prediction
  judge: (seen: Evidence) => Judged
}

/** How a flow ended, and what differs: from the second opinions, and from the prediction. */
export type Finding = {
  text: string
  outcome: string
  predicted: Prediction['end']['outcome']
  doubt: string | undefined
  wrong: string[]
  mispredicted: string[]
}

export type RoundOptions = { name: string; flows: number; visits: number; timeout: number }

export const runRound = async (
  kernel: Kernel,
  stage: FlowStage,
  random: Random,
  { name, flows, visits, timeout }: RoundOptions,
): Promise<Finding[]> => {
  const scenario = randomScenario(random, name, stage)
  if (process.env.NATSPACE_TEST_SHOW) console.info(JSON.stringify(scenario, null, 1).replaceAll('\\n', '\n'))
  using staged = new Staged(scenario)
  stage.watchers.take()
  const told: Told[] = []
  for (let index = 0; index < flows; index++)
    told.push(await probe(kernel, stage, randomFlow(random, stage), timeout))
  for (let index = 0; index < visits; index++)
    told.push(await visitPort(kernel, stage, randomVisit(random), timeout))
  const seen = stage.watchers.take()
  return told.map(({ text, story, prediction, judge: judgeBy }) => {
    const judged = judgeBy(seen)
    const { end } = prediction
    const common = {
      text,
      predicted: end.outcome,
      doubt: end.outcome === 'unknown' ? (end.doubts[0]?.expression ?? end.reason) : undefined,
    }
    if (story === undefined) {
      const { host } = judged.walked.request
      const wrong = host === undefined ? [] : [`nothing was told; nft saw ${JSON.stringify(host.header)}`]
      return { ...common, outcome: `untold: ${judged.where}`, wrong, mispredicted: [] }
    }
    if (isLate(story, judged, timeout)) return { ...common, outcome: late, wrong: [], mispredicted: [] }
    return {
      ...common,
      outcome: `${story.end.outcome}: ${judged.guilty === undefined ? judged.where : `rule ${judged.guilty.place}`}`,
      wrong: differences(story, judged, staged.texts),
      mispredicted: [...compare(prediction, story).differences, ...contradictions(prediction, judged)],
    }
  })
}

/** The outcome of flows whose answer came when natspace did not wait any more: a loaded machine takes its time. */
export const late = 'late'

const isLate = ({ begunAt }: Story, { captured }: Judged, timeout: number): boolean => {
  const over = begunAt + timeout / 1000 - 0.05
  return Object.values(captured).some(({ reply }) => reply !== undefined && reply.time > over)
}

const probe = async (kernel: Kernel, stage: FlowStage, flow: Flow, timeout: number): Promise<Told> => {
  const { space, target, sourcePort } = flow
  const staged = stage.space(space)
  const isUdp = target.protocol === 'udp'
  const prediction = predictFlow(kernel, staged, target, {
    sourcePort,
    ...(isUdp ? { payloadLength: content.length } : {}),
  })
  const seen = await observeProbe(kernel, staged, target, {
    timeout,
    sourcePort,
    ...(isUdp ? { payload: content } : {}),
  })
  if (seen === undefined) throw new Error('it was ended')
  return {
    text: `${space} to ${target.protocol} ${target.address} ${target.port ?? ''} from ${sourcePort}`,
    story: storyOf(seen),
    prediction,
    judge: evidence => judge(flow, seen.tuple.source, staged, evidence),
  }
}

const visitPort = async (kernel: Kernel, stage: FlowStage, visit: Visit, timeout: number): Promise<Told> => {
  const { source, target, sourcePort } = visit
  const staged = stage.space(published)
  const { family, protocol, address, port } = target
  const prediction = predictInbound(kernel, staged, {
    source,
    destination: address,
    port,
    protocol,
    sourcePort,
  })
  using client = at(`/run/netns/${host2}`, place => Socket.open(protocol, { ...place, family }))
  client.bind({ address: source, port: sourcePort })
  if (protocol === 'tcp') client.resetAtClose()
  const followed = await observeFlows(kernel, staged, { direction: 'in', timeout }, async () => {
    client.startConnect({ address, port })
    if (protocol === 'udp') sendTo(client)
  })
  const text = `visit to ${protocol} ${address} ${port} from ${sourcePort}`
  const story = followed.map(item => item.story).find(({ tuple }) => tuple.sourcePort === sourcePort)
  return { text, story, prediction, judge: evidence => judgeVisit(visit, staged, evidence) }
}

const sendTo = (client: Socket): void => {
  try {
    client.send(content)
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
  }
}

/** What was predicted beside what the second opinions saw. */
const contradictions = ({ end }: Prediction, { guilty, packet, outcomes, where }: Judged): string[] => {
  const seen =
    guilty === undefined ? where : `${guilty.visit.family} ${guilty.visit.table} ${guilty.visit.chain}`
  const said = `predicted ${end.outcome} of the ${end.at.packet} at ${end.at.chain ?? end.at.hook ?? end.at.point}; seen ${outcomes.join(' or ')}: ${seen}`
  if (end.outcome === 'delivered') return guilty === undefined ? [] : [said]
  if (end.outcome !== 'dropped' || where === 'local') return []
  // What would stop an answer is not met where none comes, or where a refusal comes instead.
  if (end.at.packet === 'reply' && /^(silence|refusal|not on the wire|answer not heard)$/.test(where))
    return []
  if (!outcomes.some(outcome => outcome === 'dropped' || outcome === 'lost')) return [said]
  return guilty !== undefined && (end.at.chain !== seen || end.at.packet !== packet) ? [said] : []
}
