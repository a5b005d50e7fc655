/** One round: flows and visits under one scenario, each told by natspace and judged by the second opinions. */
import { observeFlows } from '../../../src/insight/follow/observe-flows.ts'
import { compare } from '../../../src/insight/predict/compare.ts'
import { predictFlow, predictInbound } from '../../../src/insight/predict/predict.ts'
import type { Prediction } from '../../../src/insight/predict/prediction.ts'
import { observeProbe } from '../../../src/insight/trace/observe.ts'
import { type Story, storyOf } from '../../../src/insight/trace/story.ts'
import type { Kernel } from '../../../src/linux/kernel.ts'
import { encodeEcho } from '../../../src/linux/net/icmp.ts'
import { SystemError } from '../../../src/linux/sys/errno.ts'
import { Socket } from '../../../src/linux/sys/socket.ts'
import type { Random } from '../random-ruleset.ts'
import { at } from '../walk-stage.ts'
import { differences } from './compare.ts'
import { type Flow, randomFlow, randomVisit, type Visit } from './flows.ts'
import { type Judged, judge } from './judge.ts'
import { judgeVisit } from './judge-visit.ts'
import { type Obstacle, randomScenario, Staged } from './scenario.ts'
import { type FlowStage, host2, published, spaceNames } from './stage.ts'
import type { Evidence } from './watchers.ts'

const content = new TextEncoder().encode('natspace')

/** A flow, its story, and what was predicted of it. A visit of which nothing came to the host has no story. */
type Told = {
  text: string
  story: Story | undefined
  prediction: Prediction | undefined
  judge: (seen: Evidence) => Judged
}

/** How a flow ended, and what differs: from the second opinions, and from the prediction. */
export type Finding = {
  text: string
  outcome: string
  predicted: Prediction['end']['outcome'] | undefined
  doubt: string | undefined
  wrong: string[]
  mispredicted: string[]
}

/** How many probes, visits to published ports, and flows that are followed all at once. */
export type RoundOptions = { name: string; probes: number; visits: number; crowd: number; timeout: number }

export const runRound = async (
  kernel: Kernel,
  stage: FlowStage,
  random: Random,
  { name, probes, visits, crowd, timeout }: RoundOptions,
): Promise<Finding[]> => {
  const scenario = randomScenario(random, name, stage)
  if (process.env.NATSPACE_TEST_SHOW) console.info(JSON.stringify(scenario, null, 1).replaceAll('\\n', '\n'))
  using staged = new Staged(scenario)
  stage.watchers.take()
  const told: Told[] = []
  for (let index = 0; index < probes; index++)
    told.push(await probe(kernel, stage, randomFlow(random, stage), timeout))
  for (let index = 0; index < visits; index++)
    told.push(await visitPort(kernel, stage, randomVisit(random), timeout))
  told.push(...(await followCrowd(kernel, stage, random, crowd, timeout)))
  const seen = stage.watchers.take()
  return told.map(({ text, story, prediction, judge: judgeBy }) => {
    const judged = judgeBy(seen)
    const end = prediction?.end
    const common = {
      text,
      predicted: end?.outcome,
      doubt: end?.outcome === 'unknown' ? (end.doubts[0]?.expression ?? end.reason) : undefined,
    }
    if (story === undefined) {
      const { host, inside } = judged.walked.request
      const walked = host ?? inside
      const wrong = walked === undefined ? [] : [`nothing was told; nft saw ${JSON.stringify(walked.header)}`]
      return { ...common, outcome: `untold: ${judged.where}`, wrong, mispredicted: [] }
    }
    if (isLate(story, judged, timeout)) return { ...common, outcome: late, wrong: [], mispredicted: [] }
    return {
      ...common,
      outcome: `${story.end.outcome}: ${judged.guilty === undefined ? judged.where : `rule ${judged.guilty.place}`}`,
      wrong: [
        ...differences(story, judged, staged.texts),
        ...routeDifferences(story, judged, scenario.obstacles),
      ],
      mispredicted:
        prediction === undefined
          ? []
          : [...compare(prediction, story).differences, ...contradictions(prediction, judged)],
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
    if (protocol === 'udp') unlessRefused(() => client.send(content))
  })
  const text = `visit to ${protocol} ${address} ${port} from ${sourcePort}`
  const story = followed.map(item => item.story).find(({ tuple }) => tuple.sourcePort === sourcePort)
  return { text, story, prediction, judge: evidence => judgeVisit(visit, staged, evidence) }
}

/** Flows of one space that all begin at once, and are told apart. */
const followCrowd = async (
  kernel: Kernel,
  stage: FlowStage,
  random: Random,
  size: number,
  timeout: number,
): Promise<Told[]> => {
  const space = random.of(spaceNames)
  const staged = stage.space(space)
  const flows = Array.from({ length: size }, () => ({ ...randomFlow(random, stage), space }))
  const clients = flows.map(({ target: { protocol, family } }) =>
    at(staged.namespacePath, place => Socket.open(protocol, { ...place, family })),
  )
  try {
    const followed = await observeFlows(kernel, staged, { direction: 'out', timeout }, async () => {
      for (const [index, client] of clients.entries()) begin(client, flows[index] as Flow)
    })
    const stories = followed.map(item => item.story)
    return flows.map(flow => {
      const { target, sourcePort } = flow
      const story = stories.find(({ tuple }) => (tuple.icmp?.id ?? tuple.sourcePort) === sourcePort)
      const own = target.family === 4 ? staged.address : (staged.ipv6?.address ?? '')
      return {
        text: `in a crowd ${space} to ${target.protocol} ${target.address} ${target.port ?? ''} from ${sourcePort}`,
        story,
        prediction: undefined,
        judge: evidence => judge(flow, story?.tuple.source ?? own, staged, evidence, false),
      }
    })
  } finally {
    for (const client of clients) client.close()
  }
}

const begin = (
  client: Socket,
  { target: { family, protocol, address, port = 0 }, sourcePort }: Flow,
): void => {
  if (protocol === 'icmp') {
    const echo = encodeEcho({ type: 'request', identifier: sourcePort, sequence: 1, payload: content })
    // The kernel makes the checksum of ICMPv6.
    if (family === 6) echo.set([128, 0, 0, 0])
    unlessRefused(() => client.send(echo, { address, port: 0 }))
    return
  }
  client.bind({ address: family === 4 ? '0.0.0.0' : '::', port: sourcePort })
  if (protocol === 'tcp') client.resetAtClose()
  unlessRefused(() => {
    client.startConnect({ address, port })
    if (protocol === 'udp') client.send(content)
  })
}

const unlessRefused = (action: () => void): void => {
  try {
    action()
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
  }
}

/** What stopped a request at the host's routing decision is known here, and has to be told. */
const routeDifferences = (
  { end }: Story,
  { where, packet, walked }: Judged,
  obstacles: readonly Obstacle[],
): string[] => {
  const stopped = walked[packet].host
  if (where !== 'routing' || stopped === undefined) return []
  const { last: header, routedMark: mark } = stopped
  const routed = { destination: header.destination, input: header.input, mark }
  const reasons = obstacles
    .filter(({ place }) => place === 'host')
    .flatMap(({ stops }) => stops(routed) ?? [])
  if (reasons.length === 0)
    return end.outcome === 'lost' ? [] : [`the end is ${end.reason}; nothing like that was made`]
  return end.outcome === 'dropped' && reasons.some(reason => reason.test(end.reason))
    ? []
    : [`the end is ${end.outcome}: ${end.reason}; it was made by ${reasons.join(' or ')}`]
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
